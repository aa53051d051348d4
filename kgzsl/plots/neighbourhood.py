"""The piece of the class graph around a class, drawn as `kgzsl.explain` draws it, with what each class means."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.explain import Neighbourhood, explain, figure_of, neighbourhood_of
from kgzsl.plots.picture import Picture
from kgzsl.plots.style import styled
from kgzsl.types import ClassId

__all__ = ["NamedNeighbourhood", "draw_neighbourhood", "neighbourhood_data"]


@dataclass(frozen=True, slots=True)
class NamedNeighbourhood:
    """A neighbourhood, the class it is of, and the definition of each class where there is one."""

    title: str
    piece: Neighbourhood
    definitions: dict[ClassId, str]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"title": self.title, "definitions": self.definitions, **asdict(self.piece)}


def neighbourhood_data(
    classifier: ZeroShotClassifier, name: str, *, include_person: bool = False
) -> NamedNeighbourhood:
    """Explain a class and choose the piece of the graph that shows it; errors as `kgzsl.explain.explain`."""
    found = explain(classifier, name, include_person=include_person)
    piece = neighbourhood_of(classifier, found)
    shares = ": what adds to its classifier" if found.contributions else " in the class graph"
    texts = {node.class_id: classifier.text(node.class_id).definition or "" for node in piece.nodes}
    return NamedNeighbourhood(f"{found.name}{shares}", piece, texts)


def draw_neighbourhood(data: NamedNeighbourhood) -> Picture:
    """Draw the piece; kinds of classes differ in shape and line."""
    tips = {}
    for node in data.piece.nodes:
        share = [] if node.share is None else [f"share {100 * node.share:+.1f} %"]
        lines = [f"{node.name} ({node.class_id}), {node.kind}", *share, data.definitions.get(node.class_id, "")]
        tips[f"class-{node.class_id}"] = ("\n".join(filter(None, lines)),)
    with styled():
        figure = figure_of(data.piece, data.title)
    return Picture(figure, data.title, tips)
