"""A recipe: a TOML file whose tables name what to build; from it to a run folder.

| table                                                 | keys                                                 |
|-------------------------------------------------------|------------------------------------------------------|
| ``graph``, ``semantics``, ``seen_bank``, ``seen_features`` | what is learned from, see `kgzsl.recipe_inputs`      |
| ``method``                                              | ``name`` and the method's keywords                   |
| ``transduction``, ``fine_tuning``                         | the steps after the training, see `kgzsl.recipe_steps` |
| ``expected``                                            | values that the recipe reached, for people; not read |

Paths in a recipe are relative to the recipe's folder, else to the working folder.
"""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgzsl.bank import StoredScorer
from kgzsl.errors import InputFileError, RecipeError
from kgzsl.methods import METHODS, FitContext, Method
from kgzsl.recipe_inputs import INPUT_KEYS, SOURCES, RecipeInputs, input_digests
from kgzsl.recipe_steps import STEP_KEYS, RecipeSteps
from kgzsl.registry import build, closest
from kgzsl.run_folder import RunFolder, holds_run, is_run_of, replace_run, strange_files, write_run
from kgzsl.runtime import choose_device, read_toml, shipped_path, toml_text, write_text
from kgzsl.splits import Split
from kgzsl.supervision import Supervision
from kgzsl.training import Checkpoint
from kgzsl.types import PathLike

__all__ = ["Recipe", "find_recipe"]

log = logging.getLogger(__name__)

KEYS = {**INPUT_KEYS, "method": None, **STEP_KEYS, "expected": None}
"""The tables and the keys of each; a method checks its own."""

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
        if not self._get("method", "name"):
            raise RecipeError("The recipe lacks [method] name.")
        seed = self._get("method", "seed", 0)
        if not isinstance(seed, int) or seed < 0:
            raise RecipeError(f"[method] seed is a whole number of at least 0, found {seed!r}.")
        self.inputs, self.steps  # noqa: B018 - they check their tables
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

    @classmethod
    def load(cls, name: PathLike, settings: Sequence[str] = ()) -> Recipe:
        """Read a recipe.

        Args:
            name: a file, or the name of a shipped recipe.
            settings: changes such as ``method.epochs=600``; the value is TOML, or a plain word. A source of the seen
                bank takes the place of the recipe's; one of semantics also that of its text form.

        Raises:
            InputFileError, CorruptFileError, MissingResourceError: it is not there, or no TOML.
            RecipeError: see `Recipe`; or a change is not of the form ``table.key=value``.
        """
        path = find_recipe(name)
        tables = read_toml(path)
        for keys, value in map(_read_setting, settings):
            if keys[0] == "seen_bank" and keys[-1] in SOURCES:
                tables["seen_bank"] = {}
            if keys == ["semantics", "source"]:
                tables.setdefault("semantics", {}).pop("text_form", None)
            _put(tables, keys, value)
        return cls(tables, path.resolve().parent)

    def _get(self, table: str, key: str, default: Any = None) -> Any:
        return self.tables.get(table, {}).get(key, default)

    @property
    def inputs(self) -> RecipeInputs:
        """What the recipe learns from: graph, semantics, seen bank, seen features."""
        return RecipeInputs(self.tables, self.folder)

    @property
    def steps(self) -> RecipeSteps:
        """What the recipe says of the steps after the training."""
        return RecipeSteps(self.tables)

    def method(self) -> Method:
        """Return the method, not fitted."""
        keywords = {key: value for key, value in self.tables["method"].items() if key != "name"}
        variants: Mapping[str, Callable[..., Method]] = METHODS
        return build(variants, str(self._get("method", "name")), "method", keywords)

    def train(
        self,
        out: PathLike,
        *,
        device: str = "auto",
        command: str = "",
        overwrite: bool = False,
        fit: Callable[[Supervision, FitContext], Method] | None = None,
    ) -> RunFolder:
        """Train and write a run folder; killed at any time, the same call goes on and ends in the same bytes.

        A folder that holds the finished run of the same recipe and inputs is returned as it is. One that holds
        another run is refused, or replaced with ``overwrite`` once the new run is whole.

        Args:
            out: the run folder.
            device: ``auto``, ``cpu``, ``cuda``.
            command: what is recorded as the command.
            overwrite: let the new run replace another one.
            fit: what fits the method, where that takes more than this process; by default its own ``fit``.

        Raises:
            InputFileError: a seen class of the recipe has no classifier in the seen bank, or the folder holds another
                run.
            StorageError: a write failed; a run that was there still stands.
        """
        folder, chosen = Path(out), choose_device(device)
        supervision, split = self.inputs.supervision()
        self._check_links(supervision)
        facts = self._facts(supervision, split)
        if is_run_of(folder, facts):
            Checkpoint(folder, "").clear()
            self._keep_steps(folder, facts["parameters"])
            return RunFolder(folder)
        _check_replaceable(folder, overwrite)
        staged = folder / STAGING
        work = staged if holds_run(folder) or staged.is_dir() else folder
        if not is_run_of(work, facts):
            write_text(work / "recipe.toml", self._resolved(folder, facts["parameters"]))
            method = (fit or self.method().fit)(supervision, FitContext(chosen, work))
            manifest = {**facts, "command": command, "device": str(chosen), **_training_facts(method)}
            self._write(work, supervision, split, method, manifest)
        Checkpoint(work, "").clear()
        if work != folder:
            replace_run(folder, work)
        return RunFolder(folder)

    def _check_links(self, supervision: Supervision) -> None:
        """Say where the graph has links that the method does not read."""
        links, method = supervision.graph.links.counts(), self.method()
        if links and not getattr(method, "reads_links", False):
            told = " and ".join(f"{number:,} links of kind {kind!r}" for kind, number in links.items())
            log.warning(
                "The graph has %s, but method %r as the recipe has it knows the hierarchy alone: they change nothing. "
                "Networks that gather along them are sgcn, gcnz, residual, gat, sage, transformer, and rgcn with "
                "network_options = { links = true }; method episodic reads them, too.",
                told,
                self._get("method", "name"),
            )

    def _keep_steps(self, folder: Path, parameters: Mapping[str, Any]) -> None:
        """Write the recipe of a run anew where the steps after the training changed, which need no training."""
        steps = RecipeSteps.of_run(folder)
        if (steps.transduction, steps.fine_tuning) != (self.steps.transduction, self.steps.fine_tuning):
            write_text(folder / "recipe.toml", self._resolved(folder, parameters))

    def _write(
        self, folder: Path, supervision: Supervision, split: Split, method: Method, manifest: Mapping[str, Any]
    ) -> None:
        graph = supervision.graph
        scorer = method.synthesize(graph.index.ids)
        if not isinstance(scorer, StoredScorer):
            name = self._get("method", "name")
            raise RecipeError(f"Method {name!r} makes a scorer that cannot be saved; it cannot be trained into a run.")
        semantics, seen_bank = supervision.semantics, supervision.seen_bank
        write_run(
            folder,
            graph=graph,
            split=split,
            semantics=semantics,
            seen_bank=seen_bank,
            scorer=scorer,
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
            "inputs": input_digests(supervision, split),
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
        for (table, key), written in self.inputs.relative_to(folder).items():
            tables[table][key] = written
        return toml_text(tables)


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
