"""The frozen head: the synthesized classifiers of the seen classes, which the backbone learns to serve.

A network or kernel predicts a row for every class, seen or not. The predicted rows of the seen classes differ from
those that were trained on images, and a backbone that is trained until its features fit them may fit the predicted
rows of unseen classes better too: that is the hope of SGCN-f and DGP-f. Predicted rows mostly have length one, for
which a softmax over many classes is nearly flat; one scale for all of them changes no order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgzsl.bank import ClassifierBank
from kgzsl.errors import BackboneError, BackboneMismatchError, InputFileError
from kgzsl.export.head import EnlargedHead, HeadRow, OldHead, unique_labels
from kgzsl.export.matching import Matching, norm_matching
from kgzsl.export.state_dict import has_bias
from kgzsl.export.transformers_folder import enlarged_model
from kgzsl.registry import choose
from kgzsl.run_folder import RunFolder
from kgzsl.vision import Backbone

__all__ = ["ROWS", "check_backbone", "frozen_head", "tunable_model"]


def _predicted(run: RunFolder) -> ClassifierBank:
    return run.bank.select(run.split.seen)


def _hidden(run: RunFolder) -> ClassifierBank:
    if (bank := run.hidden_bank) is None:
        raise InputFileError(f"{run.path} holds no classifiers of hidden seen classes; run kgzsl calibrate {run.path}.")
    return bank


ROWS: Mapping[str, Any] = {"predicted": _predicted, "hidden": _hidden}
"""Which rows of the seen classes: as the run predicts them, or each as it was predicted while the class was hidden."""


def frozen_head(run: RunFolder, rows: str = "predicted", scale: float | None = None) -> EnlargedHead:
    """Return the head that a backbone is tuned to.

    Args:
        run: a run whose method makes linear classifiers.
        rows: one of `ROWS`.
        scale: factor of all rows; by default the median length of the given seen classifiers over that of these.

    Raises:
        InputFileError: the run makes no linear classifiers, or holds no hidden ones.
        UnknownVariantError: no rows are called so.
    """
    bank = choose(ROWS, rows, "kind of rows")(run)
    matching = norm_matching(run.seen_bank, bank) if scale is None else Matching("norm", scale)
    weights, biases = matching.rows(bank.weights.float(), bank.biases.float())
    labels = unique_labels(OldHead.of_run(run).labels, bank.index)
    named = tuple(HeadRow(class_id, label, True) for class_id, label in zip(bank.index, labels))
    return EnlargedHead(weights, biases, named, len(named), bank.backbone, matching)


def check_backbone(head: EnlargedHead, backbone: Backbone) -> None:
    """Refuse a backbone that the frozen head cannot stand on.

    Raises:
        BackboneMismatchError: it is another one than the run's.
        BackboneError: its head has no bias, and the frozen rows have.
    """
    if backbone.id != head.backbone:
        raise BackboneMismatchError(
            f"The run was trained on backbone {head.backbone!r}, not {backbone.id!r}; name the run's with --backbone."
        )
    if not has_bias(backbone) and bool(head.biases.any()):
        raise BackboneError(
            f"The head of {backbone.id!r} has no bias, but the run's classifiers have; train a run without (gcnz)."
        )


def tunable_model(head: EnlargedHead, backbone: Backbone) -> Any:
    """Return a model of transformers like the backbone's, with the frozen head in the place of its own.

    Raises:
        BackboneMismatchError, BackboneError: see `check_backbone`; or transformers does not know the model.
    """
    check_backbone(head, backbone)
    return enlarged_model(head, backbone)
