from __future__ import annotations

from pathlib import Path

import pytest

from kgzsl.comparison import cells
from kgzsl.errors import InputFileError, RecipeError, UnknownVariantError

QUICK = ("method.epochs=20",)


def test_recipes_are_crossed_with_semantics_and_seeds(toy_recipe: Path) -> None:
    nearest = toy_recipe.with_name("nearest.toml")
    nearest.write_text(
        toy_recipe.read_text(encoding="utf-8").partition("[method]")[0] + '[method]\nname = "nearest_seen"\n',
        encoding="utf-8",
    )
    found = cells([str(toy_recipe), str(nearest)], ["semantics.safetensors", "name"], [0, 3])
    assert [(cell.method, cell.semantics, cell.seed) for cell in found] == [
        (toy_recipe.parent.name, "semantics.safetensors", 0),
        (toy_recipe.parent.name, "semantics.safetensors", 3),
        (toy_recipe.parent.name, "name", 0),
        (toy_recipe.parent.name, "name", 3),
        ("nearest", "semantics.safetensors", None),
        ("nearest", "name", None),
    ]
    assert len({cell.folder for cell in found}) == 6
    assert found[1].recipe.tables["method"]["seed"] == 3
    assert found[2].recipe.tables["semantics"] == {"source": "name"}
    assert found[5].folder.startswith("nearest-name-")
    assert cells([str(nearest)])[0].semantics == "semantics.safetensors"


def test_settings_reach_every_recipe_and_the_folder(toy_recipe: Path) -> None:
    (plain,), (quick,) = cells([str(toy_recipe)]), cells([str(toy_recipe)], settings=QUICK)
    assert quick.recipe.tables["method"]["epochs"] == 20
    assert plain.folder != quick.folder
    assert quick.command == "kgzsl train recipe.toml --set 'method.epochs=20'"


@pytest.mark.parametrize(
    ("semantics", "error", "message"),
    [
        (["lemmas", "{lemmas}"], RecipeError, "stands twice; leave one out"),
        (["rhymes"], UnknownVariantError, "'rhymes' names no semantics"),
        (["no.safetensors"], InputFileError, "no such file"),
    ],
)
def test_nothing_is_trained_before_all_is_checked(
    toy_recipe: Path, semantics: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        cells([str(toy_recipe)], semantics)
