"""What a recipe learns from: the files and names in its tables to graph, semantics, seen bank and seen features.

| table           | keys                                                                                    |
|-----------------|-----------------------------------------------------------------------------------------|
| ``graph``         | ``name`` (shipped, or a folder); ``seen``, ``unseen``: lists beside the graph, or files;  |
|                   | `kgzsl.graph.class_lists` says what a list can be called; ``similar``, ``attributes``,    |
|                   | ``per_class``: see `kgzsl.linked_graph`                                                 |
| ``semantics``     | ``source``: see `kgzsl.semantics.source`; ``text_form``; ``missing``, ``missing_value`` |
| ``seen_bank``     | one of ``backbone`` (and ``labels``), ``bank``, ``features`` (and ``fit``)              |
| ``seen_features`` | ``file``: labelled features of seen classes, for methods that look at images            |
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import InputFileError, RecipeError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.class_lists import is_expression, read_class_list
from kgzsl.graph.storage import load_graph, split_names
from kgzsl.linked_graph import LinkChoice
from kgzsl.registry import choose
from kgzsl.runtime import read_lines, sha256_text, shipped_path
from kgzsl.seen_bank import SEEN_BANKS
from kgzsl.semantics import (
    MISSING_RULES,
    SemanticEmbedding,
    SemanticSource,
    needs_definitions,
    shipped_embeddings,
)
from kgzsl.splits import Split
from kgzsl.supervision import Supervision
from kgzsl.types import ClassId, ClassIds

__all__ = ["INPUT_KEYS", "SOURCES", "RecipeInputs", "input_digests"]

log = logging.getLogger(__name__)

INPUT_KEYS = {
    "graph": ("name", "seen", "unseen", "similar", "attributes", "per_class"),
    "semantics": ("source", "text_form", "missing", "missing_value"),
    "seen_bank": ("backbone", "labels", "bank", "features", "fit"),
    "seen_features": ("file",),
}
"""The tables of the inputs and the keys of each."""

SOURCES = {"backbone": ("labels",), "bank": (), "features": ("fit",)}
"""Where a seen bank can come from, each with the keys that go with it."""

FILES = (
    *(("seen_bank", "labels"), ("seen_bank", "bank"), ("seen_bank", "features")),
    ("seen_features", "file"),
)
"""Keys that name a file, or one of `WORDS`."""

PLACES = (
    ("graph", "attributes"),
    ("graph", "name"),
    ("graph", "seen"),
    ("graph", "unseen"),
    ("seen_bank", "backbone"),
    *FILES,
)
"""Keys that may name a file or folder."""

WORDS = ("auto",)
DEFAULT_FIT = "class-means"
SHIPPED = "imagenet21k"
SHIPPED_GRAPHS = shipped_path("graphs", SHIPPED).parent


@dataclass(frozen=True, slots=True)
class RecipeInputs:
    """The tables of a recipe that name what is learned from, with their values checked.

    Args:
        tables: the TOML tables; others than those of `INPUT_KEYS` are not looked at.
        folder: what paths in it are relative to.

    Raises:
        RecipeError: a table lacks what it needs, or two keys do not go together.
        InputFileError: a file is not there.
        UnknownVariantError: a text form or a fit of the seen bank is not known.
    """

    tables: Mapping[str, Mapping[str, Any]]
    folder: Path

    def __post_init__(self) -> None:
        self._check_needed()
        for table, key in FILES:
            value = self._get(table, key)
            if value is not None and value not in WORDS and not self.path(str(value)).is_file():
                raise InputFileError(f"[{table}] {key} names {value!r}: no such file. Check the path.")
        self.semantic_source()
        self.links()
        choose(SEEN_BANKS, str(self._get("seen_bank", "fit", DEFAULT_FIT)), "seen bank")
        missing = self._get("semantics", "missing", MISSING_RULES[0])
        if missing not in MISSING_RULES:
            raise RecipeError(f"[semantics] missing is one of {', '.join(MISSING_RULES)}, found {missing!r}.")
        if not isinstance(value := self._get("semantics", "missing_value", 0), int | float):
            raise RecipeError(f"[semantics] missing_value is a number, found {value!r}.")

    def _check_needed(self) -> None:
        needed = [("graph", "name"), ("graph", "seen")]
        needed += [("seen_features", "file")] if "seen_features" in self.tables else []
        if missing := [f"[{table}] {key}" for table, key in needed if not self._get(table, key)]:
            raise RecipeError(f"The recipe lacks {', '.join(missing)}.")
        given = [source for source in SOURCES if self._get("seen_bank", source)]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise RecipeError(f"Table [seen_bank] needs exactly one of {', '.join(SOURCES)}; it has {found} of them.")
        for source, keys in SOURCES.items():
            for key in keys:
                if source not in given and self._get("seen_bank", key) is not None:
                    raise RecipeError(
                        f"Key {key!r} of [seen_bank] goes with {source!r}, found {given[0]!r}; remove it."
                    )

    def _get(self, table: str, key: str, default: Any = None) -> Any:
        return self.tables.get(table, {}).get(key, default)

    def path(self, value: str) -> Path:
        """Return a path of the recipe: relative to its folder, else below the shipped graphs, else as it stands."""
        for folder in (self.folder, SHIPPED_GRAPHS):
            if (folder / value).exists():
                return folder / value
        return Path(value)

    def graph(self) -> tuple[ClassGraph, Split, Path | str]:
        """Return the class graph, the split, and where the graph is."""
        place = self._graph_place()
        graph = load_graph(place)
        seen = self.class_list(str(self._get("graph", "seen")), graph)
        unseen = self._get("graph", "unseen")
        held = set(seen)
        if unseen is None:
            return graph, Split(seen, tuple(i for i in graph.index if i not in held)), place
        named = self.class_list(str(unseen), graph)
        return graph, Split(seen, tuple(class_id for class_id in named if class_id not in held)), place

    def _graph_place(self) -> Path | str:
        name = str(self._get("graph", "name"))
        return self.path(name) if self.path(name).is_dir() else name

    def class_list(self, name: str, graph: ClassGraph) -> tuple[ClassId, ...]:
        """Return the classes of a list beside the recipe's graph, of an expression of such lists, or of a file.

        Raises:
            InputFileError: it is none of these (the message names the lists that are there), or it cannot be read.
        """
        place, path = self._graph_place(), self.path(name)
        is_file = path.is_file() or (bool(path.suffix) and not is_expression(name))
        if is_file and name not in split_names(place):
            return tuple(read_lines(path))
        return read_class_list(name, graph, place)

    def links(self) -> LinkChoice:
        """Return which links the graph gets beside its hierarchy."""
        named = self._get("graph", "attributes")
        given = {key: value for key in ("similar", "per_class") if (value := self._get("graph", key)) is not None}
        return LinkChoice(attributes=self.path(str(named)) if named else None, **given)

    def semantics(self, graph: ClassGraph, place: Path | str) -> SemanticEmbedding:
        """Return a vector for every class of the graph, in its order; gaps raise unless the recipe fills them."""
        from kgzsl.graph.wordnet import definitions

        source = self.semantic_source()
        places = dict.fromkeys([place, SHIPPED])
        found = source.embed(
            graph,
            stored=[one for name in places for one in shipped_embeddings(name, source.text_form)],
            define=definitions,
            missing=str(self._get("semantics", "missing", MISSING_RULES[0])),
            missing_value=self._get("semantics", "missing_value"),
        )
        log.info("Semantics of %s: %s", source.line(), found.counts)
        if graph.wordnet_version and needs_definitions(source.text_form) and (bare := found.counts["names"]):
            log.warning(
                "%d of %d classes are put into words without a definition: WordNet is not on this machine, or has "
                "none. Get it with `python -m nltk.downloader wordnet`, or take a text form that is shipped.",
                bare,
                graph.num_classes,
            )
        return found.embedding

    def semantic_source(self) -> SemanticSource:
        """Return where the semantics come from, with its paths found.

        Raises:
            InputFileError: it names a file that is not there.
            UnknownVariantError, RecipeError: there is no such source or text form.
        """
        text_form = self._get("semantics", "text_form")
        named = str(self._get("semantics", "source", "shipped"))
        return SemanticSource.read(named, None if text_form is None else str(text_form), self.path)

    def seen_bank(self, class_ids: ClassIds | None = None) -> ClassifierBank:
        """Return the classifiers of seen classes: a backbone's head, a bank file, or fitted on features.

        Args:
            class_ids: where it is fitted on features, the images of other classes are left out.
        """
        if bank := self._get("seen_bank", "bank"):
            return ClassifierBank.load(self.path(str(bank)))
        if features := self._get("seen_bank", "features"):
            fit = choose(SEEN_BANKS, str(self._get("seen_bank", "fit", DEFAULT_FIT)), "seen bank")
            images = FeatureSet.load(self.path(str(features)))
            return fit(images if class_ids is None else images.of_classes(class_ids))
        from kgzsl.vision import load_backbone

        labels = str(self._get("seen_bank", "labels", "auto"))
        name = str(self._get("seen_bank", "backbone"))
        chosen = self.path(name) if self.path(name).is_dir() else name
        return load_backbone(chosen).seen_bank(labels if labels == "auto" else self.path(labels), self._graph_place())

    def seen_features(self, split: Split) -> FeatureSet | None:
        """Return the features of images of seen classes, or None where the recipe names no file.

        Images of other classes and of none are dropped, with a line in the log.

        Raises:
            InputFileError: the file is missing, or none of its images is of a seen class.
        """
        if "seen_features" not in self.tables:
            return None
        path = self.path(str(self._get("seen_features", "file")))
        given = FeatureSet.load(path)
        kept = given.of_classes(split.seen)
        if not len(kept):
            raise InputFileError(f"{path} holds no image of a seen class; name features of the seen classes.")
        if dropped := len(given) - len(kept):
            log.info("%s: %d of %d images are of no seen class and are left out", path.name, dropped, len(given))
        return kept

    def supervision(self) -> tuple[Supervision, Split]:
        """Read all that a method may look at, what is cheap to read first, and return it with the split.

        Raises:
            InputFileError: a seen class of the recipe has no classifier in the seen bank.
            BackboneMismatchError: the seen features are of another backbone than the seen bank.
        """
        graph, split, place = self.graph()
        split.check(graph)
        features = self.seen_features(split)
        graph, semantics = self.links().apply(graph, self.semantics(graph, place))
        return Supervision(graph, semantics, _of_seen(self.seen_bank(split.seen), split.seen), features), split

    def without(self, supervision: Supervision, held_out: ClassIds) -> Supervision:
        """Return what is left when some seen classes are hidden: their classifiers and images are gone.

        A seen bank that is fitted on features is fitted anew without their images: to tell classes apart, a fit looks
        at all of them.

        Args:
            supervision: what `supervision` returned.
            held_out: the seen classes to hide.
        """
        left = supervision.without(tuple(held_out))
        if not self._get("seen_bank", "features"):
            return left
        kept = left.seen_bank.index.ids
        return replace(left, seen_bank=_of_seen(self.seen_bank(kept), kept))

    def relative_to(self, folder: Path) -> dict[tuple[str, str], str]:
        """Return what each key that names a file or folder is seen from another folder, by table and key."""

        def seen_from(path: Path) -> str:
            return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()

        found = {(table, key): self._place_of(table, key) for table, key in PLACES}
        written = {where: seen_from(path) for where, path in found.items() if path is not None}
        source = self.semantic_source()
        if source.place and Path(source.place).exists():
            keyed = self._get("semantics", "text_form") is not None
            place = seen_from(Path(source.place))
            written["semantics", "source"] = str(replace(source, place=place)) if keyed else source.line(place)
        return written

    def _place_of(self, table: str, key: str) -> Path | None:
        value = str(self._get(table, key, ""))
        is_list = key in ("seen", "unseen") and value in split_names(self._graph_place())
        if not value or value in WORDS or is_list or not self.path(value).exists():
            return None
        return self.path(value).resolve()


def _of_seen(bank: ClassifierBank, seen: ClassIds) -> ClassifierBank:
    missing = [class_id for class_id in seen if class_id not in bank.index]
    if missing:
        raise InputFileError(
            f"{len(missing)} seen classes of the recipe have no classifier in the seen bank ({missing[0]!r} first); "
            "let the recipe's list hold only classes that the bank has."
        )
    return bank.select(seen)


def input_digests(supervision: Supervision, split: Split) -> dict[str, str]:
    """Return the sha256 of what a run is made from.

    That is the graph, the seen and unseen classes, the vectors, the seen classifiers, and seen features where there
    are any.
    """
    graph, bank, images = supervision.graph, supervision.seen_bank, supervision.seen_features
    texts = [[class_id, text.name, *text.lemmas, text.definition] for class_id, text in zip(graph.index, graph.texts)]
    marks = {mark: sorted(ids) for mark, ids in sorted(graph.marks.items())}
    written = json.dumps([texts, graph.edges.tolist(), graph.relations.tolist(), marks, dict(graph.provenance)])
    if len(graph.links):
        written += json.dumps([graph.links.ends.tolist(), graph.links.kinds.tolist()])
    weights = torch.cat([bank.weights.float(), bank.biases.float()[:, None]], dim=1)
    digests = {
        "graph": sha256_text(written),
        "split": sha256_text(json.dumps([split.seen, split.unseen])),
        "semantics": _sha256_rows(supervision.semantics.vectors),
        "seen_bank": _sha256_rows(weights),
    }
    if images is not None:
        rows = _sha256_rows(images.features.float())
        digests["seen_features"] = sha256_text(json.dumps([rows, images.class_ids()]))
    return digests


def _sha256_rows(rows: torch.Tensor) -> str:
    return hashlib.sha256(rows.contiguous().numpy().tobytes()).hexdigest()
