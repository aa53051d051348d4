"""Pictures of classes arrive: blend them into the synthesized classifiers, as one change of the log.

Of the pictures only their number, mean and spread are kept. Classes with pictures are told apart by one common
covariance (see `kgzsl.few_images.row_prior`), so the rows of all of them are made anew, each from the row that was
synthesized for it and all pictures that it ever had: 2 pictures and then 3 are the same as 5 at once. Rows of other
classes stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kgzsl.additions.additions import Additions
from kgzsl.additions.requests import ClassRequest
from kgzsl.bank import ClassifierBank
from kgzsl.errors import InputFileError
from kgzsl.features import NO_CLASS, FeatureSet
from kgzsl.few_images import ClassPictures, RowPrior
from kgzsl.run_folder import FEW_IMAGES, RunFolder
from kgzsl.types import ClassId

__all__ = ["UpdatedClass", "row_prior_of", "update_by_pictures"]


@dataclass(frozen=True, slots=True)
class UpdatedClass:
    """A class that pictures were taken in for.

    Args:
        class_id: its id.
        name: its readable name.
        new_pictures: pictures of this update.
        pictures: all pictures it ever had.
        prior_share: how much of its classifier is still the prediction, in percent.
        cosine: of its weights with those that were synthesized.
    """

    class_id: ClassId
    name: str
    new_pictures: int
    pictures: int
    prior_share: float
    cosine: float

    def to_json(self) -> dict[str, Any]:
        """Return what programs read."""
        return asdict(self)


def row_prior_of(run: RunFolder) -> RowPrior:
    """Return what a synthesized classifier of the run is worth in pictures.

    Raises:
        InputFileError: the run's method makes no linear classifiers, or it was not calibrated.
        CorruptFileError: the file is damaged.
    """
    _ = run.bank  # says so where there is none
    if not (run.path / FEW_IMAGES).is_file():
        raise InputFileError(
            f"What a predicted classifier of {run.path} is worth in pictures is not known yet; run kgzsl calibrate "
            f"{run.path} first (with --features FILE, images of seen classes, where none are shipped for its backbone)."
        )
    return RowPrior.load(run.path / FEW_IMAGES)


def update_by_pictures(
    additions: Additions, images: Mapping[ClassId, FeatureSet], *, by: str | None = None
) -> tuple[UpdatedClass, ...]:
    """Take in pictures of classes.

    Args:
        additions: what the run was changed to.
        images: of each class its pictures. Where these have labels, those of the class count; else all.
        by: who does it; by default the user of the operating system.

    Returns:
        The classes, in the order given.

    Raises:
        InputFileError: a class is a seen one, there is no picture of it, or the run's method makes no linear
            classifiers or was not calibrated.
        BackboneMismatchError: the pictures are of another backbone than the run's.
        UnknownClassError: a class is nowhere.
    """
    run = additions.run
    prior = row_prior_of(run)
    fresh = {class_id: _pictures(additions, class_id, own) for class_id, own in images.items()}
    if not fresh:
        raise InputFileError("There is no class to update; name at least one, with its pictures.")
    held = additions.state.pictured
    whole = {one: held[one] + new if one in held else new for one, new in fresh.items()}
    pictures = {**held, **whole}
    synthesized = additions.scorer_of(tuple(pictures), with_updates=False)
    assert isinstance(synthesized, ClassifierBank)  # row_prior_of has seen to it
    blended = prior.blend(synthesized, pictures)
    updated = tuple(
        UpdatedClass(
            one, additions.text(one).label, new.count, whole[one].count,
            100 * blended.shares[one], blended.cosines[one],
        )
        for one, new in fresh.items()
    )  # fmt: skip
    nowhere = [one for one in fresh if one not in run.graph.index and one not in additions.state.added]
    if nowhere:
        additions.add([ClassRequest(one) for one in nowhere], by=by)
    how = {"by": "pictures", "classes": [one.to_json() for one in updated]}
    additions.replace_rows(blended.bank, how, by=by, pictures=whole)
    return updated


def _pictures(additions: Additions, class_id: ClassId, images: FeatureSet) -> ClassPictures:
    """Return the pictures of a class among images."""
    run, name = additions.run, f"{class_id!r} ({additions.text(class_id).label})"
    additions.check_present([class_id])
    if class_id in run.split.seen:
        raise InputFileError(
            f"{name} is a seen class: its own classifier comes from far more pictures than these. Update classes whose "
            "classifiers were predicted."
        )
    run.scorer.check_backbone(images)
    if bool((images.labels != NO_CLASS).any()):
        found = len(set(images.class_ids()) - {None})
        images = images.of_classes([class_id])
        if not len(images):
            raise InputFileError(
                f"None of the images is of class {name}; their labels name {found} other classes. Give pictures of "
                "it, or some without labels, which are taken for the class that is updated."
            )
    return ClassPictures.of(images.features)
