"""Seen classes that play unseen: each with the classifier that was predicted while it was hidden from the method.

What is chosen or calibrated for unseen classes must not look at any image of one. A seen class whose classifier was
predicted by a fit that did not know it is as good as unseen, and its images are there: thresholds, temperatures and
forecasts are fitted on such classes and carried over.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import reduce

from kgzsl.bank import ClassifierBank, Scorer
from kgzsl.errors import InputFileError, StorageError
from kgzsl.evaluation import Calibration, hidden_parts
from kgzsl.features import FeatureSet
from kgzsl.methods import FitContext
from kgzsl.refit import refit_of
from kgzsl.run_folder import HIDDEN, RunFolder
from kgzsl.runtime import shipped_path, tensor_metadata
from kgzsl.scoring import JoinedScorer

__all__ = ["CalibrationData", "hidden_scorer_of", "sample_of_seen_classes"]

GRAPHS, SAMPLE = "graphs", "sample/seen.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationData:
    """What a calibration is fitted on.

    Args:
        run: the run; its own scorer holds the classifiers that compete.
        hidden: scores every seen class by the classifier that was predicted while the class was hidden.
        images: labelled images of seen classes.

    Raises:
        InputFileError: there is no image of a seen class.
        BackboneMismatchError: the images are of another backbone than the run's.
    """

    run: RunFolder
    hidden: Scorer
    images: FeatureSet

    def __post_init__(self) -> None:
        self.run.scorer.check_backbone(self.images)
        kept = self.images.of_classes(self.run.split.seen)
        if not len(kept):
            raise InputFileError(
                "A calibration needs images of seen classes, and none of these is; name a feature file that has some."
            )
        object.__setattr__(self, "images", kept)

    @classmethod
    def of(cls, run: RunFolder, images: FeatureSet | None = None, context: FitContext | None = None) -> CalibrationData:
        """Return what is needed for a run, hiding its seen classes where that was not done before.

        Args:
            run: a finished run.
            images: labelled images of seen classes; by default the shipped ones, where they are of its backbone.
            context: the device of the fits.

        Raises:
            InputFileError: no images are given and the shipped ones are of another backbone; see also `refit_of`.
        """
        given = images if images is not None else sample_of_seen_classes(run)
        run.scorer.check_backbone(given)  # before the method is fitted five times
        return cls(run, hidden_scorer_of(run, context), given)


def hidden_scorer_of(run: RunFolder, context: FitContext | None = None) -> Scorer:
    """Return a scorer of all seen classes, each by the classifier that was predicted while the class was hidden.

    The method is refitted five times, each time without a fifth of the seen classes. Where that makes a bank it is kept
    in the run folder as ``hidden.safetensors``, so that it is done once; in a folder that cannot be written it is not.

    Args:
        run: a finished run.
        context: the device of the fits.

    Raises:
        InputFileError: features that the run learned from are no longer where its recipe says.
        GraphError: there are fewer than four seen classes.
        CorruptFileError: the kept file is damaged or of another run.
    """
    if run.hidden_bank is not None:
        return run.hidden_bank
    parts = hidden_parts(refit_of(run, context), run.split.seen, Calibration())
    banks = [part for part in parts if isinstance(part, ClassifierBank)]
    if len(banks) < len(parts):
        return JoinedScorer(tuple(parts)).select(run.split.seen)
    bank = reduce(ClassifierBank.concat, banks).select(run.split.seen)
    with suppress(StorageError):  # a folder that cannot be written still answers
        bank.save(run.path / HIDDEN)
    return bank


def sample_of_seen_classes(run: RunFolder) -> FeatureSet:
    """Return the shipped features of one picture a seen class, where they are of the run's backbone.

    Raises:
        InputFileError: they are of another backbone; give images of your own.
    """
    path = shipped_path(GRAPHS, SAMPLE)
    if tensor_metadata(path).get("backbone") != run.scorer.backbone:
        raise InputFileError(
            f"There are no shipped images of backbone {run.scorer.backbone!r}; name a feature file with images of "
            "seen classes (kgzsl extract makes one)."
        )
    return FeatureSet.load(path)
