"""The enlarged head: the rows of a trained head as they are, all of them, and rows of new classes behind.

Which old row stands for which class is not taken from labels: the run holds the rows that it learned from, and they are
found in the head to the bit. A row that the run did not learn from, such as the background row of some heads of
ImageNet, stays where it is and stands for no class.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import BackboneMismatchError, InputFileError
from kgzsl.export.matching import Matching
from kgzsl.run_folder import RunFolder
from kgzsl.types import ClassId, Float, Tensor

if TYPE_CHECKING:
    from kgzsl.vision import Backbone

__all__ = ["EnlargedHead", "HeadRow", "OldHead", "unique_labels"]

OWN = "head"


@dataclass(frozen=True, slots=True)
class HeadRow:
    """What one row of the head stands for.

    Args:
        class_id: None for a row that stands for no class.
        label: its name, unique within the head.
        is_seen: whether the classifier was trained on images of it.
        source: ``head`` for an old row, else where the words of the new class came from.
    """

    class_id: ClassId | None
    label: str
    is_seen: bool
    source: str = OWN

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"class_id": self.class_id, "name": self.label, "seen": self.is_seen, "source": self.source}


@dataclass(frozen=True, slots=True, eq=False)
class OldHead:
    """The rows of a head before it is enlarged.

    Args:
        weights, biases: (R, D) and (R,).
        class_ids: of each row, None where it stands for no class.
        labels: of each row, as the model has them.
        backbone: id of the backbone whose features it reads.
    """

    weights: Float[Tensor, "R D"]
    biases: Float[Tensor, "R"]
    class_ids: tuple[ClassId | None, ...]
    labels: tuple[str, ...]
    backbone: str

    @classmethod
    def of_run(cls, run: RunFolder) -> OldHead:
        """Return the classifiers of the seen classes that a run holds, in its order, named by its graph."""
        bank = run.seen_bank
        labels = tuple(run.graph.text(class_id).label for class_id in bank.index)
        return cls(bank.weights, bank.biases, bank.index.ids, labels, bank.backbone)

    @classmethod
    def of_backbone(cls, backbone: Backbone, run: RunFolder) -> OldHead:
        """Return the head of a model, its rows found among those that the run learned from.

        Raises:
            BackboneMismatchError: it is another backbone than the run's, or the run did not learn from this head.
        """
        bank, weights, biases = run.seen_bank, backbone.weights, backbone.biases
        if backbone.id != bank.backbone:
            raise BackboneMismatchError(
                f"The run was trained on backbone {bank.backbone!r}, not {backbone.id!r}; export with "
                "the run's backbone."
            )
        places = {row: place for place, row in reversed([*enumerate(_row_bytes(weights, biases))])}
        class_ids: list[ClassId | None] = [None] * len(weights)
        missing = []
        for class_id, row in zip(bank.index, _row_bytes(bank.weights, bank.biases)):
            if (place := places.get(row)) is None or class_ids[place] is not None:
                missing.append(class_id)
            else:
                class_ids[place] = class_id
        if missing:
            raise BackboneMismatchError(
                f"{len(missing)} of the {len(bank.index)} classifiers that the run learned from ({missing[0]!r} first) "
                f"are no rows of the head of {backbone.id!r}: they were fitted on features, or come from another head. "
                "Export the head alone (safetensors, onnx-head), whose rows are then the run's."
            )
        return cls(weights, biases, tuple(class_ids), backbone.labels, backbone.id)


def _row_bytes(weights: Tensor, biases: Tensor) -> list[bytes]:
    rows = torch.cat([weights.float(), biases.float()[:, None]], dim=1).contiguous().numpy()
    return [row.tobytes() for row in rows]


@dataclass(frozen=True, slots=True, eq=False)
class EnlargedHead:
    """A head with new rows behind its old ones, ``logits = x W' + b``.

    Args:
        weights, biases: (R + C, D) and (R + C,); the first R are the old rows, to the bit.
        rows: what each row stands for, labels unique.
        num_old: R.
        backbone: id of the backbone whose features it reads.
        matching: how the new rows were scaled and shifted.
    """

    weights: Float[Tensor, "R D"]
    biases: Float[Tensor, "R"]
    rows: tuple[HeadRow, ...]
    num_old: int
    backbone: str
    matching: Matching

    @classmethod
    def enlarge(
        cls, old: OldHead, new: ClassifierBank, names: Sequence[tuple[str, str]], matching: Matching
    ) -> EnlargedHead:
        """Put rows of new classes behind the old ones.

        Args:
            old: the head as it is.
            new: rows of classes that it has not, as they were predicted.
            names: label and source of each of these.
            matching: what is done to them.

        Raises:
            BackboneMismatchError: the new rows read features of another backbone.
            InputFileError: a class has a row already.
        """
        if (new.backbone, new.dim) != (old.backbone, old.weights.shape[1]):
            raise BackboneMismatchError(
                f"The new rows read {new.dim}-d features of {new.backbone!r}, the head {old.weights.shape[1]}-d ones "
                f"of {old.backbone!r}; export with the run's backbone."
            )
        if twice := sorted(set(new.index) & set(old.class_ids)):
            raise InputFileError(f"Class {twice[0]!r} has a row in the head already; leave it out.")
        weights, biases = matching.rows(new.weights.float(), new.biases.float())
        labels = unique_labels([*old.labels, *(label for label, _ in names)], [*old.class_ids, *new.index])
        rows = [HeadRow(class_id, label, class_id is not None) for class_id, label in zip(old.class_ids, labels)]
        fresh = zip(new.index, labels[len(rows) :], names)
        rows += [HeadRow(class_id, label, False, source) for class_id, label, (_, source) in fresh]
        return cls(
            torch.cat([old.weights, weights]),
            torch.cat([old.biases, biases]),
            tuple(rows),
            len(old.labels),
            old.backbone,
            matching,
        )

    @property
    def new_rows(self) -> tuple[HeadRow, ...]:
        """The rows behind the old ones."""
        return self.rows[self.num_old :]

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of each row."""
        return tuple(row.label for row in self.rows)

    def logits(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N R"]:
        """Return ``X W' + b``."""
        return torch.addmm(self.biases, features.float().cpu(), self.weights.T)


def unique_labels(labels: Sequence[str], class_ids: Iterable[ClassId | None]) -> tuple[str, ...]:
    """Return labels that differ: the first of equal ones stays, the others get their class id, or row, behind.

    Example:
        >>> unique_labels(["crane", "crane", "crane"], ["n02012849", "n03126707", None])
        ('crane', 'crane (n03126707)', 'crane (row 2)')
    """
    taken, chosen = set(labels), dict[str, int]()
    for row, (label, class_id) in enumerate(zip(labels, class_ids)):
        name = label
        if name in chosen:
            name = f"{label} ({class_id if class_id is not None else f'row {row}'})"
            while name in taken:
                name += "'"
            taken.add(name)
        chosen[name] = row
    return tuple(chosen)
