"""What a recipe says of the steps after the training, which a run folder keeps and the later commands find there.

| table            | keys                                                        | read by                           |
|------------------|-------------------------------------------------------------|-----------------------------------|
| ``transduction`` | ``name`` of a transducer or a remedy, and its keywords      | ``evaluate --transduce recipe``   |
| ``fine_tuning``  | those of `TuningSettings`; ``rows``, ``precision``          | ``fine-tune``                     |

An option of the command always wins. None of it changes what the training ends in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kgzsl.domain_shift import REMEDIES, build_transducer
from kgzsl.errors import InputFileError, RecipeError
from kgzsl.features import FeatureSet
from kgzsl.processes import PRECISIONS
from kgzsl.registry import build, choose
from kgzsl.runtime import read_toml
from kgzsl.transduction import TRANSDUCERS, Transducer
from kgzsl.tuning_settings import TUNED_ROWS, TuningSettings

__all__ = ["STEP_KEYS", "RecipeSteps"]

TRANSDUCTION, FINE_TUNING = "transduction", "fine_tuning"
BESIDE_SETTINGS = ("rows", "precision")
STEP_KEYS = {TRANSDUCTION: None, FINE_TUNING: (*(one.name for one in fields(TuningSettings)), *BESIDE_SETTINGS)}
"""The tables of later steps and the keys of each; a transducer checks its own."""


@dataclass(frozen=True, slots=True)
class RecipeSteps:
    """The tables of a recipe for the steps after the training, with their values checked.

    Args:
        tables: the TOML tables; others than those of `STEP_KEYS` are not looked at.

    Raises:
        RecipeError: a table lacks what it needs, or has what its step does not know.
        UnknownVariantError: no transducer, remedy, adapters or precision is called so.
    """

    tables: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        if wrong := [name for name in STEP_KEYS if not isinstance(self.tables.get(name, {}), Mapping)]:
            raise RecipeError(f"The recipe's {wrong[0]} is no table; write it as [{wrong[0]}] with its keys below.")
        if self.transduction:
            self.transducer(_no_images)
        table = self.fine_tuning
        settings = {key: value for key, value in table.items() if key not in BESIDE_SETTINGS}
        build({FINE_TUNING: TuningSettings}, FINE_TUNING, "table", settings)
        choose(dict.fromkeys(TUNED_ROWS), str(table.get("rows", TUNED_ROWS[0])), "kind of rows")
        choose(PRECISIONS, str(table.get("precision", next(iter(PRECISIONS)))), "precision")

    @classmethod
    def of_run(cls, run: Path) -> RecipeSteps:
        """Read the steps that a run folder keeps; one without a recipe has none."""
        path = run / "recipe.toml"
        return cls(read_toml(path) if path.is_file() else {})

    @property
    def transduction(self) -> Mapping[str, Any]:
        """The table, empty where there is none."""
        return self.tables.get(TRANSDUCTION, {})

    @property
    def fine_tuning(self) -> Mapping[str, Any]:
        """The table, empty where there is none."""
        return self.tables.get(FINE_TUNING, {})

    def transducer(self, seen_images: Callable[[], FeatureSet]) -> Transducer:
        """Return the transducer that the recipe names.

        Args:
            seen_images: returns images of seen classes, for remedies that look at some.

        Raises:
            RecipeError: the recipe has no such table, or a keyword is refused.
        """
        keywords = dict(self.transduction)
        if not (name := str(keywords.pop("name", ""))):
            known = ", ".join((*TRANSDUCERS, *REMEDIES))
            raise RecipeError(f"The recipe lacks [{TRANSDUCTION}] name; it is one of {known}.")
        return build_transducer(name, keywords, seen_images)


def _no_images() -> FeatureSet:
    raise InputFileError("Images of seen classes are read when they are needed.")
