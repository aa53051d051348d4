"""docs/results.md from what was measured and kept."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from reproduction import acts
from reproduction.grid import CAPS, COMPARED, DEFAULT, FORMS, IN_FLOAT32, LEFT_OUT, METHODS, RECIPES, ROOT, Job
from reproduction.measure import BY_GAMMA, CANDIDATES, FILES, kept_path
from reproduction.prose import ACTS, DIFFERENCES, IDEAS, INTRODUCTION, PUBLISHED

HITS = (1, 2, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Row:
    """All seeds of a recipe on one semantics.

    Args:
        recipe: its name.
        form: its semantics; nothing for the recipe's own.
        kept: what was measured, a mapping for each seed.
        generalised: what was measured with a chosen gamma, or nothing.
    """

    recipe: str
    form: str
    kept: tuple[Mapping[str, Any], ...]
    generalised: Mapping[str, Any] | None = None

    def cells(self) -> Any:
        """Return the row as a comparison of its seeds."""
        from kgzsl.comparison import Comparison, MeasuredCell

        told = [(one["identity"]["job"]["seed"], one) for one in self.kept]
        return Comparison(
            tuple(
                MeasuredCell(self.recipe, self.form, seed, one["folder"], one["seconds"], tuple(one["reports"]))
                for seed, one in told
            )
        )

    def hit(self, k: int, kind: str, files: Sequence[str] = FILES) -> Any:
        """Return Hit@k with its interval, the mean over files and seeds."""
        return self.cells().hit(self.recipe, self.form, k, kind, files)

    def parts(self, kind: str, file: str) -> list[Mapping[str, Any]]:
        """Return the report of each seed."""
        wanted = (kind, file)
        return [one for kept in self.kept for one in kept["reports"] if (one["candidates"], one["features"]) == wanted]

    def unrelated(self, k: int) -> float:
        """Return Hit@k among all unseen classes of images of unrelated ones, the mean over files and seeds."""
        groups = [one["by"]["kinship"]["unrelated"] for file in FILES for one in self.parts("unseen", file)]
        return mean(float(group["hits_micro"][str(k)]) for group in groups)

    @property
    def seconds(self) -> str:
        """What the training took, the mean over seeds; nothing where the run was made elsewhere."""
        known = [one["seconds"] for one in self.kept if one["seconds"] is not None]
        return f"{mean(known):.0f}" if known else ""


def read_rows(grid: Sequence[Job], runs: Path) -> list[Row]:
    """Return what was measured, a row for each recipe and semantics, in the order of the page."""
    from kgzsl.runtime import read_json

    held: dict[tuple[str, str], list[Any]] = {}
    gammas: dict[tuple[str, str], Any] = {}
    for job in grid:
        if (path := kept_path(job, runs)).is_file():
            held.setdefault((job.recipe, job.form), []).append(read_json(path))
        if (path := kept_path(job, runs, BY_GAMMA)).is_file():
            gammas[job.recipe, job.form] = read_json(path)
    order = sorted(held, key=lambda key: (METHODS.index(key[0]), FORMS.index(key[1] or DEFAULT)))
    return [Row(*key, tuple(held[key]), gammas.get(key)) for key in order]


def write_page(grid: Sequence[Job], runs: Path, out: Path, failed: Mapping[str, str]) -> list[str]:
    """Write the page; return what deviates from what recipes expect, or was not run."""
    from kgzsl.runtime import write_text

    rows = read_rows(grid, runs)
    own = [row for row in rows if not row.form]
    checked, deviations = check_expected(own)
    idle = not_run(grid, runs, failed)
    blocks = [
        filled(INTRODUCTION.format(recipes=len(own), files=", ".join(FILES), **sizes(own))),
        *(ideas() if out.resolve().parent == ROOT / "docs" else []),
        "## Methods",
        *(block for kind in CANDIDATES for block in summary(own, kind)),
        *generalised(own),
        "## Semantics",
        *(block for k, kind in ((1, "unrelated"), (5, "unseen")) for block in semantics(rows, k, kind)),
        PUBLISHED,
        DIFFERENCES,
        *(block for kind in CANDIDATES for file in FILES for block in by_file(own, kind, file)),
        *any_class(runs),
        "## Against what the recipes expect",
        "Micro Hit@1, candidates `unrelated`; each recipe's `[expected]` and how far a figure may lie from it.",
        checked,
        "## Runs",
        filled(machine()),
        table(["recipe", "seed", "command", "epochs chosen", "seconds"], commands(own)),
        notes(own),
        "## Not run",
        "\n".join(f"- {line}" for line in idle) or "Nothing: all of the grid is here.",
    ]
    if out.resolve().parent == ROOT / "docs":
        acts.draw(runs)
    write_text(out, "\n\n".join(block.strip() for block in blocks if block) + "\n")
    return [*deviations, *idle]


def any_class(runs: Path) -> list[str]:
    """Return what was measured of the acts, or nothing."""
    parts = [part for block in acts.blocks(runs) for part in block.strip().split("\n\n")]
    found = [part if part.startswith(("#", "|", "!", "-")) else filled(part) for part in parts]
    return ["## Any class, at any time", filled(ACTS.format(run=acts.RECIPE)), *found] if found else []


def filled(text: str) -> str:
    """Return paragraphs and items with their lines filled anew."""
    blocks = []
    for block in text.split("\n\n"):
        items = re.split(r"\n(?=- )", block)
        blocks.append("\n".join(fill(item, "  " if item.startswith("- ") else "") for item in items))
    return "\n\n".join(blocks)


def fill(text: str, indent: str) -> str:
    """Return a text in lines of 120 characters."""
    words = " ".join(text.split())
    return textwrap.fill(words, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def sizes(own: Sequence[Row]) -> dict[str, str]:
    """Return how many classes and images there are, in words."""
    told = {"unrelated": "", "unseen": ""}
    for kind in told if own else ():
        reports = [own[0].parts(kind, file)[0] for file in FILES]
        told[kind] = ", ".join(f"{one['num_images']:,} images of {one['num_classes']} classes" for one in reports)
    return told


def ideas() -> list[str]:
    """Return links to the pages of prose that are there."""
    return [text for name, text in IDEAS.items() if (ROOT / "docs" / name).is_file()]


def table(head: Sequence[str], lines: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a Markdown table, numbers to the right."""
    rules = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rules, *lines))


