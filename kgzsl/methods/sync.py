"""SYNC: the classifier of a class is a mixture of phantom classifiers, weighted by likeness of semantics.

After S. Changpinyo, W.-L. Chao, B. Gong and F. Sha, Synthesized classifiers for zero-shot learning, CVPR 2016. Phantom
classes r have semantic coordinates b_r and classifiers v_r, and

    w_c = sum over r of  s_cr v_r,    s_cr = exp(-|a_c - b_r|^2 / sigma^2) / sum over all q of the same.

The phantom classes stand where the seen classes do (the paper's R = S with b_r = a_r). Their classifiers are learned
one against all others,

    min over V of  |X (P V)' - Y|^2 + lambda |V|^2,    P (K, R) of all s_cr, V (R, E), Y (N, K) of 1 and 0,

which two eigendecompositions solve. Without images the classifiers of the seen classes are known: V is then the ridge
regression ``min |P V - W|^2 + lambda |V|^2`` of the head's rows.

Deviations from the paper:
- Squared error in the place of the squared hinge, which makes it a closed form.
- The penalty is on the phantom classifiers v_r; the paper's, on the classifiers w_c, leaves V badly determined where
  the coordinates are those of the seen classes.
- sigma is given as a share of the median distance between seen classes; it and lambda are chosen by the reciprocal
  rank of images of seen classes left out. The paper sets sigma by how well semantics can be rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.graph.extension import ClassExtension
from kgzsl.methods.class_exemplars import ClassExemplars, check_kind, class_exemplars
from kgzsl.methods.class_folds import Fold, choose_by_images, positive_values
from kgzsl.methods.context import FitContext
from kgzsl.methods.contributions import SeenContributions
from kgzsl.methods.semantic_method import LearnedTensors, SemanticMethod, joint_bank
from kgzsl.methods.semantic_space import in_parts, median_distance, squared_distances, unit_rows
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["SYNC", "PhantomClassifiers", "phantom_shares"]


def phantom_shares(vectors: Float[Tensor, "C S"], phantoms: Float[Tensor, "R S"], sigma: float) -> Float[Tensor, "C R"]:
    """Return ``s_cr``, the softmax over phantom classes of ``-|a_c - b_r|^2 / sigma^2``."""
    return torch.softmax(-squared_distances(vectors, phantoms) / sigma**2, dim=1)


@dataclass(frozen=True, slots=True)
class Setting:
    """sigma in units of the median distance between seen classes, and the penalty."""

    sigma: float
    lam: float


class PhantomClassifiers:
    """The closed form of V for one matrix of shares, decomposed once for all penalties.

    With ``X'X = Q L Q'`` and ``P'P = U M U'``: ``V' = Q [Q' X'Y P U / (L M + lambda)] U'``; of the head L is one.

    Args:
        exemplars: what stands for images; of kind ``head`` its rows are what V is regressed on.
        shares: P, (K, R).
    """

    def __init__(self, exemplars: ClassExemplars, shares: Float[Tensor, "K R"]) -> None:
        self.share_values: Tensor
        self.share_vectors: Tensor
        self.share_values, self.share_vectors = torch.linalg.eigh(shares.T @ shares)
        target = exemplars.sums().T @ shares @ self.share_vectors  # X'Y P U, (E, R); of the head W' P U
        if exemplars.kind == "head":
            self.image_values, self.image_vectors = torch.ones(len(target), dtype=target.dtype), None
        else:
            self.image_values, self.image_vectors = torch.linalg.eigh(exemplars.rows.T @ exemplars.rows)
            target = self.image_vectors.T @ target
        self.core = target

    def solve(self, lam: float) -> Float[Tensor, "R E"]:
        """Return V."""
        inner = self.core / (torch.outer(self.image_values, self.share_values) + lam)
        turned: Tensor = inner if self.image_vectors is None else self.image_vectors @ inner
        return self.share_vectors @ turned.T


class SYNC(SemanticMethod):
    """Synthesized classifiers.

    Args:
        sigmas: widths that are offered, in units of the median distance between seen classes; one value fixes it.
        lambdas: penalties that are offered. The first of each is taken where fewer than four classes are seen.
        exemplars: ``images``, ``class-means``, ``head``, or ``auto``: images where there are any, else the head.
        folds: how many parts of the seen classes are left out in turn.
        seed: draws the folds.

    Raises:
        UnknownVariantError, RecipeError: a value is not known or out of range.

    Example:
        >>> from kgzsl.toy import toy_supervision
        >>> SYNC().fit(toy_supervision()).synthesize(["okapi", "owl"]).index.ids
        ('okapi', 'owl')
    """

    def __init__(
        self,
        *,
        sigmas: Sequence[float] = (0.35, 0.25, 0.5, 0.7, 1.0),
        lambdas: Sequence[float] = (0.1, 0.001, 0.01, 1.0, 10.0),
        exemplars: str = "auto",
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.sigmas, self.lambdas = positive_values(sigmas=sigmas, lambdas=lambdas)
        self.exemplars, self.folds, self.seed = check_kind(exemplars), folds, seed

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        offered = {"sigmas": list(self.sigmas), "lambdas": list(self.lambdas)}
        return {**offered, "exemplars": self.exemplars, "folds": self.folds, "seed": self.seed}

    def learn(self, supervision: Supervision, context: FitContext) -> LearnedTensors:
        """Choose sigma and lambda on left-out seen classes, then solve for all of them."""
        exemplars = class_exemplars(supervision, self.exemplars)
        vectors = unit_rows(supervision.semantics.select(exemplars.class_ids).vectors.double())
        distance = median_distance(vectors)
        offered = [Setting(sigma, lam) for sigma in self.sigmas for lam in self.lambdas]

        def score(fold: Fold, given: ClassExemplars, rows: Tensor) -> Iterator[tuple[Setting, Tensor]]:
            kept, left_out = fold
            for sigma in self.sigmas:
                shares = phantom_shares(vectors, vectors[kept], sigma * distance)
                fitted = PhantomClassifiers(given, shares[kept])
                for lam in self.lambdas:
                    yield Setting(sigma, lam), rows @ (shares[left_out] @ fitted.solve(lam)).T

        best, tried = choose_by_images(offered, exemplars, score, self.folds, self.seed)
        sigma = best.sigma * distance
        phantoms = PhantomClassifiers(exemplars, phantom_shares(vectors, vectors, sigma)).solve(best.lam)
        tensors, ids = {"phantoms": exemplars.joint(phantoms), "coordinates": vectors}, exemplars.class_ids
        return LearnedTensors(tensors, supervision.seen_bank.backbone, {**asdict(best), "width": sigma}, tried, ids)

    def scorer(self, learned: LearnedTensors, class_ids: ClassIds, vectors: Float[Tensor, "C S"]) -> ClassifierBank:
        """Return the bank of mixtures of phantom classifiers."""
        unit, width = unit_rows(vectors), float(learned.chosen["width"])
        parts = [phantom_shares(unit[part], learned["coordinates"], width) for part in in_parts(len(unit))]
        rows = torch.cat([part @ learned["phantoms"] for part in parts])
        return joint_bank(class_ids, rows, learned.backbone)

    def contributions(
        self, class_ids: ClassIds, extensions: Sequence[ClassExtension] = (), vectors: SemanticEmbedding | None = None
    ) -> SeenContributions:
        """Return the shares of the phantom classifiers, each of which stands in the place of a seen class."""
        learned = self._with_seen_rows()
        ids, given = self._asked(class_ids, extensions, vectors)
        shares = phantom_shares(unit_rows(given), learned["coordinates"], float(learned.chosen["width"]))
        return SeenContributions(ids, learned.seen, shares, learned["phantoms"])
