"""Fit the method of a finished run anew with some seen classes hidden, as the choice of gamma needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kgzsl.bank import Scorer
from kgzsl.errors import InputFileError
from kgzsl.methods import METHODS, FitContext, Method
from kgzsl.recipe_inputs import INPUT_KEYS, RecipeInputs
from kgzsl.registry import build, choose
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import read_toml
from kgzsl.supervision import Supervision
from kgzsl.types import ClassId

__all__ = ["refit_of"]

FEATURES = (("seen_features", "file"), ("seen_bank", "features"))
"""What a run learned from that is not in its folder."""


def refit_of(run: RunFolder, context: FitContext | None = None) -> Callable[[tuple[ClassId, ...]], Scorer]:
    """Return a function that fits the run's method without some seen classes and returns a scorer of all of them.

    Graph, semantics and seen classifiers are the run's own, parameters and seed those of its manifest. Where a number
    of epochs was chosen, it is kept and not chosen anew. Features that the run learned from are read from where its
    recipe says, and what was fitted on them is fitted anew without the images of the hidden classes.

    Args:
        run: a finished run.
        context: the device of the fits.

    Raises:
        InputFileError: features that the run learned from are no longer where its recipe says.
    """
    manifest = run.manifest
    parameters = dict(manifest.get("parameters", {}))
    if "epochs" in manifest and "epochs" in parameters:
        parameters |= {"epochs": manifest["epochs"], **({"held_out": 0.0} if "held_out" in parameters else {})}
    name = str(manifest.get("method"))
    choose(METHODS, name, "method")
    without = _without(run)

    def refit(held_out: tuple[ClassId, ...]) -> Scorer:
        variants: dict[str, Callable[..., Method]] = dict(METHODS)
        method = build(variants, name, "method", parameters)
        return method.fit(without(held_out), context).synthesize(run.split.seen)

    return refit


def _without(run: RunFolder) -> Callable[[tuple[ClassId, ...]], Supervision]:
    """Return what tells what is left to learn from when classes are hidden."""
    path = run.path / "recipe.toml"
    tables: dict[str, dict[str, Any]] = read_toml(path) if path.is_file() else {}
    if not any(tables.get(table, {}).get(key) for table, key in FEATURES):
        return Supervision(run.graph, run.semantics, run.seen_bank).without
    try:
        inputs = RecipeInputs({name: tables[name] for name in tables if name in INPUT_KEYS}, run.path)
    except InputFileError as error:
        raise InputFileError(
            f"{run.path} learned from features that it does not hold, and they are not where its recipe says. {error}"
        ) from error
    whole = Supervision(run.graph, run.semantics, run.seen_bank, inputs.seen_features(run.split))
    return lambda held_out: inputs.without(whole, held_out)
