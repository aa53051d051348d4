"""Export: the head with rows of new classes, in the form that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import InputFileError, KgzslError
from kgzsl.export.card import write_card
from kgzsl.export.folder import check_place, staged_folder, write_manifest
from kgzsl.export.head import EnlargedHead, OldHead
from kgzsl.export.labels import write_label_table, write_labels
from kgzsl.export.matching import DEFAULT_LEVEL, choose_matching
from kgzsl.export.onnx import write_onnx_head, write_onnx_model
from kgzsl.export.state_dict import write_head, write_state_dict
from kgzsl.export.transformers_folder import write_transformers_folder
from kgzsl.registry import choose
from kgzsl.types import ClassId, PathLike
from kgzsl.vision import Backbone, find_backbone

__all__ = ["FORMATS", "Export", "enlarged_head", "export_classifier"]

Writer = Callable[[EnlargedHead, Backbone | None, Path], None]

FORMATS: dict[str, tuple[Writer, bool]] = {
    "transformers": (write_transformers_folder, True),
    "state-dict": (write_state_dict, True),
    "onnx": (write_onnx_model, True),
    "onnx-head": (write_onnx_head, False),
    "safetensors": (write_head, False),
    "labels": (write_labels, False),
}
"""Format to what writes it, and whether that takes the whole model and not only its head."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was exported.

    Args:
        folder: where.
        format: one of `FORMATS`.
        head: the enlarged head.
        already: classes that were asked for and have a row of the old head; they keep it.
        old_rows: where the old rows come from: ``model``, its whole head, or ``run``, the seen classes of the run.
    """

    folder: Path
    format: str
    head: EnlargedHead
    already: tuple[ClassId, ...]
    old_rows: str

    @property
    def facts(self) -> dict[str, Any]:
        """What was exported as plain JSON."""
        head = self.head
        return {
            "format": self.format,
            "backbone": head.backbone,
            "rows": len(head.rows),
            "old_rows": head.num_old,
            "old_rows_from": self.old_rows,
            "already_there": list(self.already),
            "matching": head.matching.to_json(),
            "new": [{"row": head.num_old + place, **row.to_json()} for place, row in enumerate(head.new_rows)],
        }

    def to_json(self) -> dict[str, Any]:
        """Return folder, files and facts as plain JSON."""
        files = {path.name: path.stat().st_size for path in sorted(self.folder.iterdir())}
        return {"folder": str(self.folder), "files": files, **self.facts}


def export_classifier(
    classifier: ZeroShotClassifier,
    classes: Iterable[str],
    folder: PathLike,
    format: str = "transformers",
    *,
    match: str | None = None,
    max_lost: str = DEFAULT_LEVEL,
    include_person: bool = False,
    overwrite: bool = False,
) -> Export:
    """Write the classifier's head with rows of new classes; old rows stay as they are, to the bit.

    What is written is read again and compared before it takes its place.

    Args:
        classifier: a run whose method makes linear rows.
        classes: names or ids of the new classes.
        folder: a new or empty folder.
        format: one of `FORMATS`. ``transformers``, ``state-dict`` and ``onnx`` take the whole model, the run's
            backbone; the others the head alone: the model's where that is on this machine, else the run's.
        match: how new rows are scaled and shifted, one of `kgzsl.export.matching.MATCHINGS`; by default ``calibrated``
            where the run was calibrated, else ``logits``, which needs no image.
        max_lost: how many percent of the seen images may be lost to new classes, of
            `kgzsl.export.matching.LEVELS`; for ``calibrated``.
        include_person: let classes of persons be exported.
        overwrite: replace a folder that holds an export and nothing else.

    Raises:
        UnknownVariantError: no format, matching or level is called so.
        UnknownClassError, AmbiguousClassError: a name means no class, or several.
        InputFileError: the run makes no linear rows, there is no new class, or the folder holds other files.
        BackboneMismatchError: the run did not learn from the head of its backbone, and the whole model is wanted.
        BackboneError: the model cannot be written in this format, or what was written gives other logits.
        MissingDependencyError, MissingResourceError: a package or the backbone is not on this machine.

    Example:
        >>> classifier = ZeroShotClassifier.load("runs/dgp")  # doctest: +SKIP
        >>> export_classifier(classifier, ["okapi", "tapir"], "exported").facts["rows"]  # doctest: +SKIP
        1003
    """
    write, needs_model = choose(FORMATS, format, "export format")
    check_place(folder, overwrite)
    class_ids = classifier.resolve(classes, include_person=include_person)
    head, backbone, already = _enlarge(classifier, class_ids, needs_model, match, max_lost)
    done = Export(Path(folder), format, head, already, "run" if backbone is None else "model")
    with staged_folder(folder, overwrite) as staged:
        write(head, backbone, staged)
        write_label_table(head, staged)
        write_card(done.facts, head.weights.shape[1], staged)
        write_manifest(staged, {"run": classifier.run.manifest, **done.facts})
    return done


def enlarged_head(
    classifier: ZeroShotClassifier,
    class_ids: Iterable[ClassId],
    *,
    match: str | None = None,
    max_lost: str = DEFAULT_LEVEL,
) -> EnlargedHead:
    """Return the head with rows of new classes behind; arguments and errors as `export_classifier`."""
    return _enlarge(classifier, tuple(class_ids), False, match, max_lost)[0]


def _enlarge(
    classifier: ZeroShotClassifier, class_ids: tuple[ClassId, ...], needs_model: bool, match: str | None, max_lost: str
) -> tuple[EnlargedHead, Backbone | None, tuple[ClassId, ...]]:
    run = classifier.run
    run.bank  # noqa: B018  refuses a method without linear rows before a model is loaded
    seen = set(run.split.seen)
    new_ids = tuple(class_id for class_id in class_ids if class_id not in seen)
    if not new_ids:
        raise InputFileError("Every class asked for has a row in the head already; name at least one that it lacks.")
    matching = choose_matching(run, len(new_ids), match, max_lost)
    old, backbone = _old_head(classifier, needs_model)
    names = [(classifier.text(class_id).label, classifier.added.source_of(class_id)) for class_id in new_ids]
    head = EnlargedHead.enlarge(old, classifier.bank_of(new_ids), names, matching)
    return head, backbone, tuple(class_id for class_id in class_ids if class_id in seen)


def _old_head(classifier: ZeroShotClassifier, needs_model: bool) -> tuple[OldHead, Backbone | None]:
    """Return the model's head with the model, or the run's where the model is not needed and not at hand."""
    run = classifier.run
    if needs_model:
        return OldHead.of_backbone(classifier.backbone, run), classifier.backbone
    try:
        if classifier.has_backbone or find_backbone(run.scorer.backbone) is not None:
            return OldHead.of_backbone(classifier.backbone, run), classifier.backbone
    except KgzslError:
        pass  # rows that were fitted on features, a model that cannot be loaded here, or a name that is none
    return OldHead.of_run(run), None
