"""ICIS: classifiers from semantics without any image, by two auto-encoders that share what lies between.

After A. Christensen, M. Mancini, A. S. Koepke, O. Winther and Z. Akata, Image-free classifier injection for zero-shot
classification, ICCV 2023. One auto-encoder reads semantic vectors a, one reads classifiers w = [weights, bias]. Each
decoder must do with either encoding, so that four reconstructions are asked for,

    loss = d(D_a E_a a, a) + d(D_a E_w w, a) + d(D_w E_w w, w) + d(D_w E_a a, w),    d(u, v) = 1 - cos(u, v),

and the classifier of a class is ``D_w E_a a``. Encoders are a linear layer and a ReLU, decoders a linear layer, 2048
numbers lie between; Adam with learning rate 1e-5 in batches of 16. Training ends where the loss stops falling, by the
rule of the released code: five times the mean of the last ten epochs lies less than 0.02 below that of the ten before.

Deviations from the paper:
- Only seen classes are read. The released code also reconstructs the semantics of the unseen classes, which ties a run
  to one list of them.
- Classifiers come out with length one: a cosine loss says nothing of lengths.
- Targets are the head's rows of length one minus their mean, and the mean is not put back: it adds the same to every
  class's score. A cosine between rows that share a large part would be near one for any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from kgzsl.bank import ClassifierBank
from kgzsl.errors import RecipeError
from kgzsl.methods.class_exemplars import class_exemplars
from kgzsl.methods.context import FitContext
from kgzsl.methods.semantic_method import LearnedTensors, SemanticMethod, joint_bank
from kgzsl.methods.semantic_space import unit_rows
from kgzsl.runtime import progress
from kgzsl.supervision import Supervision
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["ICIS", "has_settled", "injection_loss"]

NAMES = ("semantic", "classifier")
SPAN, LEAST_FALL, PATIENCE = 10, 0.02, 5
"""Epochs that are averaged, the fall of the loss over so many that counts as one, and how often it may be missed."""


def injection_loss(
    tensors: Mapping[str, Tensor], semantics: Float[Tensor, "B S"], classifiers: Float[Tensor, "B O"]
) -> Float[Tensor, ""]:
    """Return the sum of the four mean cosine distances."""
    given = dict(zip(NAMES, (semantics, classifiers)))
    distances = [
        1 - functional.cosine_similarity(_decode(tensors, out, _encode(tensors, source, given[source])), given[out])
        for out in NAMES
        for source in NAMES
    ]
    return torch.stack([distance.mean() for distance in distances]).sum()


def has_settled(losses: list[float]) -> bool:
    """Say whether the loss of an epoch has been missing its least fall for `PATIENCE` epochs in a row.

    Example:
        >>> has_settled([1.0] * 26), has_settled([1.0] * 24), has_settled([5 - 0.1 * n for n in range(40)])
        (True, False, False)
    """
    if len(losses) <= 2 * SPAN + PATIENCE:
        return False
    ends = range(len(losses) - PATIENCE + 1, len(losses) + 1)
    falls = [np.mean(losses[end - 2 * SPAN : end - SPAN]) - np.mean(losses[end - SPAN : end]) for end in ends]
    return bool(max(falls) < LEAST_FALL)


class ICIS(SemanticMethod):
    """Image-free classifier injection; it learns from the head alone, images or not.

    Args:
        hidden: how many numbers lie between encoder and decoder.
        learning_rate: of Adam.
        batch_size: classes a step.
        epochs: at most so many passes over the seen classes.
        seed: draws the layers to begin with and the batches.

    Raises:
        RecipeError: a value is out of range.
    """

    def __init__(
        self, *, hidden: int = 2048, learning_rate: float = 1e-5, batch_size: int = 16, epochs: int = 100, seed: int = 0
    ) -> None:
        super().__init__()
        if min(hidden, batch_size, epochs) < 1 or not learning_rate > 0:
            raise RecipeError(
                "hidden, batch_size and epochs are at least 1 and learning_rate is greater than 0, found "
                f"{hidden!r}, {batch_size!r}, {epochs!r} and {learning_rate!r}."
            )
        self.hidden, self.learning_rate, self.seed = hidden, learning_rate, seed
        self.batch_size, self.epochs = batch_size, epochs

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        steps = {"learning_rate": self.learning_rate, "batch_size": self.batch_size, "epochs": self.epochs}
        return {"hidden": self.hidden, **steps, "seed": self.seed}

    def learn(self, supervision: Supervision, context: FitContext) -> LearnedTensors:
        """Train both auto-encoders on the classes of the head until the loss has settled."""
        head = class_exemplars(supervision, "head")
        semantics = unit_rows(supervision.semantics.select(head.class_ids).vectors)
        losses, generator = list[float](), torch.Generator().manual_seed(self.seed)
        tensors = self._layers(semantics.shape[1], head.rows.shape[1], generator)
        with progress("ICIS", self.epochs) as advance:
            for loss in self._epochs(tensors, semantics, head.rows.float(), generator):
                losses.append(loss)
                advance()
                if has_settled(losses) or len(losses) == self.epochs:
                    break
        learned = {name: tensor.detach().double() for name, tensor in tensors.items() if name in READ}
        tried = [{"epoch": epoch, "loss": loss} for epoch, loss in enumerate(losses, start=1)]
        return LearnedTensors(learned, supervision.seen_bank.backbone, {"epochs": len(losses)}, tried)

    def _layers(self, semantic_dim: int, row_dim: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw the layers uniformly within 1 / sqrt(inputs)."""
        tensors = dict[str, Tensor]()
        for name, dim in zip(NAMES, (semantic_dim, row_dim)):
            for part, (inputs, outputs) in {"encoder": (dim, self.hidden), "decoder": (self.hidden, dim)}.items():
                for kind, shape in {"weight": (inputs, outputs), "bias": (outputs,)}.items():
                    drawn = torch.rand(shape, generator=generator)
                    tensors[f"{name}_{part}_{kind}"] = ((2 * drawn - 1) / inputs**0.5).requires_grad_()
        return tensors

    def _epochs(
        self,
        tensors: dict[str, Tensor],
        semantics: Float[Tensor, "K S"],
        classifiers: Float[Tensor, "K O"],
        generator: torch.Generator,
    ) -> Iterator[float]:
        """Train the tensors in place and yield the mean loss of each epoch."""
        optimiser = torch.optim.Adam(tensors.values(), lr=self.learning_rate, betas=(0.9, 0.999), fused=True)
        while True:
            losses = []
            for batch in torch.randperm(len(semantics), generator=generator).split(self.batch_size):  # type: ignore[no-untyped-call]
                optimiser.zero_grad()
                loss = injection_loss(tensors, semantics[batch], classifiers[batch])
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                losses.append(float(loss.detach()))
            yield float(np.mean(losses))

    def scorer(self, learned: LearnedTensors, class_ids: ClassIds, vectors: Float[Tensor, "C S"]) -> ClassifierBank:
        """Return the bank of decoded classifiers, rows of length one."""
        decoded = _decode(learned, "classifier", _encode(learned, "semantic", unit_rows(vectors)))
        return joint_bank(class_ids, unit_rows(decoded), learned.backbone)


Layers = Mapping[str, Tensor] | LearnedTensors

READ = ("semantic_encoder_weight", "semantic_encoder_bias", "classifier_decoder_weight", "classifier_decoder_bias")
"""What a class's classifier is computed with."""


def _encode(tensors: Layers, name: str, rows: Float[Tensor, "B I"]) -> Float[Tensor, "B H"]:
    return functional.relu(rows @ tensors[f"{name}_encoder_weight"] + tensors[f"{name}_encoder_bias"])


def _decode(tensors: Layers, name: str, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
    return hidden @ tensors[f"{name}_decoder_weight"] + tensors[f"{name}_decoder_bias"]
