"""``kgzsl cross-validate``: compare recipes on seen classes that are hidden in turn, with or without images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.completion import DEVICES, RECIPES
from kgzsl.cli.several_values import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.cross_validation import CrossValidation
    from kgzsl.recipe import Recipe

__all__ = ["register"]

HELP = """Hide seen classes fold by fold, fit recipes to the others and measure how well they predict the hidden ones.

It needs no image: the true classifiers of the hidden classes are ranked by the predicted ones. Images of seen classes,
given with --images or named by a recipe's table 'seen_features', are ranked among the classes of their fold as well.
Figures are means over classes with 95 % intervals over classes. Nothing is saved.

Examples:

kgzsl cross-validate kernel

kgzsl cross-validate kernel dgp --folds 5 --repeats 2 --set seen_bank.backbone=my-model

kgzsl cross-validate birds/recipe.toml --held-out validation1 validation2 validation3
"""
TITLES = {"cosine": "cosine", "hit1": "rows @1", "hit5": "rows @5", "reciprocal_rank": "rows 1/rank"}
TITLES |= {"image_hit1": "images @1", "image_hit5": "images @5"}
SHARES = ("hit1", "hit5", "image_hit1", "image_hit5")
"""What is printed in percent."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("cross-validate", cls=ListOptionCommand, help=HELP)(cross_validate_command)


def cross_validate_command(
    recipes: Annotated[
        list[str],
        typer.Argument(metavar="RECIPE...", help="Recipe files, or names of shipped ones.", autocompletion=RECIPES),
    ],
    folds: Annotated[int, typer.Option(min=2, help="How many parts the seen classes are cut into.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="How often they are cut anew.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the cuts and of the intervals.")] = 0,
    held_out: Annotated[
        list[str] | None,
        typer.Option(metavar="LIST...", help="Hide these classes in place of drawn folds: lists beside the graph."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A feature file with images of seen classes.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE...", help="Change every recipe, such as method.epochs=600."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", autocompletion=DEVICES)] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, an object a recipe.")] = False,
) -> None:
    """Cross-validate recipes over their seen classes."""
    from kgzsl.recipe import Recipe

    loaded = {name: Recipe.load(name, settings or []) for name in recipes}
    found = [
        _validate(recipe, name, held_out=held_out, drawn=(folds, repeats, seed), images=images, device=device)
        for name, recipe in loaded.items()
    ]
    if as_json:
        typer.echo(json.dumps([one.to_json(seed=seed) for one in found], indent=2, ensure_ascii=False))
        return
    typer.echo(_table(found, seed))


def _validate(
    recipe: Recipe,
    name: str,
    *,
    held_out: Sequence[str] | None,
    drawn: tuple[int, int, int],
    images: Path | None,
    device: str,
) -> CrossValidation:
    from kgzsl.cross_validation import cross_validate
    from kgzsl.features import FeatureSet
    from kgzsl.methods import FitContext
    from kgzsl.runtime import choose_device
    from kgzsl.splits import draw_folds

    context = FitContext(choose_device(device))
    supervision, split = recipe.inputs.supervision()
    count, repeats, seed = drawn
    folds = (
        tuple(recipe.inputs.class_list(name, supervision.graph) for name in held_out)
        if held_out
        else draw_folds(split.seen, count, repeats, seed)
    )
    return cross_validate(
        recipe.method,
        supervision,
        folds,
        images=supervision.seen_features if images is None else FeatureSet.load(images),
        without=recipe.inputs.without,
        context=context,
        name=Path(name).stem if Path(name).stem != "recipe" else name,
    )


def _table(found: Sequence[CrossValidation], seed: int) -> str:
    criteria = [name for name in TITLES if any(name in one.criteria for one in found)]
    rows = [["recipe", *(TITLES[name] for name in criteria), "chance @1", "seconds"]]
    for one in found:
        cells = [_cell(one, name, seed) if name in one.criteria else "" for name in criteria]
        rows.append([one.name, *cells, f"{100 * one.chance:.1f}", f"{one.seconds:.1f}"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([_heading(found), "", *lines])


def _heading(found: Sequence[CrossValidation]) -> str:
    """Say what was hidden; recipes may differ in their seen classes."""
    lines = []
    for one in found:
        classes = {class_id for fold in one.folds for class_id in fold}
        sizes = sorted({len(fold) for fold in one.folds})
        size = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        lines.append(f"{len(one.folds)} folds of {size} hidden classes, {len(classes):,} seen classes in all")
    same = len(set(lines)) == 1
    return lines[0] if same else "\n".join(f"{one.name}: {line}" for one, line in zip(found, lines))


def _cell(one: CrossValidation, criterion: str, seed: int) -> str:
    scale, digits = (100, 1) if criterion in SHARES else (1, 3)
    low, high = one.interval(criterion, seed=seed)
    return f"{scale * one.mean(criterion):.{digits}f} [{scale * low:.{digits}f}, {scale * high:.{digits}f}]"
