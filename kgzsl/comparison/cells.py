"""What is compared: one recipe with one kind of semantics and one seed is a cell, with a run folder of its own."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kgzsl.errors import RecipeError
from kgzsl.methods import METHODS
from kgzsl.recipe import Recipe
from kgzsl.runtime import sha256_text

__all__ = ["Cell", "cells"]

LONGEST_SLUG, DIGITS = 40, 6


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a comparison.

    Args:
        name: the recipe, as it was named.
        recipe: the recipe with its settings, semantics and seed.
        settings: the changes to the recipe, as ``--set`` takes them.
        seed: the seed that was set, or None where the method takes none.
    """

    name: str
    recipe: Recipe
    settings: tuple[str, ...]
    seed: int | None = None

    @property
    def method(self) -> str:
        """What the recipe is called in the table: its file's name, that of its folder for ``recipe.toml``."""
        path = Path(self.name)
        return path.resolve().parent.name if path.name == "recipe.toml" else path.stem

    @property
    def semantics(self) -> str:
        """Where the semantics come from and how classes are put into words, in one line."""
        source = self.recipe.inputs.semantic_source()
        if source.kind == "shipped":
            return source.text_form
        return source.line(Path(source.place).name) if Path(source.place).exists() else source.line()

    @property
    def folder(self) -> str:
        """What its run folder is called: readable, and different for cells that differ."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.semantics.lower()).strip("-")[:LONGEST_SLUG].strip("-")
        told = json.dumps([self.name, self.recipe.inputs.semantic_source().line(), self.settings])
        digits = sha256_text(told)[:DIGITS]
        return "-".join([self.method, slug, *([] if self.seed is None else [f"seed{self.seed}"]), digits])

    @property
    def command(self) -> str:
        """The command that trains it."""
        return " ".join(["kgzsl train", Path(self.name).name, *(f"--set '{setting}'" for setting in self.settings)])


def cells(
    recipes: Sequence[str], semantics: Sequence[str] = (), seeds: Sequence[int] = (), settings: Sequence[str] = ()
) -> tuple[Cell, ...]:
    """Cross recipes with semantics and seeds; all recipes are checked before anything is trained.

    Args:
        recipes: recipe files, or names of shipped recipes.
        semantics: what ``[semantics] source`` takes; where none is given each recipe keeps its own.
        seeds: of the method; one that takes none makes a single cell.
        settings: changes to every recipe, such as ``method.epochs=600``.

    Raises:
        RecipeError: a cell would stand twice.
        KgzslError: a recipe, a source or a setting is refused; see `kgzsl.recipe.Recipe.load`.
    """
    found: list[Cell] = []
    for name in recipes:
        for source in semantics or (None,):
            chosen = [*settings, *([] if source is None else [f"semantics.source={json.dumps(source)}"])]
            recipe = Recipe.load(name, chosen)
            for seed in seeds if _takes_seed(recipe) and seeds else (None,):
                own = (*chosen, *([] if seed is None else [f"method.seed={seed}"]))
                found.append(Cell(name, Recipe.load(name, own), own, seed))
    keys = [(cell.name, cell.recipe.inputs.semantic_source(), cell.seed) for cell in found]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise RecipeError(f"Recipe {twice[0]!r} with semantics {twice[1].line()!r} stands twice; leave one out.")
    return tuple(found)


def _takes_seed(recipe: Recipe) -> bool:
    method = METHODS[str(recipe.tables["method"]["name"])]
    return "seed" in inspect.signature(method).parameters
