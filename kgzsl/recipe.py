"""A recipe: a TOML file whose tables name what to build; from it to a run folder.

| table         | keys                                                                                  |
|---------------|---------------------------------------------------------------------------------------|
| ``graph``     | ``name`` (shipped, or a folder); ``seen``, ``unseen``: lists beside the graph, or files |
| ``semantics`` | ``source``: ``shipped`` (and ``text_form``) or a file of kgzsl embed (and ``missing``)  |
| ``seen_bank`` | one of ``backbone`` (and ``labels``), ``bank``, ``features`` (and ``fit``)              |
| ``method``    | ``name`` and the method's keywords                                                    |
| ``expected``  | values that the recipe reached, for people; not read                                  |

Paths in a recipe are relative to the recipe's folder, else to the working folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import InputFileError, RecipeError
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.storage import load_graph, load_split_list, split_names
from kgzsl.methods import METHODS, FitContext, Method
from kgzsl.registry import build, choose, closest
from kgzsl.run_folder import RunFolder, holds_run, is_run_of, replace_run, strange_files, write_run
from kgzsl.runtime import choose_device, read_lines, read_toml, sha256_text, shipped_path, toml_text, write_text
from kgzsl.seen_bank import SEEN_BANKS
from kgzsl.semantics import (
    DEFAULT_TEXT_FORM,
    TEXT_FORMS,
    SemanticEmbedding,
    assemble_semantics,
    has_shipped,
    load_shipped,
)
from kgzsl.splits import Split
from kgzsl.supervision import Supervision
from kgzsl.training import Checkpoint
from kgzsl.types import ClassId, PathLike

__all__ = ["Recipe", "find_recipe"]

log = logging.getLogger(__name__)

KEYS = {
    "graph": ("name", "seen", "unseen"),
    "semantics": ("source", "text_form", "missing"),
    "seen_bank": ("backbone", "labels", "bank", "features", "fit"),
    "method": None,
    "expected": None,
}
SOURCES = {"backbone": ("labels",), "bank": (), "features": ("fit",)}
"""Where a seen bank can come from, each with the keys that go with it."""

FILES = (("semantics", "source"), ("seen_bank", "labels"), ("seen_bank", "bank"), ("seen_bank", "features"))
"""Keys that name a file, or one of `WORDS`."""

PLACES = (("graph", "name"), ("graph", "seen"), ("graph", "unseen"), ("seen_bank", "backbone"), *FILES)
"""Keys that may name a file or folder."""

WORDS = ("shipped", "auto")
MISSING = ("raise", "mean")
DEFAULT_FIT = "class-means"
SHIPPED = "imagenet21k"
SHIPPED_GRAPHS = shipped_path("graphs", SHIPPED).parent
STAGING = ".new"
"""Where a run grows that is to replace another one."""


def find_recipe(name: PathLike) -> Path:
    """Return the file of a recipe: a path that exists, else one that kgzsl ships (``dgp``).

    Raises:
        MissingResourceError: neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix == ".toml" and path.parent != Path():
        raise InputFileError(f"Could not read recipe {path}: no such file. Check the path, or name a shipped one.")
    return shipped_path("recipes", path.stem + ".toml")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe with its tables checked.

    Args:
        tables: the TOML tables.
        folder: what paths in it are relative to.

    Raises:
        RecipeError: a table or key is not known, or one is missing; the message lists what is valid.
        UnknownVariantError: the method or its network is not known.
    """

    tables: Mapping[str, Mapping[str, Any]]
    folder: Path

    def __post_init__(self) -> None:
        self._check_keys()
        self._check_values()
        self.method()

    def _check_keys(self) -> None:
        for table, content in self.tables.items():
            if table not in KEYS or not isinstance(content, Mapping):
                hint = closest(table, KEYS)
                raise RecipeError(f"A recipe has no table [{table}]; its tables are {', '.join(KEYS)}.{hint}")
            for key in content:
                valid = KEYS[table]
                if valid is not None and key not in valid:
                    hint = closest(key, valid)
                    raise RecipeError(f"Table [{table}] has no key {key!r}; its keys are {', '.join(valid)}.{hint}")
        needed = (("graph", "name"), ("graph", "seen"), ("method", "name"))
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

    def _check_values(self) -> None:
        for table, key in FILES:
            value = self._get(table, key)
            if value is not None and value not in WORDS and not self._path(str(value)).is_file():
                raise InputFileError(f"[{table}] {key} names {value!r}: no such file. Check the path.")
        choose(TEXT_FORMS, str(self._get("semantics", "text_form", DEFAULT_TEXT_FORM)), "text form")
        choose(SEEN_BANKS, str(self._get("seen_bank", "fit", DEFAULT_FIT)), "seen bank")
        missing = self._get("semantics", "missing", MISSING[0])
        if missing not in MISSING:
            raise RecipeError(f"[semantics] missing is one of {', '.join(MISSING)}, found {missing!r}.")
        seed = self._get("method", "seed", 0)
        if not isinstance(seed, int) or seed < 0:
            raise RecipeError(f"[method] seed is a whole number of at least 0, found {seed!r}.")

    @classmethod
    def load(cls, name: PathLike, settings: Sequence[str] = ()) -> Recipe:
        """Read a recipe.

        Args:
            name: a file, or the name of a shipped recipe.
            settings: changes such as ``method.epochs=600``; the value is TOML, or a plain word. A source of the seen
                bank takes the place of the recipe's.

        Raises:
            InputFileError, CorruptFileError, MissingResourceError: it is not there, or no TOML.
            RecipeError: see `Recipe`; or a change is not of the form ``table.key=value``.
        """
        path = find_recipe(name)
        tables = read_toml(path)
        for keys, value in map(_read_setting, settings):
            if keys[0] == "seen_bank" and keys[-1] in SOURCES:
                tables["seen_bank"] = {}
            _put(tables, keys, value)
        return cls(tables, path.resolve().parent)

    def _get(self, table: str, key: str, default: Any = None) -> Any:
        return self.tables.get(table, {}).get(key, default)

    def _path(self, value: str) -> Path:
        """Return a path of the recipe: relative to its folder, else below the shipped graphs, else as it stands."""
        for folder in (self.folder, SHIPPED_GRAPHS):
            if (folder / value).exists():
                return folder / value
        return Path(value)

    def method(self) -> Method:
        """Return the method, not fitted."""
        keywords = {key: value for key, value in self.tables["method"].items() if key != "name"}
        variants: Mapping[str, Callable[..., Method]] = METHODS
        return build(variants, str(self._get("method", "name")), "method", keywords)

    def graph(self) -> tuple[ClassGraph, Split, Path | str]:
        """Return the class graph, the split, and where the graph is."""
        place = self._graph_place()
        graph = load_graph(place)
        seen = self._class_list(place, str(self._get("graph", "seen")))
        unseen = self._get("graph", "unseen")
        held = set(seen)
        if unseen is None:
            return graph, Split(seen, tuple(i for i in graph.index if i not in held)), place
        return graph, Split(seen, tuple(i for i in self._class_list(place, str(unseen)) if i not in held)), place

    def _graph_place(self) -> Path | str:
        name = str(self._get("graph", "name"))
        return self._path(name) if self._path(name).is_dir() else name

    def _class_list(self, graph: Path | str, name: str) -> tuple[ClassId, ...]:
        if name in split_names(graph):
            return load_split_list(graph, name)
        return tuple(read_lines(self._path(name)))

    def semantics(self, graph: ClassGraph, place: Path | str) -> SemanticEmbedding:
        """Return a vector for every class of the graph, in its order; gaps raise unless the recipe fills them."""
        source = str(self._get("semantics", "source", "shipped"))
        text_form = str(self._get("semantics", "text_form", DEFAULT_TEXT_FORM))
        if source != "shipped":
            embedding = SemanticEmbedding.load(self._path(source))
            return embedding.select(graph.index.ids, missing=str(self._get("semantics", "missing", MISSING[0])))
        from kgzsl.graph.wordnet import definitions

        stored = [load_shipped(name) for name in dict.fromkeys([place, SHIPPED]) if has_shipped(name)]
        return assemble_semantics(graph, stored=stored, define=definitions, text_form=text_form).embedding

    def seen_bank(self) -> ClassifierBank:
        """Return the classifiers of seen classes: a backbone's head, a bank file, or fitted on features."""
        if bank := self._get("seen_bank", "bank"):
            return ClassifierBank.load(self._path(str(bank)))
        if features := self._get("seen_bank", "features"):
            fit = choose(SEEN_BANKS, str(self._get("seen_bank", "fit", DEFAULT_FIT)), "seen bank")
            return fit(FeatureSet.load(self._path(str(features))))
        from kgzsl.vision import load_backbone

        labels = str(self._get("seen_bank", "labels", "auto"))
        name = str(self._get("seen_bank", "backbone"))
        chosen = self._path(name) if self._path(name).is_dir() else name
        return load_backbone(chosen).seen_bank(labels if labels == "auto" else self._path(labels), self._graph_place())

    def train(self, out: PathLike, *, device: str = "auto", command: str = "", overwrite: bool = False) -> RunFolder:
        """Train and write a run folder; killed at any time, the same call goes on and ends in the same bytes.

        A folder that holds the finished run of the same recipe and inputs is returned as it is. One that holds
        another run is refused, or replaced with ``overwrite`` once the new run is whole.

        Args:
            out: the run folder.
            device: ``auto``, ``cpu``, ``cuda``.
            command: what is recorded as the command.
            overwrite: let the new run replace another one.

        Raises:
            InputFileError: a seen class of the recipe has no classifier in the seen bank, or the folder holds another
                run.
            StorageError: a write failed; a run that was there still stands.
        """
        folder, chosen = Path(out), choose_device(device)
        supervision, split = self._inputs()
        facts = self._facts(supervision, split)
        if is_run_of(folder, facts):
            Checkpoint(folder, "").clear()
            return RunFolder(folder)
        _check_replaceable(folder, overwrite)
        staged = folder / STAGING
        work = staged if holds_run(folder) or staged.is_dir() else folder
        if not is_run_of(work, facts):
            write_text(work / "recipe.toml", self._resolved(folder, facts["parameters"]))
            method = self.method().fit(supervision, FitContext(chosen, work))
            manifest = {**facts, "command": command, "device": str(chosen), **_training_facts(method)}
            self._write(work, supervision, split, method, manifest)
        Checkpoint(work, "").clear()
        if work != folder:
            replace_run(folder, work)
        return RunFolder(folder)

    def _inputs(self) -> tuple[Supervision, Split]:
        """Read what is learned from, what is cheap to read first."""
        graph, split, place = self.graph()
        split.check(graph)
        semantics = self.semantics(graph, place)
        return Supervision(graph, semantics, _of_seen(self.seen_bank(), split)), split

    def _write(
        self, folder: Path, supervision: Supervision, split: Split, method: Method, manifest: Mapping[str, Any]
    ) -> None:
        graph = supervision.graph
        bank = method.synthesize(graph.index.ids)
        if not isinstance(bank, ClassifierBank):
            name = self._get("method", "name")
            raise RecipeError(f"Method {name!r} makes no bank of classifiers; it cannot be saved.")
        semantics, seen_bank = supervision.semantics, supervision.seen_bank
        write_run(
            folder,
            graph=graph,
            split=split,
            semantics=semantics,
            seen_bank=seen_bank,
            bank=bank,
            method=method,
            manifest=manifest,
        )

    def _facts(self, supervision: Supervision, split: Split) -> dict[str, Any]:
        """Return what decides what a training ends in, as a manifest holds it."""
        describe: Callable[[], dict[str, Any]] = getattr(self.method(), "parameters", dict)
        parameters = describe()
        semantics, bank = supervision.semantics, supervision.seen_bank
        facts = {
            "backbone": bank.backbone,
            "encoder": semantics.encoder,
            "text_form": semantics.text_form,
            "method": self._get("method", "name"),
            "seed": parameters.get("seed", 0),
            "parameters": parameters,
            "inputs": _digests(supervision, split),
        }
        read_back: dict[str, Any] = json.loads(json.dumps(facts))
        return read_back

    def to_toml(self) -> str:
        """Return the recipe in TOML."""
        return toml_text(self.tables)

    def _resolved(self, folder: Path, parameters: Mapping[str, Any]) -> str:
        """Return the recipe in TOML with every keyword of the method, its paths relative to another folder."""
        tables = {name: dict(content) for name, content in self.tables.items()}
        tables["method"] = {"name": self._get("method", "name"), **parameters}
        for table, key in PLACES:
            if (path := self._place_of(table, key)) is not None:
                tables[table][key] = Path(os.path.relpath(path, folder.resolve())).as_posix()
        return toml_text(tables)

    def _place_of(self, table: str, key: str) -> Path | None:
        """Return the file or folder that a key names, or None where it names something else."""
        value = str(self._get(table, key, ""))
        is_list = key in ("seen", "unseen") and value in split_names(self._graph_place())
        if not value or value in WORDS or is_list or not self._path(value).exists():
            return None
        return self._path(value).resolve()


