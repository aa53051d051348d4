"""A recipe trained by several processes, each of which has a part of the classes, or of the images, of the loss.

The first process does what `Recipe.train` does. The others fit the same method at the same time, because its loss is a
sum over the classes or the images of all; they write no run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgzsl.errors import RecipeError
from kgzsl.methods import FitContext, Method
from kgzsl.processes import Processes
from kgzsl.recipe import Recipe
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import choose_device
from kgzsl.supervision import Supervision
from kgzsl.types import PathLike

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["train_together"]

SHARED = ("graph_regression",)
"""Methods whose loss several processes share."""


def train_together(
    recipe: PathLike,
    settings: Sequence[str],
    out: PathLike,
    processes: Processes,
    *,
    command: str = "",
    overwrite: bool = False,
) -> RunFolder | None:
    """Train a recipe in several processes and write its run folder; see `kgzsl.recipe.Recipe.train`.

    Args:
        recipe: a file, or the name of a shipped recipe.
        settings: changes of it.
        out: the run folder.
        processes: how many, and where.
        command: what is recorded as the command.
        overwrite: let the new run replace another one.

    Returns:
        The run, in the first process of those that ``torchrun`` started; None in the others.

    Raises:
        RecipeError: the recipe's method has no loss to share, or there are fewer classes than processes.
    """
    name = Recipe.load(recipe, settings).tables["method"]["name"]
    if name not in SHARED:
        raise RecipeError(
            f"Several processes share the classes or the images of a graph network's loss, and method {name!r} is not "
            f"trained so. Train it in one process, or take method {', '.join(SHARED)}."
        )
    first = processes.run(_train, str(recipe), list(settings), str(out), processes.device, command, overwrite)
    return RunFolder(Path(out)) if first else None


def _train(
    fabric: Fabric, recipe: str, settings: list[str], out: str, device: str, command: str, overwrite: bool
) -> bool:
    """Train in one of the processes; return whether it is the first."""
    loaded = Recipe.load(recipe, settings)
    if fabric.is_global_zero:
        _lead(fabric, loaded, out, device, command, overwrite)
    elif folder := fabric.broadcast(""):
        supervision, _ = loaded.inputs.supervision()
        loaded.method().fit(supervision, FitContext(_device(fabric, device), folder, predicts=False))
    fabric.barrier()
    return bool(fabric.is_global_zero)


def _lead(fabric: Fabric, recipe: Recipe, out: str, device: str, command: str, overwrite: bool) -> None:
    """Train and write; the others are told to fit once it is known that a fit is needed."""
    told = False

    def fit(supervision: Supervision, context: FitContext) -> Method:
        nonlocal told
        fabric.broadcast(str(context.folder))
        told = True
        return recipe.method().fit(supervision, context)

    recipe.train(out, device=str(_device(fabric, device)), command=command, overwrite=overwrite, fit=fit)
    if not told:
        fabric.broadcast("")


def _device(fabric: Fabric, device: str) -> Any:
    """Return the device of this process: its own GPU, or the CPU."""
    return fabric.device if choose_device(device).type == "cuda" else choose_device(device)
