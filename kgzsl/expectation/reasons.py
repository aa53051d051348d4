"""Why a class is expected to be told worse than others, in words: the evidence that takes most from its odds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kgzsl.expectation.evidence import NEAR

__all__ = ["Surroundings", "reasons_of"]

NAMED_ONLY = "named only, no definition"
LEAST, MOST = 0.15, 3
"""A reason takes so much from the log-odds; so many are told."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the reasons of a class speak of.

    Args:
        distance: steps to the nearest seen class, or None where there is no way.
        near: labels of the other candidates within `NEAR` steps, nearest first.
        most_alike: label of the candidate with the most similar classifier, or None where there is no other.
        most_alike_text: the same of the semantic vectors.
        candidates: how many there are.
        seen_competitors: how many of them are seen classes.
        named_only: the class has a vector of its names alone, where others have one of their definitions.
    """

    distance: int | None
    near: Sequence[str]
    most_alike: str | None
    most_alike_text: str | None
    candidates: int
    seen_competitors: int
    named_only: bool


def reasons_of(contributions: Mapping[str, float], deviations: Mapping[str, float], around: Surroundings) -> list[str]:
    """Name the evidence that lowers an expectation most, the strongest first.

    What lowers the odds is told only where it does so in the direction that its words say: numbers that go together
    share their weight, and some of them end up with an odd sign.

    Args:
        contributions: what each piece of evidence adds to the log-odds.
        deviations: how far each is above its mean, in standard deviations.
        around: what the reasons speak of.
    """
    told = list[str]()
    for name in sorted(contributions, key=lambda name: contributions[name]):
        if contributions[name] > -LEAST or len(told) == MOST:
            break
        text = _TEXTS[name](around, deviations[name] > 0) if name in _TEXTS else None
        if text and text not in told:
            told.append(text)
    return [*told, NAMED_ONLY] if around.named_only else told


def _far_from_seen(around: Surroundings, is_high: bool) -> str | None:
    if around.distance is None:
        return "no way to a seen class in the graph"
    if around.distance > NEAR:
        return f"no seen class within {NEAR} steps"
    return f"nearest seen class {around.distance} steps away" if is_high else None


def _siblings(around: Surroundings, is_high: bool) -> str | None:
    if not is_high or not around.near:
        return None
    shown = ", ".join(around.near[:3]) + (", ..." if len(around.near) > 3 else "")
    return f"{len(around.near)} near sibling{'s' if len(around.near) > 1 else ''}: {shown}"


def _when(is_wanted: bool, text: Callable[[Surroundings], str | None]) -> Callable[[Surroundings, bool], str | None]:
    return lambda around, is_high: text(around) if is_high == is_wanted else None


_TEXTS: dict[str, Callable[[Surroundings, bool], str | None]] = {
    "distance": _far_from_seen,
    "seen_near": lambda around, is_high: None if is_high else _far_from_seen(around, True),
    "text_near": _when(False, lambda around: "a text less like those of seen classes than most"),
    "variance": _when(True, lambda around: "a place that the seen classes say little about"),
    "row_likeness": _when(
        True, lambda around: f"a classifier much like that of {around.most_alike}" if around.most_alike else None
    ),
    "crowding": _when(True, lambda around: "candidates whose classifiers are alike"),
    "text_likeness": _when(
        True, lambda around: f"a text much like that of {around.most_alike_text}" if around.most_alike_text else None
    ),
    "siblings": _siblings,
    "kin": _siblings,
    "sibling_distance": lambda around, is_high: _siblings(around, not is_high),
    "candidates": _when(True, lambda around: f"{around.candidates:,} candidates"),
    "seen_competitors": _when(True, lambda around: f"{around.seen_competitors:,} seen classes among the candidates"),
    "standing": lambda around, is_high: (
        "higher scores than other candidates on any picture"
        if is_high
        else "lower scores than other candidates on any picture"
    ),
    "simulated": _when(False, lambda around: "pictures that are expected nearer to other candidates"),
}
