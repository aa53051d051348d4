"""DeViSE: images are mapped next to the semantic vectors of their classes, by a hinge rank loss.

After A. Frome et al., DeViSE: A deep visual-semantic embedding model, NeurIPS 2013. A linear map M takes features to
semantics, and the score of an image x for a class is ``s' M x``. For an image of class y the loss is

    sum over seen j other than y of  max(0, margin - s_y' M x + s_j' M x),

with semantic vectors of length one and a margin of 0.1. So the classifier of a class is ``w = M' s``: a row of a bank.

Deviations from the paper:
- The backbone is frozen; the paper ends by fine-tuning it.
- All violating classes count, where the paper stops at the first one that it draws: the same objective, without the
  draw. Steps are Adagrad's, as in the paper, of batches of images.
- Learning rate and number of epochs are the best for a fifth of the seen classes, left out; then all are fitted for as
  many.
- Exemplars are scaled to length one, for images differ in length and the margin does not.
- Without images it learns from class means, or from rows of the head in the place of images
  (see `kgzsl.methods.class_exemplars`); each is then the one image of its class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.errors import RecipeError
from kgzsl.methods.class_exemplars import ClassExemplars, check_kind, class_exemplars
from kgzsl.methods.class_folds import best_setting, class_folds, reciprocal_rank
from kgzsl.methods.context import FitContext
from kgzsl.methods.semantic_method import LearnedTensors, SemanticMethod, joint_bank
from kgzsl.methods.semantic_space import unit_rows
from kgzsl.runtime import progress
from kgzsl.supervision import Supervision
from kgzsl.types import ClassIds, Float, Int, Tensor

__all__ = ["DeViSE", "hinge_rank_loss"]

START = 0.01
"""Spread of the map to begin with: all scores lie within the margin."""


def hinge_rank_loss(scores: Float[Tensor, "N K"], own: Int[Tensor, "N"], margin: float) -> Float[Tensor, ""]:
    """Return the mean over images of ``sum over j != y of max(0, margin - score_y + score_j)``.

    Example:
        >>> hinge_rank_loss(torch.tensor([[0.5, 0.45, 0.1]]), torch.tensor([0]), 0.1).item()
        0.05...
    """
    violations = (margin - scores.gather(1, own[:, None]) + scores).clamp(min=0)
    return (violations.sum(dim=1) - margin).mean()  # the own class stands in the sum with the margin itself


class DeViSE(SemanticMethod):
    """A linear map from features to semantics, by hinge rank loss.

    Args:
        margin: by how much a class's own score is to exceed the others.
        learning_rates: of Adagrad, those that are offered.
        epochs: at most so many passes over the images.
        evaluate_every: epochs between two looks at the classes left out.
        batch_size: images a step.
        exemplars: ``images``, ``class-means``, ``head``, or ``auto``: images where there are any, else the head.
        seed: draws the map to begin with, the batches, and the classes left out.

    Raises:
        UnknownVariantError, RecipeError: a value is not known or out of range.
    """

    def __init__(
        self,
        *,
        margin: float = 0.1,
        learning_rates: Sequence[float] = (0.03, 0.01, 0.1),
        epochs: int = 60,
        evaluate_every: int = 5,
        batch_size: int = 100,
        exemplars: str = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not learning_rates or min(margin, *learning_rates) <= 0 or min(epochs, evaluate_every, batch_size) < 1:
            raise RecipeError(
                "margin and learning_rates are greater than 0, epochs, evaluate_every and batch_size at least 1, found "
                f"{margin!r}, {learning_rates!r}, {epochs!r}, {evaluate_every!r}, {batch_size!r}."
            )
        self.margin, self.learning_rates, self.epochs = margin, tuple(map(float, learning_rates)), epochs
        self.evaluate_every, self.batch_size = evaluate_every, batch_size
        self.exemplars, self.seed = check_kind(exemplars), seed

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        steps = {"epochs": self.epochs, "evaluate_every": self.evaluate_every, "batch_size": self.batch_size}
        own = {"margin": self.margin, "learning_rates": list(self.learning_rates), **steps}
        return {**own, "exemplars": self.exemplars, "seed": self.seed}

    def learn(self, supervision: Supervision, context: FitContext) -> LearnedTensors:
        """Choose the number of epochs on a fifth of the seen classes, then fit all of them."""
        exemplars = class_exemplars(supervision, self.exemplars)
        vectors = unit_rows(supervision.semantics.select(exemplars.class_ids).vectors)
        measured = dict[tuple[float, int], list[float]]()
        for kept, left_out in class_folds(len(vectors), 5, self.seed)[:1]:
            held = exemplars.of(left_out)
            for rate in self.learning_rates:
                for epoch, learned in self._epochs(exemplars.of(kept), vectors[kept], rate):
                    if epoch % self.evaluate_every == 0:
                        scores = held.rows.float() @ learned @ vectors[left_out].T
                        measured[rate, epoch] = [reciprocal_rank(scores, held.labels)]
        rate, epochs = best_setting(measured, list(measured) or [(self.learning_rates[0], self.epochs)])
        learned = next(one for epoch, one in self._epochs(exemplars, vectors, rate) if epoch == epochs)
        joint = exemplars.joint(learned.T.double())  # (S, D + 1)
        chosen = {"learning_rate": rate, "epochs": epochs}
        tried = [{"learning_rate": at, "epochs": n, "reciprocal_rank": found} for (at, n), found in measured.items()]
        return LearnedTensors({"map": joint}, supervision.seen_bank.backbone, chosen, tried)

    def _epochs(
        self, exemplars: ClassExemplars, vectors: Float[Tensor, "K S"], rate: float
    ) -> Iterator[tuple[int, Float[Tensor, "E S"]]]:
        """Yield the map after each epoch; it is changed in place."""
        generator = torch.Generator().manual_seed(self.seed)
        rows, labels = unit_rows(exemplars.rows).float(), exemplars.labels
        start = START * torch.randn(rows.shape[1], vectors.shape[1], generator=generator)
        learned = start.requires_grad_()
        optimiser = torch.optim.Adagrad([learned], lr=rate)
        with progress(f"DeViSE, learning rate {rate}", self.epochs) as advance:
            for epoch in range(1, self.epochs + 1):
                for batch in torch.randperm(len(rows), generator=generator).split(self.batch_size):  # type: ignore[no-untyped-call]
                    optimiser.zero_grad()
                    loss = hinge_rank_loss(rows[batch] @ learned @ vectors.T, labels[batch], self.margin)
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimiser.step()
                advance()
                yield epoch, learned.detach()

    def scorer(self, learned: LearnedTensors, class_ids: ClassIds, vectors: Float[Tensor, "C S"]) -> ClassifierBank:
        """Return the bank of rows ``M' s``."""
        return joint_bank(class_ids, unit_rows(vectors) @ learned["map"], learned.backbone)
