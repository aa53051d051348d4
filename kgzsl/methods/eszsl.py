"""ESZSL: a bilinear map between features and semantics, in closed form.

After B. Romera-Paredes and P. Torr, An embarrassingly simple approach to zero-shot learning, ICML 2015. The score of
an image x for a class with the semantic vector s is ``x' V s``. V minimises the squared error to a target of 1 for the
class of an image and -1 for the other seen classes, with penalties on the classifiers ``V S``, on the projected images
``X' V`` and on V:

    V = (X X' + g I)^-1  X Y S'  (S S' + l I)^-1,    X (D, N) images, Y (N, K) of 1 and -1, S (S, K) of seen classes.

So the classifier of a class is ``w = V s``: a row of a bank.

Deviations from the paper:
- g and l are chosen by the reciprocal rank of images of seen classes left out, on the paper's kind of grid
  (10^-3 ... 10^3), in five folds of classes; the paper splits the training classes once.
- Semantic vectors have length one; images are centred and have a mean square length of one, which makes a bias
  ``-w . mean`` and gives the grid a meaning that does not hang on the backbone.
- Without images it learns from class means, or from rows of the head in the place of images
  (see `kgzsl.methods.class_exemplars`).
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
from kgzsl.methods.semantic_space import unit_rows
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["ESZSL", "BilinearMap"]

GRID = tuple(10.0**power for power in range(-3, 4))


@dataclass(frozen=True, slots=True)
class Setting:
    """Penalties: g of the images' side, l of the semantics' side."""

    gamma: float
    lam: float


class BilinearMap:
    """The closed form, decomposed once for all penalties: ``V = Q [Q' (X Y S') P / ((L + g)(M + l))] P'``.

    Args:
        exemplars: what stands for images, in the place of X and Y.
        semantics: (K, S) vectors of their classes, float64.
    """

    def __init__(self, exemplars: ClassExemplars, semantics: Float[Tensor, "K S"]) -> None:
        self.image_values: Tensor
        self.image_vectors: Tensor
        self.class_values: Tensor
        self.class_vectors: Tensor
        rows = exemplars.rows
        self.image_values, self.image_vectors = torch.linalg.eigh(rows.T @ rows)
        self.class_values, self.class_vectors = torch.linalg.eigh(semantics.T @ semantics)
        target = 2 * exemplars.sums().T @ semantics - torch.outer(rows.sum(dim=0), semantics.sum(dim=0))  # X Y S'
        self.core = self.image_vectors.T @ target @ self.class_vectors

    def scaled_core(self, setting: Setting) -> Float[Tensor, "E S"]:
        """Return V in the two bases of eigenvectors."""
        return self.core / torch.outer(self.image_values + setting.gamma, self.class_values + setting.lam)

    def solve(self, setting: Setting) -> Float[Tensor, "E S"]:
        """Return V."""
        return self.image_vectors @ self.scaled_core(setting) @ self.class_vectors.T

    def image_side(self, sums: Float[Tensor, "K E"], setting: Setting) -> Float[Tensor, "K E"]:
        """Return ``(X X' + g I)^-1 x_k`` of the sum x_k of each class's images."""
        return (sums @ self.image_vectors / (self.image_values + setting.gamma)) @ self.image_vectors.T


class ESZSL(SemanticMethod):
    """The closed-form bilinear map.

    Args:
        gammas: penalties g that are offered; one value fixes it. The first is taken where fewer than four classes
            are seen.
        lambdas: penalties l that are offered.
        exemplars: ``images``, ``class-means``, ``head``, or ``auto``: images where there are any, else the head.
        folds: how many parts of the seen classes are left out in turn.
        seed: draws the folds.

    Raises:
        UnknownVariantError, RecipeError: a value is not known or out of range.

    Example:
        >>> from kgzsl.toy import toy_supervision
        >>> bank = ESZSL().fit(toy_supervision()).synthesize(["okapi", "owl"])
        >>> bank.index.ids
        ('okapi', 'owl')
    """

    def __init__(
        self,
        *,
        gammas: Sequence[float] = GRID,
        lambdas: Sequence[float] = GRID,
        exemplars: str = "auto",
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.gammas, self.lambdas = positive_values(gammas=gammas, lambdas=lambdas)
        self.exemplars, self.folds, self.seed = check_kind(exemplars), folds, seed

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        offered = {"gammas": list(self.gammas), "lambdas": list(self.lambdas)}
        return {**offered, "exemplars": self.exemplars, "folds": self.folds, "seed": self.seed}

    def learn(self, supervision: Supervision, context: FitContext) -> LearnedTensors:
        """Choose g and l on left-out seen classes, then solve for all of them."""
        exemplars = class_exemplars(supervision, self.exemplars)
        vectors = unit_rows(supervision.semantics.select(exemplars.class_ids).vectors.double())
        offered = [Setting(gamma, lam) for gamma in self.gammas for lam in self.lambdas]

        def score(fold: Fold, given: ClassExemplars, rows: Tensor) -> Iterator[tuple[Setting, Tensor]]:
            kept, left_out = fold
            fitted = BilinearMap(given, vectors[kept])
            images, classes = rows @ fitted.image_vectors, vectors[left_out] @ fitted.class_vectors
            for setting in offered:
                yield setting, images @ fitted.scaled_core(setting) @ classes.T

        best, tried = choose_by_images(offered, exemplars, score, self.folds, self.seed)
        fitted = BilinearMap(exemplars, vectors)
        tensors = {
            "map": exemplars.joint(fitted.solve(best).T),  # (S, D + 1)
            "seen_vectors": vectors,
            "seen_rows": exemplars.joint(fitted.image_side(exemplars.sums(), best)),  # (K, D + 1)
        }
        backbone = supervision.seen_bank.backbone
        return LearnedTensors(tensors, backbone, asdict(best), tried, exemplars.class_ids)

    def scorer(self, learned: LearnedTensors, class_ids: ClassIds, vectors: Float[Tensor, "C S"]) -> ClassifierBank:
        """Return the bank of rows ``V s``."""
        return joint_bank(class_ids, unit_rows(vectors) @ learned["map"], learned.backbone)

    def contributions(
        self, class_ids: ClassIds, extensions: Sequence[ClassExtension] = (), vectors: SemanticEmbedding | None = None
    ) -> SeenContributions:
        """Return what the images of each seen class give.

        V is linear in the sums x_k of each class's images: with t the sum of all seen s_k,
        ``V s = sum over k of  (2 s_k - t)' (S S' + l I)^-1 s  (X X' + g I)^-1 x_k``.
        """
        learned = self._with_seen_rows()
        ids, given = self._asked(class_ids, extensions, vectors)
        seen = learned["seen_vectors"]
        damped = seen.T @ seen + float(learned.chosen["lam"]) * torch.eye(seen.shape[1], dtype=seen.dtype)
        solved = torch.linalg.solve(damped, unit_rows(given).T)  # (S, C)
        weights = ((2 * seen - seen.sum(dim=0)) @ solved).T  # (C, K)
        return SeenContributions(ids, learned.seen, weights, learned["seen_rows"])
