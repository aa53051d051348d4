"""scripts/reproduce: what its grid holds, and the page that it writes from kept reports."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))

from reproduction import acts, grid, measure, page  # noqa: E402

HITS = ("1", "2", "5", "10", "20")


def report(kind: str, file: str, hit: float) -> dict[str, Any]:
    hits = {k: hit + float(k) for k in HITS}
    figures = {"hits_micro": hits, "hits_macro": hits, "interval_micro": {k: [hits[k] - 3, hits[k] + 4] for k in HITS}}
    figures |= {"interval_macro": figures["interval_micro"], "tolerant": hit + 2, "tree_distance": 7.0}
    named = {"candidates": kind, "features": file, "num_candidates": 20, "num_images": 1200, "num_classes": 15}
    close = {"hits_micro": dict.fromkeys(HITS, hit / 2)}
    beside = {"chance": {k: 5 * float(k) for k in HITS}, "nearest_seen": {"hits_micro": hits}}
    return figures | named | beside | {"by": {"kinship": {"unrelated": close}}}


def keep(job: grid.Job, runs: Path, hit: float) -> None:
    reports = [
        report(kind, file, hit + place) for kind in measure.CANDIDATES for place, file in enumerate(measure.FILES)
    ]
    told = {"seconds": 12.0, "epochs": 75, "command": f"kgzsl train {job.recipe}", "folder": job.name}
    path = measure.kept_path(job, runs)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"identity": {"job": {"seed": job.seed}}, **told, "reports": reports}), encoding="utf-8")


@pytest.fixture
def toy(tmp_path: Path) -> tuple[tuple[grid.Job, ...], Path]:
    jobs = (
        grid.Job("dgp", "", (), 0),
        grid.Job("dgp", "", (), 1),
        grid.Job("conse"),
        grid.Job("kernel", "lemmas", (), 0, generalised=True),
        grid.Job("gat", "", (), 0),
    )
    for job, hit in zip(jobs, (20.0, 24.0, 10.0, 30.0)):
        keep(job, tmp_path, hit)
    return jobs, tmp_path


def test_the_page_is_written_from_kept_reports(toy: tuple[tuple[grid.Job, ...], Path]) -> None:
    jobs, runs = toy
    said = page.write_page(jobs, runs, runs / "page.md", {"gat-0": "no time"})
    text = (runs / "page.md").read_text(encoding="utf-8")
    # mean over files: hit + (0 + 1 + 2) / 3 + k; the interval's distances 3 and 4 in squares over three files
    width = (3 * 3**2) ** 0.5 / 3, (3 * 4**2) ** 0.5 / 3
    mean = (20 + 24) / 2 + 1 + 1
    ends = f"[{mean - width[0]:.1f}, {mean + width[1]:.1f}] ({20 + 2:.1f} to {24 + 2:.1f})"
    first = "| dgp | 2 | 23.0 [20.0, 27.0] | 24.0 [21.0, 28.0] | 25.0 [22.0, 29.0] "
    assert f"{first}| {mean:.1f} {ends} | 28.0 | 12 |" in text
    unseen = next(line for line in text.splitlines() if line.startswith("| conse | 1 |") and "| 16.0 [" in line)
    assert unseen.split(" | ")[-4:] == ["16.0 [14.3, 18.3]", "5.5", "12.0", "12 |"]
    assert "| chance |  | 5.0 | 5.0 | 5.0 | 5.0 |  |  |" in text
    assert f"| lemmas | {30 + 2:.1f} [" in text and "| lemmas: definition | not run | not run | not run |" in text
    assert "1,200 images of 15 classes" in text and "`kgzsl train dgp` | 75 | 12 |" in text
    assert "- `gat-0`: no time" in text and "- `kernel-lemmas-0`, candidates `generalised`: not run yet" in text
    assert "`gat-0`: no time" in said


def test_what_is_far_from_the_expected_is_said(toy: tuple[tuple[grid.Job, ...], Path]) -> None:
    jobs, runs = toy
    said = page.write_page(jobs, runs, runs / "page.md", {})
    assert "conse: caltech101-dev is off by -37.3" in said  # 11.0 against 48.3
    assert not any(line.startswith("conse: grocery-dev") and "off by -0" in line for line in said)
    assert "| conse | 11.0 (48.3) | 12.0 (16.2) | 13.0 (7.7) | 0.5 | no: " in (runs / "page.md").read_text("utf-8")


def test_every_recipe_is_in_the_grid_or_left_out_with_a_reason() -> None:
    shipped = {path.stem for path in grid.RECIPES.glob("*.toml")}
    assert shipped == set(grid.METHODS) | set(grid.LEFT_OUT)
    assert set(grid.FIRST) <= shipped and set(grid.LEFT_OUT) <= shipped
    assert grid.METHODS[: len(grid.FIRST)] == grid.FIRST
    assert {"gcnz", "residual", "transformer"} <= set(grid.NETWORKS) and not {"best", "kernel"} & set(grid.NETWORKS)


def test_the_reduced_grid_has_one_seed_and_the_full_one_three() -> None:
    reduced, full = grid.jobs(), grid.jobs(full=True)
    assert {job.recipe for job in reduced if not job.form} == set(grid.METHODS)
    assert {(job.recipe, job.form) for job in reduced if job.form} == {
        (recipe, form) for recipe in grid.COMPARED for form in grid.FORMS if form != grid.DEFAULT
    }
    assert {job.seed for job in reduced} == {0, None} and {job.seed for job in full} == {0, 1, 2, None}
    assert not any(job.settings for job in full)
    assert [job.settings for job in reduced if job.name == "sage-0"] == [("method.precision=bfloat16",)]
    assert len({job.name for job in full}) == len(full)


def test_the_page_of_the_docs_tells_of_every_recipe() -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    missing = [
        name for name in (*grid.METHODS, *grid.LEFT_OUT) if not re.search(rf"^(\| {name} \||- `{name}\b)", text, re.M)
    ]
    assert not missing, f"docs/results.md lacks {missing}; write it anew: scripts/reproduce --write-only"


class Act:
    """A stand-in for a module of an act."""

    @staticmethod
    def measure(run: Path, assets: Path) -> dict[str, Any]:
        if not assets.is_dir():
            raise FileNotFoundError(assets)
        return {"classes": len(list(run.iterdir()))}

    @staticmethod
    def block(found: dict[str, Any]) -> str:
        return f"### Counting\n\n{found['classes']} files"


def test_acts_are_measured_kept_and_shown(
    toy: tuple[tuple[grid.Job, ...], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, runs = toy
    run = tmp_path / "acts" / "run"
    run.mkdir(parents=True)
    (run / "scoring.json").write_text("{}")
    monkeypatch.setattr(acts, "prepared_run", lambda runs: run)
    monkeypatch.setattr(acts, "module_of", lambda act: Act)
    assert acts.blocks(runs) == []
    page.write_page(jobs, runs, runs / "page.md", {})
    assert "Any class" not in (runs / "page.md").read_text("utf-8")
    assert acts.measure_acts(["adding"], runs, tmp_path / "nothing") == {
        "adding": f"FileNotFoundError: {tmp_path}/nothing"
    }
    assert acts.measure_acts(["adding", "exporting"], runs, tmp_path) == {}
    assert acts.blocks(runs) == ["### Counting\n\n1 files"] * 2
    page.write_page(jobs, runs, runs / "page.md", {})
    text = (runs / "page.md").read_text("utf-8")
    assert text.index("## Any class, at any time") < text.index("### Counting") < text.index("## Against what")
