"""What ``kgzsl evaluate`` and ``kgzsl plot`` measure of a run: the candidates, the rows that score them, gamma."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgzsl.bank import Scorer, StoredScorer
    from kgzsl.evaluation import GammaChoice
    from kgzsl.features import FeatureSet
    from kgzsl.graph.class_graph import ClassGraph
    from kgzsl.run_folder import RunFolder
    from kgzsl.transduction import Transducer

__all__ = [
    "CALIBRATIONS",
    "FROM_RECIPE",
    "LISTS",
    "WITHOUT_SEEN",
    "check_number",
    "gamma_of",
    "published_lists",
    "read_candidates",
    "transducer_of",
    "update_notes",
    "with_new",
]

LISTS = ("unseen", "all")
"""Candidates that the run lists; the others may hold classes that its graph lacks."""

WITHOUT_SEEN = ("own", "unrelated", "unseen")
CALIBRATIONS = ("cv", "oracle")

FROM_RECIPE = "recipe"
"""What --transduce calls the transducer that the run's recipe names."""

REFITS = 10
"""Folds of --calibrate cv where each takes a fit of its own."""


def read_candidates(text: str, run: RunFolder) -> str | tuple[str, ...]:
    """Return a kind of candidates as it is, else the classes of a file, by id or by name, or of a class list."""
    from kgzsl.errors import InputFileError
    from kgzsl.evaluation import KINDS
    from kgzsl.graph import load_graph, read_class_list
    from kgzsl.naming import ClassResolver

    if text in KINDS:
        return text
    if Path(text).is_file():
        return ClassResolver(run.graph, lambda: load_graph("wordnet-nouns")).resolve_file(text)
    own = {"seen": run.split.seen, "unseen": run.split.unseen, "all": run.split.seen + run.split.unseen}
    try:
        chosen = read_class_list(text, run.graph, published_lists(run), own)
    except InputFileError as error:
        kinds = ", ".join(KINDS)
        raise InputFileError(
            f"Candidates {text!r} are neither one of {kinds} nor a file nor a class list. {error}"
        ) from error
    if not chosen:
        raise InputFileError(f"Candidates {text!r} hold no class; choose others.")
    return chosen


def published_lists(run: RunFolder) -> str | Path:
    """Return the shipped graph that a run's is a copy of, beside which the published lists stand, else the run's."""
    from kgzsl.errors import MissingResourceError
    from kgzsl.graph import find_graph

    name = run.graph.name
    try:
        return name if run.graph.wordnet_version and name.isidentifier() and find_graph(name) else run.path / "graph"
    except MissingResourceError:
        return run.path / "graph"


def with_new(run: RunFolder, new: Sequence[str]) -> tuple[StoredScorer, ClassGraph]:
    """Return scorer and graph of a run, its rows as updated, with classes added that were in no training graph."""
    if not new and not changed_after_training(run):
        return run.scorer, run.graph
    from kgzsl.classifier import ZeroShotClassifier

    classifier = ZeroShotClassifier(run)
    return classifier.scorer_of((*run.scorer.index.ids, *new)), classifier.graph_with(new)


def changed_after_training(run: RunFolder) -> bool:
    """Say whether classes of a run were added, removed, renamed or updated."""
    from kgzsl.run_folder import ADDITIONS

    return (run.path / ADDITIONS).is_dir()


def update_notes(run: RunFolder) -> tuple[str, ...]:
    """Say that the classifiers of some classes are no longer those that were trained."""
    if not changed_after_training(run):
        return ()
    from kgzsl.classifier import ZeroShotClassifier

    number = len(ZeroShotClassifier(run).added.state.replaced)
    told = (
        f"{number} classifiers of the run are as kgzsl update made them; images that they were updated by do not count "
        "as a test. See kgzsl changes."
    )
    return (told,) if number else ()


def transducer_of(name: str, run: RunFolder, seen_images: FeatureSet | None) -> tuple[str, Transducer]:
    """Return what --transduce names, by its own name: a transducer, a remedy, or the one of the run's recipe."""
    from kgzsl.domain_shift import build_transducer
    from kgzsl.errors import InputFileError
    from kgzsl.hidden_classes import sample_of_seen_classes
    from kgzsl.recipe_steps import RecipeSteps

    def shown() -> FeatureSet:
        return (sample_of_seen_classes(run) if seen_images is None else seen_images).of_classes(run.split.seen)

    if name != FROM_RECIPE:
        return name, build_transducer(name, {}, shown)
    steps = RecipeSteps.of_run(run.path)
    if not steps.transduction:
        raise InputFileError(
            f"The recipe of {run.path} has no table [transduction]; name a transducer (kgzsl list-options "
            "transducers), or train with --set transduction.name=agreement."
        )
    return str(steps.transduction["name"]), steps.transducer(shown)


def check_number(text: str | None) -> float:
    """Return the number that --calibrate names, or refuse it."""
    from math import isfinite

    from kgzsl.errors import InputFileError

    try:
        number = float(text or "")
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise InputFileError(f"--calibrate is one of {', '.join(CALIBRATIONS)}, or a number, found {text!r}.")
    return number


def gamma_of(
    calibrate: str | None,
    scorer: Scorer,
    run: RunFolder,
    images: FeatureSet | None,
    *,
    graph: ClassGraph,
    seed: int,
) -> float | str | GammaChoice | None:
    """Return what `kgzsl.evaluation.evaluate` takes as ``calibrate``."""
    if calibrate is None or calibrate == "oracle":
        return calibrate
    if calibrate != "cv":
        return check_number(calibrate)
    from kgzsl.bank import ClassifierBank
    from kgzsl.evaluation import Calibration, CrossValidatedGamma, beside_hidden, hidden_scorer
    from kgzsl.refit import refit_of

    assert images is not None
    seen = run.split.seen
    if not isinstance(scorer, ClassifierBank) or scorer.normalisation == "none":  # on a scale of its own
        return CrossValidatedGamma(refit_of(run), images, graph, seen, Calibration(folds=REFITS, seed=seed))
    settings = Calibration(seed=seed)
    kept = run.hidden_bank if settings == Calibration() else None  # what kgzsl calibrate hid is not hidden again
    hidden = hidden_scorer(refit_of(run), seen, settings) if kept is None else kept
    fold_scorer = beside_hidden(scorer.select(seen), hidden)
    return CrossValidatedGamma(fold_scorer, images, graph, seen, settings)