def _read_setting(setting: str) -> tuple[list[str], Any]:
    """Take ``method.epochs=600`` apart; what is no TOML value is a plain word."""
    place, _, value = setting.partition("=")
    keys, value = [key.strip() for key in place.split(".")], value.strip()
    if len(keys) < 2 or not all(keys) or not value:
        raise RecipeError(f"--set {setting!r} is not of the form table.key=value, such as method.epochs=600.")
    try:
        return keys, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return keys, value


def _put(tables: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    table = tables
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {'.'.join(keys)} does not fit: {key!r} of the recipe is no table.")
    table[keys[-1]] = value


def _check_replaceable(folder: Path, overwrite: bool) -> None:
    if holds_run(folder) and not overwrite:
        raise InputFileError(
            f"{folder} holds a run of another recipe, of other inputs or of another kgzsl; choose another folder, or "
            "replace it with --overwrite (overwrite=True)."
        )
    if not holds_run(folder) and (strangers := strange_files(folder)):
        raise InputFileError(
            f"{folder} holds {strangers[0]!r}, which is of no run; a run needs a folder of its own, choose another."
        )


def _training_facts(method: Method) -> dict[str, Any]:
    progress = getattr(method, "progress", None)
    return {} if progress is None else {"epochs": progress.best_epoch, "seconds": round(progress.seconds, 1)}


def _of_seen(bank: ClassifierBank, split: Split) -> ClassifierBank:
    missing = [class_id for class_id in split.seen if class_id not in bank.index]
    if missing:
        raise InputFileError(
            f"{len(missing)} seen classes of the recipe have no classifier in the seen bank ({missing[0]!r} first); "
            "let the recipe's list hold only classes that the bank has."
        )
    return bank.select(split.seen)


def _digests(supervision: Supervision, split: Split) -> dict[str, str]:
    """Return the sha256 of what a run is made from: the graph, seen and unseen classes, vectors, seen classifiers."""
    graph, bank = supervision.graph, supervision.seen_bank
    texts = [[class_id, text.name, *text.lemmas, text.definition] for class_id, text in zip(graph.index, graph.texts)]
    marks = {mark: sorted(ids) for mark, ids in sorted(graph.marks.items())}
    written = json.dumps([texts, graph.edges.tolist(), graph.relations.tolist(), marks, dict(graph.provenance)])
    vectors = supervision.semantics.vectors.contiguous()
    weights = torch.cat([bank.weights.float(), bank.biases.float()[:, None]], dim=1)
    return {
        "graph": sha256_text(written),
        "split": sha256_text(json.dumps([split.seen, split.unseen])),
        "semantics": hashlib.sha256(vectors.numpy().tobytes()).hexdigest(),
        "seen_bank": hashlib.sha256(weights.numpy().tobytes()).hexdigest(),
    }