def escaped(form: str) -> str:
    """Return a text form as a cell of a table."""
    return form.replace("|", "\\|")


def summary(own: Sequence[Row], kind: str) -> list[str]:
    """Return the table of all methods among one kind of candidates."""
    k, extra = (1, ["mean Hit@5"]) if kind == "unrelated" else (5, ["mean Hit@5, unrelated images", "mean Hit@1"])
    head = ["recipe", "seeds", *(f"{file} Hit@{k}" for file in FILES), f"mean Hit@{k}", *extra, "seconds"]
    lines = []
    for row in own:
        further = [f"{row.hit(5, kind).value:.1f}"]
        if kind == "unseen":
            further = [f"{row.unrelated(5):.1f}", f"{row.hit(1, kind).value:.1f}"]
        figures = [*(str(row.hit(k, kind, [file])) for file in FILES), spread(row.hit(k, kind))]
        lines.append([row.recipe, str(len(row.kept)), *figures, *further, row.seconds])
    guess = [mean(one["chance"][str(k)] for one in own[0].parts(kind, file)) for file in FILES] if own else []
    lines += [["chance", "", *map(small, guess), small(mean(guess)), *[""] * (len(extra) + 1)]] if own else []
    return [f"### Candidates `{kind}`", table(head, lines)]


def small(value: float) -> str:
    """Write a figure that may be next to nothing."""
    return f"{value:.1f}" if value >= 0.05 else f"{value:.3f}"


def spread(found: Any) -> str:
    """Write a figure with its interval and, over several seeds, with their range."""
    return str(found) + ("" if found.over_seeds is None else " ({:.1f} to {:.1f})".format(*found.over_seeds))


def generalised(own: Sequence[Row]) -> list[str]:
    """Return the table of seen against unseen classes."""
    measured = [row for row in own if row.generalised]
    head = ["recipe", "file", "gamma", "S", "U", "H", "H [95 %]", "H, oracle gamma", "AUSUC"]
    lines = []
    for row in measured:
        for report in (row.generalised or {})["reports"]:
            found = report["generalised"]
            low, high = found["intervals"]["harmonic_mean"]
            keys = ("gamma", "seen", "unseen", "harmonic_mean")
            cells = [f"{found[key]:.3f}" if key == "gamma" else f"{found[key]:.1f}" for key in keys]
            cells += [f"[{low:.1f}, {high:.1f}]", f"{found['oracle']['harmonic_mean']:.1f}"]
            lines.append([row.recipe, report["features"], *cells, f"{found['ausuc_per_class']:.1f}"])
    others = [row.recipe for row in own if not row.generalised]
    note = f"Not measured so: {', '.join(others)} (`--full` measures them)." if others else ""
    return ["### Candidates `generalised`", GENERALISED, table(head, lines, 2), note]


GENERALISED = """The 1000 seen classes and the file's unrelated ones compete; `imagenet_sample` holds the images of seen
classes, one each. S, U: accuracy per class. Gamma, which seen classes give up, is chosen on hidden seen classes, the
method fitted anew without them. *Oracle* takes the best gamma on the very images and is no result."""


def semantics(rows: Sequence[Row], k: int, kind: str) -> list[str]:
    """Return the table of semantics by methods."""
    by_key = {(row.recipe, row.form or DEFAULT): row for row in rows}
    head = ["semantics", *COMPARED]
    lines = []
    for form in FORMS:
        found = [by_key.get((recipe, form)) for recipe in COMPARED]
        lines.append([escaped(form), *("not run" if row is None else spread(row.hit(k, kind)) for row in found)])
    return [f"Mean micro Hit@{k} over the three files, candidates `{kind}`:", table(head, lines)]


