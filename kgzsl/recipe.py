"""A recipe: a TOML file whose tables name what to build; from it to a run folder.

| table         | keys                                                                                  |
|---------------|---------------------------------------------------------------------------------------|
| ``graph``     | ``name`` (shipped, or a folder); ``seen``, ``unseen``: lists beside the graph, or files |
| ``semantics`` | ``source``: ``shipped`` or a file of kgzsl embed; ``text_form``; ``missing``            |
| ``seen_bank`` | one of ``backbone`` (and ``labels``), ``bank``, ``features`` (and ``fit``)              |
| ``method``    | ``name`` and the method's keywords                                                    |
| ``expected``  | values that the recipe reached, for people; not read                                  |

Paths in a recipe are relative to the recipe's folder.
"""

from __future__ import annotations

import hashlib
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
from kgzsl.run_folder import RunFolder, write_run
from kgzsl.runtime import choose_device, read_lines, read_toml, sha256_text, shipped_path, write_text
from kgzsl.semantics import DEFAULT_TEXT_FORM, SemanticEmbedding, assemble_semantics, has_shipped, load_shipped
from kgzsl.splits import Split
from kgzsl.supervision import Supervision
from kgzsl.types import ClassId, PathLike

__all__ = ["Recipe", "find_recipe"]

KEYS = {
    "graph": ("name", "seen", "unseen"),
    "semantics": ("source", "text_form", "missing"),
    "seen_bank": ("backbone", "labels", "bank", "features", "fit"),
    "method": None,
    "expected": None,
}
SOURCES = ("backbone", "bank", "features")
SHIPPED = "imagenet21k"


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


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


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
        for table, content in self.tables.items():
            if table not in KEYS or not isinstance(content, Mapping):
                raise RecipeError(f"A recipe has no table [{table}]; its tables are {', '.join(KEYS)}.")
            for key in content:
                valid = KEYS[table]
                if valid is not None and key not in valid:
                    hint = closest(key, valid)
                    raise RecipeError(f"Table [{table}] has no key {key!r}; its keys are {', '.join(valid)}.{hint}")
        if missing := [
            f"[{t}] {k}" for t, k in (("graph", "name"), ("graph", "seen"), ("method", "name")) if not self._get(t, k)
        ]:
            raise RecipeError(f"The recipe lacks {', '.join(missing)}.")
        given = [source for source in SOURCES if self._get("seen_bank", source)]
        if len(given) != 1:
            raise RecipeError(
                f"Table [seen_bank] needs exactly one of {', '.join(SOURCES)}; it has {len(given)} of them."
            )
        self.method()

    @classmethod
    def load(cls, name: PathLike, settings: Sequence[str] = ()) -> Recipe:
        """Read a recipe.

        Args:
            name: a file, or the name of a shipped recipe.
            settings: changes such as ``method.epochs=600``; the value is TOML, or a plain word.

        Raises:
            InputFileError, CorruptFileError, MissingResourceError: it is not there, or no TOML.
            RecipeError: see `Recipe`; or a change is not of the form ``table.key=value``.
        """
        path = find_recipe(name)
        tables: dict[str, dict[str, Any]] = {
            table: dict(content) if isinstance(content, dict) else content for table, content in read_toml(path).items()
        }
        for setting in settings:
            place, sign, value = setting.partition("=")
            keys = place.strip().split(".")
            if not sign or len(keys) < 2:
                raise RecipeError(f"--set {setting!r} is not of the form table.key=value, such as method.epochs=600.")
            table = tables
            for key in keys[:-1]:
                table = table.setdefault(key, {})
            table[keys[-1]] = _toml_value(value.strip())
            if keys[0] == "seen_bank" and keys[-1] in SOURCES:
                for other in set(SOURCES) - {keys[-1]}:
                    tables["seen_bank"].pop(other, None)
        return cls(tables, path.resolve().parent)

    def _get(self, table: str, key: str, default: Any = None) -> Any:
        return self.tables.get(table, {}).get(key, default)

    def _path(self, value: str) -> Path:
        path = Path(value)
        return path if path.is_absolute() or not (self.folder / path).exists() else self.folder / path

    @property
    def seed(self) -> int:
        """The seed of the method, 0 where it has none."""
        return int(self._get("method", "seed", 0))

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
            return embedding.select(graph.index.ids, missing=str(self._get("semantics", "missing", "raise")))
        from kgzsl.graph.wordnet import definitions

        stored = [load_shipped(name) for name in dict.fromkeys([place, SHIPPED]) if has_shipped(name)]
        return assemble_semantics(graph, stored=stored, define=definitions, text_form=text_form).embedding

    def seen_bank(self, device: str = "auto") -> ClassifierBank:
        """Return the classifiers of the seen classes: a backbone's head, a bank file, or fitted on features."""
        if bank := self._get("seen_bank", "bank"):
            return ClassifierBank.load(self._path(str(bank)))
        if features := self._get("seen_bank", "features"):
            from kgzsl.seen_bank import SEEN_BANKS

            fit = choose(SEEN_BANKS, str(self._get("seen_bank", "fit", "class-means")), "seen bank")
            return fit(FeatureSet.load(self._path(str(features))))
        from kgzsl.vision import load_backbone

        labels = str(self._get("seen_bank", "labels", "auto"))
        name = str(self._get("seen_bank", "backbone"))
        chosen = self._path(name) if self._path(name).is_dir() else name
        return load_backbone(chosen).seen_bank(labels if labels == "auto" else self._path(labels), self._graph_place())

    def train(self, out: PathLike, *, device: str = "auto", command: str = "") -> RunFolder:
        """Train and write a run folder; killed at any time, the same call goes on and ends in the same bytes.

        Args:
            out: the run folder.
            device: ``auto``, ``cpu``, ``cuda``.
            command: what is recorded as the command.

        Raises:
            InputFileError: a seen class of the recipe has no classifier in the seen bank.
        """
        chosen = choose_device(device)
        graph, split, place = self.graph()
        split.check(graph)
        bank = _of_seen(self.seen_bank(), split)
        semantics = self.semantics(graph, place)
        method = self.method().fit(Supervision(graph, semantics, bank), FitContext(chosen, out))
        synthesized = method.synthesize(graph.index.ids)
        if not isinstance(synthesized, ClassifierBank):
            name = self._get("method", "name")
            raise RecipeError(f"Method {name!r} makes no bank of classifiers; it cannot be saved.")
        write_text(Path(out) / "recipe.toml", self.to_toml())
        return write_run(
            out,
            graph=graph,
            split=split,
            semantics=semantics,
            seen_bank=bank,
            bank=synthesized,
            method=method,
            manifest=self._manifest(method, command, str(chosen), _digests(graph, semantics, bank)),
        )

    def _manifest(self, method: Method, command: str, device: str, inputs: Mapping[str, str]) -> dict[str, Any]:
        progress = getattr(method, "progress", None)
        facts: dict[str, Any] = {
            "command": command,
            "method": self._get("method", "name"),
            "seed": self.seed,
            "device": device,
            "inputs": inputs,
        }
        if progress is not None:
            facts |= {"epochs": progress.best_epoch, "seconds": round(progress.seconds, 1)}
        return facts

    def to_toml(self) -> str:
        """Return the recipe as resolved, in TOML."""
        return "\n".join(_table(name, content) for name, content in self.tables.items())


