"""A seen bank without a head: linear classifiers of the seen classes, fitted on labelled features alone.

All three variants look at features the same way: the direction of the mean picture, which all pictures share, is taken
out, and what is left has length one,

    u_i = unit(x_i - (x_i . m) m),    m = unit(mean of x),

and all give rows of length one without bias, because rows of a common scale are what a graph network regresses on
(rows against one another count, not their lengths, and a bias would be scaled along with its row).

The strengths were chosen on seen classes alone, by ``scripts/choose_seen_bank.py``. It fits each bank on one picture
of each of ImageNet's 1000 classes (MobileNetV2 features) and measures other pictures of seen classes: 31 of
Caltech-101, 11 of goods in shops, 3 birds. ``seen`` is Hit@1 of the bank among the 1000; of a variant's strengths the
one with the best mean of these three columns is the default (ridge: of 0.5 to 50; logistic: of 1e-7 to 1e-2, which all
lie within 0.5). ``held out`` chooses no strength: those 45 classes lose their rows, kernel regression predicts them
from semantics and the other rows; Hit@1 among the 45, the mean over the three files.

| seen bank                            | seen Caltech | seen grocery | seen birds | mean | held out |
|--------------------------------------|--------------|--------------|------------|------|----------|
| class means                          | 30.2         | 35.1         | 47.8       | 37.7 | 42.4     |
| ridge, strength 5                    | 32.7         | 37.8         | 48.9       | 39.8 | 42.7     |
| logistic, l2 1e-6                    | 30.9         | 35.8         | 47.8       | 38.2 | 42.8     |
| class means as they are              | 29.2         | 36.0         | 55.0       | 40.1 | 39.5     |
| class means minus mean, bias -w.mean | 29.7         | 33.9         | 48.9       | 37.5 | 42.9     |

The held-out column is why the mean direction is taken out: rows that share it are harder to tell apart once predicted,
although as classifiers of their own classes they are no worse (better on the birds). Subtracting the mean does as well,
but needs a bias longer than the row itself, and a network that scales row and bias together would learn little else.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.features import FeatureSet
from kgzsl.types import Float, Int, Tensor

__all__ = ["SEEN_BANKS", "class_means", "logistic", "ridge"]


def class_means(features: FeatureSet) -> ClassifierBank:
    """Return the bank of class means: ``w_c = unit(mean of u_i over the images of c)``, ``b_c = 0``.

    Args:
        features: labelled features of the seen classes; images without a class are left out.

    Raises:
        InputFileError: no image has a class, or the features of a class are all alike the mean picture.

    Example:
        >>> index = ClassIndex(("a", "b"))
        >>> images = FeatureSet(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1]), index, "toy")
        >>> (class_means(images).score(images) > 0).tolist()
        [[True, False], [False, True]]
    """
    rows, labels, index = _centred(features)
    return _bank(_sums(rows, labels, len(index)), index, features)


def ridge(features: FeatureSet, strength: float = 5.0) -> ClassifierBank:
    """Return the bank of one-against-rest ridge regression: ``W = Y' U (U' U + s N/D I)^-1``, rows to length one.

    ``Y`` (N, C) is one for an image's class and zero elsewhere, less its column means; ``s`` is the strength, in units
    of the mean eigenvalue of ``U' U``, so that it means the same whatever the number of images and their dimension.

    Args:
        features: labelled features of the seen classes; images without a class are left out.
        strength: how strongly weights are held small; with many images a class less serves better.

    Raises:
        InputFileError: no image has a class, or the strength is not positive.
    """
    if not strength > 0:
        raise InputFileError(f"The strength of ridge regression must be positive, found {strength}.")
    rows, labels, index = _centred(features)
    count, dim = rows.shape
    targets = _sums(rows, labels, len(index))  # Y' U, (C, D)
    shares = torch.bincount(labels, minlength=len(index)).to(rows) / count
    targets -= shares[:, None] * rows.sum(dim=0)
    square = rows.T @ rows
    square.diagonal().add_(strength * count / dim)
    return _bank(torch.linalg.solve(square, targets.T).T, index, features)


def logistic(features: FeatureSet, l2: float = 1e-6, max_steps: int = 50) -> ClassifierBank:
    """Return the bank of multinomial logistic regression, rows to length one.

    Minimises ``mean_i -log softmax(W u_i)[class of i] + l2/2 |W|^2`` from zero by L-BFGS.

    Args:
        features: labelled features of the seen classes; images without a class are left out.
        l2: weight of the penalty.
        max_steps: most L-BFGS steps.

    Raises:
        InputFileError: no image has a class, or ``l2`` is not positive.
    """
    if not l2 > 0:
        raise InputFileError(f"The penalty l2 of logistic regression must be positive, found {l2}.")
    rows, labels, index = _centred(features)
    weights = rows.new_zeros(len(index), rows.shape[1], requires_grad=True)
    search = torch.optim.LBFGS([weights], max_iter=max_steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        loss = torch.nn.functional.cross_entropy(rows @ weights.T, labels) + l2 / 2 * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    search.step(closure)  # type: ignore[no-untyped-call]
    return _bank(weights.detach(), index, features)


SEEN_BANKS: dict[str, Callable[..., ClassifierBank]] = {
    "class-means": class_means,
    "ridge": ridge,
    "logistic": logistic,
}
"""The variants by the name that recipes use; each takes labelled features and its own keywords."""


def _centred(features: FeatureSet) -> tuple[Float[Tensor, "N D"], Int[Tensor, "N"], ClassIndex]:
    known = features.labels >= 0
    if not bool(known.any()):
        raise InputFileError("A seen bank needs labelled features, but no image has a class; label the pictures.")
    rows = features.features[known].float().cpu()
    used, labels = torch.unique(features.labels[known].cpu(), return_inverse=True)
    index = ClassIndex(tuple(features.index[row] for row in used.tolist()), features.index.owner)
    if len(index) < 2:
        raise InputFileError(f"A seen bank needs images of at least two classes, found {index[0]!r} alone.")
    mean = torch.nn.functional.normalize(rows.mean(dim=0), dim=0)
    return torch.nn.functional.normalize(rows - (rows @ mean)[:, None] * mean, dim=1), labels, index


def _sums(rows: Float[Tensor, "N D"], labels: Int[Tensor, "N"], count: int) -> Float[Tensor, "C D"]:
    return rows.new_zeros(count, rows.shape[1]).index_add_(0, labels, rows)


def _bank(weights: Float[Tensor, "C D"], index: ClassIndex, features: FeatureSet) -> ClassifierBank:
    lengths = weights.norm(dim=1)
    if not bool((lengths > 0).all()):
        bad = index[int((lengths == 0).nonzero()[0])]
        raise InputFileError(f"The features of class {bad!r} do not differ from the mean picture; give more images.")
    rows = weights / lengths[:, None]
    return ClassifierBank(index, rows, rows.new_zeros(len(index)), features.backbone, "weights")
