"""Train what is not trained yet, and evaluate every cell; stopped at any time, the same call goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kgzsl import __version__
from kgzsl.bank import StoredScorer
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.comparison.cells import Cell
from kgzsl.comparison.table import Comparison, MeasuredCell
from kgzsl.evaluation import Bootstrap, evaluate
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.methods import nearest_seen_bank
from kgzsl.registry import choose
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import progress, read_json, sha256_file, sha256_text, write_json
from kgzsl.seen_rows import with_seen_rows
from kgzsl.types import ClassId, PathLike

__all__ = ["compare"]

KINDS = ("own", "unrelated", "generalised", "unseen", "all")
WITH_SEEN = ("generalised", "all")
REPORTS, SECONDS = "reports", "seconds"


def compare(
    compared: Sequence[Cell],
    files: Sequence[PathLike],
    folder: PathLike,
    *,
    candidates: Sequence[str] = ("unrelated",),
    by: Sequence[str] = (),
    device: str = "auto",
    bootstrap: Bootstrap | None = None,
) -> Comparison:
    """Train and evaluate cells.

    A run folder that holds the finished run of a cell is used as it is; where the cell's inputs have changed since, the
    new run takes its place once it is whole. Reports are kept in ``reports/`` and used again while run, features and
    options are the same, seconds in ``seconds/``; processes that compare different cells may share a folder.

    Args:
        compared: what is compared, see `kgzsl.comparison.cells`.
        files: feature files.
        folder: holds a run folder for each cell.
        candidates: which classes compete, of `kgzsl.evaluation.KINDS`; with ``generalised`` and ``all`` the seen
            classes have the classifiers that `kgzsl.seen_rows` says.
        by: what figures are broken down by, of `kgzsl.evaluation.BREAKDOWNS`.
        device: ``auto``, ``cpu``, ``cuda``.
        bootstrap: how intervals are drawn.

    Raises:
        UnknownVariantError: there are no such candidates.
        KgzslError: a training or an evaluation is refused; see `Recipe.train` and `kgzsl.evaluation.evaluate`.
    """
    for kind in candidates:
        choose(dict.fromkeys(KINDS), kind, "kind of candidates")
    root, drawn = Path(folder), bootstrap or Bootstrap()
    images = {str(name): FeatureSet.load(name) for name in files}
    found = []
    with progress("comparing", len(compared)) as advance:
        for cell in compared:
            seconds = _train(cell, root, device)
            run = RunFolder(root / cell.folder)
            reports = _reports(run, images, candidates, by, drawn, root / REPORTS)
            found.append(MeasuredCell(cell.method, cell.semantics, cell.seed, cell.folder, seconds, tuple(reports)))
            advance()
    return Comparison(tuple(found))


def _train(cell: Cell, root: Path, device: str) -> float | None:
    """Train a cell unless its run is there; return the seconds that its training took, where they are known."""
    run, kept = root / cell.folder, root / SECONDS / f"{cell.folder}.json"
    before, start = _stamp(run), time.perf_counter()
    cell.recipe.train(run, device=device, command=cell.command, overwrite=True)
    if _stamp(run) != before:
        write_json(kept, {"seconds": round(time.perf_counter() - start, 1)})
    return float(read_json(kept)["seconds"]) if kept.is_file() else None


def _stamp(run: Path) -> int | None:
    manifest = run / "manifest.json"
    return manifest.stat().st_mtime_ns if manifest.is_file() else None


def _reports(
    run: RunFolder,
    images: Mapping[str, FeatureSet],
    kinds: Sequence[str],
    by: Sequence[str],
    bootstrap: Bootstrap,
    kept: Path,
) -> Iterator[dict[str, Any]]:
    """Yield the report of each kind of candidates and file as plain values."""
    manifest = sha256_file(run.path / "manifest.json")
    for kind in kinds:
        for name, features in images.items():
            key = [__version__, manifest, sha256_file(name), kind, *by, bootstrap.draws, bootstrap.seed]
            path = kept / f"{sha256_text(json.dumps(key))[:24]}.json"
            if not path.is_file():
                write_json(path, _evaluate(run, features, kind, by, bootstrap))
            yield read_json(path) | {"features": Path(name).stem}


def _evaluate(
    run: RunFolder, features: FeatureSet, kind: str, by: Sequence[str], bootstrap: Bootstrap
) -> dict[str, Any]:
    scorer, graph = _with_new(run, features, kind)
    if kind in WITH_SEEN:
        scorer = with_seen_rows(scorer, run.seen_bank)
    report = evaluate(
        scorer,
        features,
        graph=graph,
        split=run.split,
        candidates=kind,
        baseline=nearest_seen_bank(graph, run.seen_bank, graph.index.ids),
        by=by,
        bootstrap=bootstrap,
    )
    return report.to_json()


def _with_new(run: RunFolder, features: FeatureSet, kind: str) -> tuple[StoredScorer, ClassGraph]:
    """Return scorer and graph of a run, with classes added that only the features have."""
    new: list[ClassId] = [class_id for class_id in features.index if class_id not in run.graph.index]
    if not new or kind in ("unseen", "all"):
        return run.scorer, run.graph
    classifier = ZeroShotClassifier(run)
    return run.scorer.concat(classifier.scorer_of(new)), classifier.graph_with(new)