def _of_seen(bank: ClassifierBank, split: Split) -> ClassifierBank:
    missing = [class_id for class_id in split.seen if class_id not in bank.index]
    if missing:
        raise InputFileError(
            f"{len(missing)} seen classes of the recipe have no classifier in the seen bank ({missing[0]!r} first); "
            "let the recipe's list hold only classes that the bank has."
        )
    return bank.select(split.seen)


def _digests(graph: ClassGraph, semantics: SemanticEmbedding, bank: ClassifierBank) -> dict[str, str]:
    """Return the sha256 of what was learned from: classes and edges, vectors, seen classifiers."""
    words = "\n".join([*graph.index, *(f"{child} {parent}" for child, parent in graph.edges.tolist())])
    weights = torch.cat([bank.weights.float(), bank.biases.float()[:, None]], dim=1)
    vectors = semantics.vectors.contiguous()
    digests = {"graph": sha256_text(words)}
    for name, tensor in (("semantics", vectors), ("seen_bank", weights)):
        digests[name] = hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
    return digests


def _table(name: str, content: Mapping[str, Any]) -> str:
    lines = [f"[{name}]"]
    for key, value in content.items():
        lines.append(f"{key} = {_literal(value)}")
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_literal(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_literal(inner) for inner in value) + "]"
    if isinstance(value, (int, float)):
        return repr(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
