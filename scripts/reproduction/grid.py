"""What is run: every recipe on its own semantics, and three of them on every semantics."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "scripts" / "recipes"
SEMANTICS = "semantics"
"""Where in the folder of the runs embeddings lie that are not shipped."""

DEFAULT = "lemmas: definition"
OF_WAYS = "see the table of ways of learning"
LEFT_OUT = {
    "demo": "DGP again, on the classes of the sample pack; see scripts/demo",
    "transductive": f"`kernel`, then adapted to unlabelled images; {OF_WAYS}",
    "domain_shift": f"`kernel`, then a remedy; {OF_WAYS}",
    "fine_tuning": f"a small SGCN, then a tuned backbone; {OF_WAYS}",
    "similar_links": f"a small SGCN; {OF_WAYS}",
    "attribute_nodes": f"birds by CUB class; {OF_WAYS}",
    "attribute_nodes_21k": f"a small SGCN; {OF_WAYS}",
}
"""Recipes that are no row of the page, and why."""

FIRST = (
    *("best", "kernel", "gcnz", "sgcn", "dgp", "gat", "sage", "rgcn", "transformer", "residual"),
    *("exem", "sync", "icis", "devise", "conse", "eszsl", "nearest_seen"),
)
"""Recipes in the order of the page; those that it does not name follow."""

FOUND = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(RECIPES.glob("*.toml"))}
METHODS = tuple(sorted(FOUND.keys() - LEFT_OUT, key=lambda name: (name not in FIRST, [*FIRST, name].index(name), name)))
NETWORKS = tuple(
    name for name in METHODS if FOUND[name]["method"].get("name", "graph_regression") == "graph_regression"
)

FORMS = (
    "lemmas",
    DEFAULT,
    "definition",
    "photo + ancestors",
    "lemmas: definition + parent",
    "lemmas: definition | lemmas",
    "lemmas: definition | lemmas | photo + ancestors",
)
"""Text forms; parts behind one another stand side by side in a class's vector."""

COMPARED = ("kernel", "exem", "sgcn")
"""The recipes that take every semantics."""

IN_FLOAT32 = ("dgp",)
"""Networks that the reduced grid trains in float32 as the recipe says; an epoch takes a third of a second."""

CAPS = {"sgcn": (300, 100), "transformer": (75, 75)}
"""Epochs and patience that the reduced grid allows where those of the recipe take too long."""

SEEDS = (0, 1, 2)
GENERALISED = {"reduced": ("kernel", "conse", "nearest_seen"), "full": METHODS}
"""Recipes whose gamma is chosen and measured; it takes 5 fits more, 10 a file where scores have an own scale."""

LONG = ("best", "gcnz", "dgp", "gat", "rgcn", "transformer", "icis")
"""What takes longer than a minute; it comes after the rest."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recipe on one semantics with one seed.

    Args:
        recipe: its name.
        form: the text form, or nothing for the recipe's own semantics.
        settings: what differs from the recipe, but for semantics and seed.
        seed: the seed, or None where the recipe's own is kept.
        generalised: whether it is also measured with a chosen gamma.
    """

    recipe: str
    form: str = ""
    settings: tuple[str, ...] = ()
    seed: int | None = None
    generalised: bool = False

    @property
    def name(self) -> str:
        """What ``--only`` and the log call it."""
        words = [
            self.recipe,
            *([slug(self.form)] if self.form else []),
            *([] if self.seed is None else [f"{self.seed}"]),
        ]
        return "-".join(words)


def slug(form: str) -> str:
    """Return a text form as part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", form.lower()).strip("-")


def settings_of(recipe: str, full: bool) -> tuple[str, ...]:
    """Return what a grid changes in a recipe."""
    if full:
        return ()
    changed = ["method.precision=bfloat16"] if recipe in NETWORKS and recipe not in IN_FLOAT32 else []
    epochs, patience = CAPS.get(recipe, (None, None))
    return tuple(changed + ([f"method.epochs={epochs}", f"method.patience={patience}"] if epochs else []))


def jobs(full: bool = False) -> tuple[Job, ...]:
    """Return what a grid holds, the quick ones first."""
    seeds = SEEDS if full else (0,)
    measured = GENERALISED["full" if full else "reduced"]
    found = []
    for recipe in METHODS:
        own = settings_of(recipe, full)
        found += [Job(recipe, "", own, seed, recipe in measured and not seed) for seed in seeds_of(recipe, seeds)]
    for recipe in COMPARED:
        own = settings_of(recipe, full)
        found += [Job(recipe, form, own, seed) for form in FORMS if form != DEFAULT for seed in seeds_of(recipe, seeds)]
    order = [*COMPARED, *(one for one in METHODS if one not in (*COMPARED, *LONG)), *LONG]
    return tuple(
        sorted(found, key=lambda job: (job.seed or 0, job.recipe in LONG, bool(job.form), order.index(job.recipe)))
    )


def seeds_of(recipe: str, seeds: tuple[int, ...]) -> tuple[int | None, ...]:
    """Return the seeds of a recipe; None alone where its method is not random."""
    return seeds if "seed" in FOUND[recipe]["method"] else (None,)
