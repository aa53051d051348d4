"""The best classes of one image out of many thousands, exactly, from rows of 8 bits: a quarter of the memory is read.

One image against C classes is limited by how fast their rows come from memory. So all classes are first scored with
int8 codes, which says of each score between which values it lies; only classes that can be among the best k are then
scored with their own rows. With ``w = s q + e`` and ``x = t y + r`` (q, y int8)

    | w x - s t q y |  <=  |e| |x| + |w - e| |r|

by Cauchy and Schwarz, where |e| and |w - e| are kept for every row. Nothing is lost: the answer is that of the rows.
"""

from __future__ import annotations

import numpy as np
import torch

from kgzsl.bank import ClassifierBank, single_at_least
from kgzsl.quantisation import quantise
from kgzsl.types import Float, Int, Tensor

__all__ = ["Shortlist", "is_quick"]

WIDTH = 64
"""Bytes that the processor multiplies at a time; rows are padded to a multiple."""
SLACK = 1.001
"""The bounds are computed in single precision: what their own rounding may cost."""
ROUNDING = 1e-5
FIRST, LEADING = 16, 32
"""Classes whose own rows are scored before anything is known of the others; where all scores are wanted, more."""
ROWS_AT_ONCE = 256
"""Rows that are coded together: what that needs beside the codes stays in the cache."""


def is_quick() -> bool:
    """Say whether this processor multiplies int8 quickly (VNNI); elsewhere the rows themselves are quicker."""
    supported = getattr(torch.cpu, "_is_vnni_supported", None)
    return bool(supported and supported()) and hasattr(torch, "_int_mm")


class Shortlist:
    """Finds the best classes of one image in a bank.

    Args:
        bank: on the CPU, in single or half precision; its rows are used as they are, codes of a byte a number are kept
            beside them.

    Example:
        >>> from kgzsl.classes import ClassIndex
        >>> bank = ClassifierBank(ClassIndex(tuple("abc")), torch.eye(3), torch.zeros(3), "toy")
        >>> Shortlist(bank).best(torch.tensor([1.0, 3.0, 2.0]), 2)[1].tolist()
        [1, 2]
    """

    def __init__(self, bank: ClassifierBank) -> None:
        self.bank = bank
        count = len(bank.index)
        codes = np.zeros((count, bank.dim + -bank.dim % WIDTH), dtype=np.int8)  # numpy asks for large pages of memory
        self._codes = torch.from_numpy(codes)
        self._scales, self._missed, self._lengths = torch.empty(3, count)
        self._biases = bank.biases.float()
        for first in range(0, count, ROWS_AT_ONCE):
            self._code(slice(first, first + ROWS_AT_ONCE))
        self._most = float(((self._lengths + self._missed).max() + 1) * ROUNDING) if count else 0.0

    def _code(self, part: slice) -> None:
        weights = self.bank.weights[part].float()
        codes, self._scales[part] = quantise(weights)
        rows = codes.float() * self._scales[part, None]
        self._missed[part] = (weights - rows).norm(dim=1) * SLACK
        self._lengths[part] = rows.norm(dim=1) * SLACK
        self._codes[part, : self.bank.dim] = codes

    def scores(self, feature: Float[Tensor, "D"]) -> tuple[Float[Tensor, "C"], Float[Tensor, "C"]]:
        """Return the scores that the codes give, and how far each may be from that of the row."""
        feature = feature.float()
        codes, scales = quantise(feature[None])
        length, scale = float(feature.norm()), float(scales)
        rest = float(torch.addcmul(feature, codes[0], scales, value=-1).norm())
        column = codes.T
        if len(column) < self._codes.shape[1]:
            column = torch.nn.functional.pad(column, (0, 0, 0, self._codes.shape[1] - len(column)))
        found = torch._int_mm(self._codes, column)[:, 0]  # (C,) int32
        bound = torch.mul(self._missed, length).add_(self._lengths, alpha=rest).add_(self._most * (length + scale))
        return torch.addcmul(self._biases, found, self._scales, value=scale), bound

    def best(self, feature: Float[Tensor, "D"], k: int) -> tuple[Float[Tensor, "K"], Int[Tensor, "K"]]:
        """Return scores and columns of the best k, best first; of equal scores the earlier column comes first."""
        return self._best(feature, k, FIRST)[:2]

    def all_scores(self, feature: Float[Tensor, "D"], k: int) -> tuple[Float[Tensor, "C"], Int[Tensor, "K"]]:
        """Return scores of all classes, and the columns of the best k, which are those of `best`.

        Scores of the `LEADING` classes that are best by their codes, and of all that can be among the best k, are those
        of their rows. The others are those of the codes, whose errors are of either sign: in a sum they cancel.
        """
        _, best, scores = self._best(feature, k, LEADING)
        return scores, best

    def _best(self, feature: Float[Tensor, "D"], k: int, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores and columns of the best k, and the scores of all classes.

        Some that are best by their codes are scored by their rows. Then only a class that may reach the k-th best of
        those is left to look at.
        """
        scores, bound = self.scores(feature)
        first = scores.topk(min(max(k, number), len(scores))).indices
        values = self._exact(feature, first)
        can_be = ~(scores + bound < values.topk(k).values[-1])  # where a bound is no number, every class can be
        can_be[first] = False
        others = can_be.nonzero()[:, 0]
        if len(others):
            first, values = torch.cat([first, others]), torch.cat([values, self._exact(feature, others)])
        scores[first] = values
        order = first.argsort()
        order = order[values[order].argsort(descending=True, stable=True)[:k]]
        return values[order], first[order], scores

    def _exact(self, feature: Float[Tensor, "D"], columns: Int[Tensor, "M"]) -> Float[Tensor, "M"]:
        wide = feature.double()
        starts = range(0, max(len(columns), 1), ROWS_AT_ONCE)
        parts = [self.bank.weights[columns[first : first + ROWS_AT_ONCE]].double() @ wide for first in starts]
        exact = torch.cat(parts) + self.bank.biases[columns].double()
        return exact.to(single_at_least(self.bank.weights.dtype))
