"""Tell classes that have pictures from each other: a ridge regression of what their rows miss, in closed form.

A blended row is learned from the pictures of its own class. In a crowded set, where all classes look alike, it also
matters what the pictures of the others look like. Pictures x_i, less the mean picture m and each as long as those of
its class are in the mean, shall score 1 for their own class and 0 for the others, and rows w_c may leave the blended
ones v_c for that:

    min sum_i sum_c (e_ic - <s w_c, x_i>)^2 + lambda sum_c |s (w_c - v_c)|^2,

the errors taken without their mean over the classes c. So the sum of all rows stays what it is, and one class alone
keeps its row. With e the errors of the blended rows, s (w - v) is a ridge regression of e on the pictures; lambda is
`RIDGE`, and s is `STRETCH` where rows are of length one in the mean. At the end all rows are scaled alike, to be in the
mean as long as before: classes without pictures compete, too.

The regression needs sums of squares and products only, and n pictures of a class have the same as these rows: their
mean times the root of n, which shall score the root of n, and the principal components of their scatter, which shall
score nothing. No picture is kept for it.

`STRETCH` and `RIDGE` were chosen on held-out seen classes, among them sets of classes under one ancestor
(``scripts/choose_few_images.py``). Regressions around the predicted rows themselves, and averages of the blend with a
ridge regression that knows pictures alone, were worse there than the blend.

Reference:
    A. Hoerl, R. Kennard: Ridge regression, Technometrics 12, 1970. That rows shrink to predicted ones and not to
    nothing, and the errors without their mean over classes, are our own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kgzsl.few_images.class_pictures import ClassPictures
from kgzsl.types import Float, Tensor

__all__ = ["RIDGE", "STRETCH", "told_apart"]

STRETCH = 2.0
"""What a row of length one is multiplied by before its scores are compared with 1 and 0."""
RIDGE = 10.0
"""What leaving the blended rows costs, in pictures."""


def told_apart(
    rows: Float[Tensor, "C D"],
    pictures: Sequence[ClassPictures],
    mean: Float[Tensor, "D"],
    *,
    stretch: float = STRETCH,
    ridge: float = RIDGE,
) -> Float[Tensor, "C D"]:
    """Return rows that score the pictures of their own class above those of the others.

    Args:
        rows: blended rows, double precision.
        pictures: of each of the classes.
        mean: the mean picture m.
        stretch, ridge: as the constants of this module.

    Example:
        >>> crossed = [ClassPictures.of(torch.tensor([[0.0, 1.0]])), ClassPictures.of(torch.tensor([[1.0, 0.0]]))]
        >>> told_apart(torch.eye(2).double(), crossed, torch.zeros(2).double(), ridge=0.01).argmax(dim=0).tolist()
        [1, 0]
    """
    length = float(rows.norm(dim=1).mean())
    stretched = rows * (stretch / length)
    given = [_observations(one, mean) for one in pictures]
    errors = -torch.cat(given) @ stretched.T
    first = torch.tensor([0, *(len(one) for one in given[:-1])]).cumsum(dim=0)
    errors[first, torch.arange(len(rows))] += torch.tensor([float(one.count) for one in pictures]).double().sqrt()
    errors -= errors.mean(dim=1, keepdim=True)
    changed = stretched + _regression(torch.cat(given), errors, ridge)
    told: Tensor = changed * (length / float(changed.norm(dim=1).mean()))
    return told


def _observations(pictures: ClassPictures, mean: Float[Tensor, "D"]) -> Float[Tensor, "R1 D"]:
    """Return rows with the squares and products of the pictures less ``mean``, of mean length one; their mean first."""
    rows = torch.cat([pictures.count**0.5 * (pictures.mean.double() - mean)[None], pictures.spread.double()])
    length = float(rows.square().sum()) / pictures.count
    return rows / length**0.5 if length > 0 else rows


def _regression(given: Float[Tensor, "R D"], errors: Float[Tensor, "R C"], ridge: float) -> Float[Tensor, "C D"]:
    """Return the ridge regression of errors on what is given, by the inverse of the smaller side."""
    if len(given) <= given.shape[1]:
        square = given @ given.T
        square.diagonal().add_(ridge)
        changes: Tensor = torch.linalg.solve(square, errors).T @ given
    else:
        square = given.T @ given
        square.diagonal().add_(ridge)
        changes = torch.linalg.solve(square, given.T @ errors).T
    return changes
