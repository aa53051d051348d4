"""Train and evaluate what a grid holds, several processes side by side; what is there already is not done again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from reproduction.grid import SEMANTICS, Job, slug

FILES = ("caltech101-dev", "grocery-dev", "cub100-dev")
SEEN_IMAGES = "imagenet_sample"
CANDIDATES = ("unrelated", "unseen")
GRAPH = "imagenet21k"
KEPT, BY_GAMMA = "measured", "generalised"


def kept_path(job: Job, runs: Path, kind: str = KEPT) -> Path:
    """Return the file that holds what was measured of a job."""
    from kgzsl.runtime import sha256_text

    return runs / kind / f"{job.name}-{sha256_text(json.dumps([job.recipe, job.form, job.settings]))[:6]}.json"


def missing_semantics(form: str, runs: Path) -> str:
    """Return why a text form cannot be had, or nothing; embed it where it is neither shipped nor there."""
    from kgzsl.errors import KgzslError
    from kgzsl.graph.wordnet import open_wordnet
    from kgzsl.semantics import parts_of
    from kgzsl.semantics.shipped import shipped_forms

    file = semantics_file(form, runs)
    if not form or file.is_file() or set(parts_of(form)) <= set(shipped_forms(GRAPH).values()):
        return ""
    try:
        open_wordnet()
    except KgzslError:
        return "its definitions need WordNet 3.0, which is not installed"
    command = [str(Path(sys.executable).with_name("kgzsl")), "embed", "--graph", GRAPH, "--text-form", form]
    done = subprocess.run([*command, "--out", str(file), "--quantised"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"kgzsl embed failed: {done.stderr.strip()[-200:]}"


def semantics_file(form: str, runs: Path) -> Path:
    """Return where embeddings of a text form lie that are not shipped."""
    return runs / SEMANTICS / f"{slug(form)}.safetensors"


def cell_of(job: Job, runs: Path) -> Any:
    """Return the cell that a job trains."""
    from kgzsl.comparison import cells

    file = semantics_file(job.form, runs)
    source = [str(file) if file.is_file() else job.form] if job.form else []
    return cells([job.recipe], source, [] if job.seed is None else [job.seed], job.settings)[0]


def identity(job: Job, cell: Any) -> dict[str, Any]:
    """Return what a kept result has to agree with to be used again."""
    import kgzsl

    told = json.dumps({key: value for key, value in cell.recipe.tables.items() if key != "expected"}, sort_keys=True)
    return {"kgzsl": kgzsl.__version__, "job": json.loads(json.dumps(asdict(job))), "tables": told}


def measure(job: Job, runs: Path, assets: Path) -> str:
    """Train and evaluate a job unless its result is there; return what to print."""
    import torch

    from kgzsl.comparison import compare
    from kgzsl.run_folder import RunFolder
    from kgzsl.runtime import read_json, write_json

    torch.set_num_threads(1)
    kept, cell = kept_path(job, runs), cell_of(job, runs)
    same = identity(job, cell)
    if kept.is_file() and read_json(kept)["identity"] == same:
        return f"{job.name}: kept"
    files = [assets / "features" / f"{name}.safetensors" for name in FILES]
    found = compare([cell], files, runs, candidates=CANDIDATES, by=["kinship"]).cells[0]
    manifest = RunFolder(runs / cell.folder).manifest
    told = {"seconds": found.seconds, "epochs": manifest.get("epochs"), "command": cell.command, "folder": cell.folder}
    write_json(kept, {"identity": same, **told, "reports": [dict(report) for report in found.reports]})
    hits = ", ".join(f"{report['hits_micro']['1']:.1f}" for report in found.reports)
    return f"{job.name}: Hit@1 {hits}; {found.seconds or 0:.0f} s"


def choose_gamma(job: Job, runs: Path, assets: Path) -> str:
    """Measure seen against unseen classes with gamma chosen on seen images, unless that is there."""
    from kgzsl.runtime import read_json, sha256_file, write_json

    kept, cell = kept_path(job, runs, BY_GAMMA), cell_of(job, runs)
    run = runs / cell.folder
    digest = sha256_file(run / "manifest.json")
    if kept.is_file() and read_json(kept)["run"] == digest:
        return f"{job.name}, gamma: kept"
    command = [str(Path(sys.executable).with_name("kgzsl")), "evaluate", str(run), "--candidates", "generalised"]
    command += ["--seen-images", str(assets / "features" / f"{SEEN_IMAGES}.safetensors"), "--calibrate", "cv", "--json"]
    command += ["--features", *(str(assets / "features" / f"{name}.safetensors") for name in FILES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-300:])
    reports = [report | {"features": Path(report["features"]).stem} for report in json.loads(done.stdout)]
    write_json(kept, {"run": digest, "reports": reports})
    found = ", ".join(f"{report['generalised']['harmonic_mean']:.1f}" for report in reports)
    return f"{job.name}, gamma: H {found}"


def run(chosen: Sequence[Job], runs: Path, assets: Path, processes: int) -> dict[str, str]:
    """Do what is left; return why jobs came to nothing, by name."""
    absent = {form: missing_semantics(form, runs) for form in dict.fromkeys(job.form for job in chosen)}
    failed = {job.name: absent[job.form] for job in chosen if absent[job.form]}
    possible = [job for job in chosen if not absent[job.form]]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for work, some in ((measure, possible), (choose_gamma, [job for job in possible if job.generalised])):
            waiting = {pool.submit(work, job, runs, assets): job for job in some if job.name not in failed}
            for done in as_completed(waiting):
                name = waiting[done].name
                if error := done.exception():
                    failed[name] = f"{type(error).__name__}: {error}"
                print(f"{name}: {failed[name]}" if error else done.result(), flush=True)
    return failed