def by_file(own: Sequence[Row], kind: str, file: str) -> list[str]:
    """Return the table of one file among one kind of candidates, with everything that is usually reported."""
    head = ["recipe", *(f"@{k}" for k in HITS), "macro @1 [95 %]", "tolerant @1", "tree distance", "nearest seen @1"]
    lines = []
    for row in own:
        reports = row.parts(kind, file)
        cells = [f"{row.hit(k, kind, [file]).value:.1f}" for k in HITS]
        low, high = (mean(one["interval_macro"]["1"][end] for one in reports) for end in (0, 1))
        cells.append(f"{mean(one['hits_macro']['1'] for one in reports):.1f} [{low:.1f}, {high:.1f}]")
        cells += [f"{mean(one['tolerant'] for one in reports):.1f}"]
        far = [one["tree_distance"] for one in reports]
        cells += ["" if None in far else f"{mean(far):.1f}", small(reports[0]["nearest_seen"]["hits_micro"]["1"])]
        lines.append([row.recipe, *cells])
    return [f"## {file}, candidates `{kind}`", told_sizes(own, kind, file), table(head, lines)]


def told_sizes(own: Sequence[Row], kind: str, file: str) -> str:
    """Say how many candidates, images and classes there are."""
    one = own[0].parts(kind, file)[0] if own else {"num_candidates": 0, "num_images": 0, "num_classes": 0}
    return f"{one['num_candidates']:,} candidates, {one['num_images']:,} images of {one['num_classes']} classes."


def check_expected(own: Sequence[Row]) -> tuple[str, list[str]]:
    """Compare with the recipes' ``[expected]`` tables; return the table, and a line for each deviation."""
    lines, deviations = [], []
    for row in own:
        path = RECIPES / f"{row.recipe}.toml"
        expected = tomllib.loads(path.read_text(encoding="utf-8")).get("expected", {})
        if not expected:
            lines.append([row.recipe, *[""] * len(FILES), "", "expects nothing"])
            continue
        found = {file: row.hit(1, "unrelated", [file]).value for file in FILES}
        away = {file: found[file] - expected[file] for file in FILES if file in expected}
        wrong = [file for file, off in away.items() if abs(off) > expected["tolerance"] + 0.05]  # they are rounded
        cells = [f"{found[file]:.1f} ({expected[file]:.1f})" if file in expected else "" for file in FILES]
        lines.append(
            [row.recipe, *cells, f"{expected['tolerance']:.1f}", f"no: {', '.join(wrong)}" if wrong else "yes"]
        )
        deviations += [f"{row.recipe}: {file} is off by {away[file]:+.1f}" for file in wrong]
    head = ["recipe", *(f"{file} (expected)" for file in FILES), "tolerance", "within it"]
    return table(head, lines), deviations


def commands(own: Sequence[Row]) -> list[list[str]]:
    """Return what was run, a line for each seed."""
    lines = []
    for row in own:
        for one in row.kept:
            seed, seconds = one["identity"]["job"]["seed"], one["seconds"]
            epochs = "" if one["epochs"] is None else str(one["epochs"])
            cells = ["" if seed is None else str(seed), f"`{one['command']}`", epochs]
            lines.append([row.recipe, *cells, "" if seconds is None else f"{seconds:.0f}"])
    return lines


def machine() -> str:
    """Describe the machine in a few words, and what the reduced grid changes."""
    import os
    import platform

    import torch

    capped = ", ".join(f"{recipe} {epochs}" for recipe, (epochs, _) in CAPS.items())
    return (
        f"Machine: {os.cpu_count()} cores ({platform.machine()}), torch {torch.__version__}; each run on one thread, "
        "others beside it. Seconds hold reading the inputs, the choice of hyper-parameters or epochs, the fit, and "
        "writing the run; beside other work they are too high. The reduced grid trains networks in bfloat16 (not "
        f"{', '.join(IN_FLOAT32)}) and caps epochs: {capped}."
    )


def not_run(grid: Sequence[Job], runs: Path, failed: Mapping[str, str]) -> list[str]:
    """Return a line for everything that the page lacks, with the reason."""
    lacking = {job.name: job for job in grid if not kept_path(job, runs).is_file()}
    lines = [f"`{name}`: {failed.get(name, 'not run yet')}" for name in lacking]
    for job in grid:
        if job.generalised and not kept_path(job, runs, BY_GAMMA).is_file():
            lines.append(f"`{job.name}`, candidates `generalised`: {failed.get(job.name, 'not run yet')}")
    return lines + [f"`{name}`: left out, {why}" for name, why in LEFT_OUT.items()]


def notes(own: Sequence[Row]) -> str:
    """Return what was written beside a result by hand, such as that a run was made by an earlier kgzsl."""
    told = {f"{row.recipe}: {one['note']}" for row in own for one in row.kept if one.get("note")}
    return "\n".join(f"- {line}" for line in sorted(told))
