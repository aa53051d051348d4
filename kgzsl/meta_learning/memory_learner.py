"""A memory of seen classes, read by attention: keys are their meanings, values their classifiers.

A class with the meaning q reads ``[w, b] = sum over shown s of softmax_s(q W . k_s W / width) [w_s, b_s]``, with q and
k of length one after the projection ``W = I + A``. A is zero before any training: the memory is then the kernel
smoother of Nadaraya and Watson with the kernel ``exp(cos / width)``.

References:
    Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra: Matching Networks for One Shot Learning, NeurIPS 2016.
    Santoro, Bartunov, Botvinick, Wierstra, Lillicrap: Meta-Learning with Memory-Augmented Neural Networks, ICML 2016.
    Vaswani et al.: Attention Is All You Need, NeurIPS 2017.
    Nadaraya: On Estimating Regression, Theory of Probability and its Applications 1964.

Deviations: keys are not written by a network that reads images, there are none; one head; queries and keys share their
projection, so that a class is most alike to itself; rows are read without the shown classes' mean, which is added as
much as was learned.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from kgzsl.errors import RecipeError
from kgzsl.types import Float, Int, Tensor

__all__ = ["MemoryLearner", "read_memory"]


def read_memory(
    queries: Float[Tensor, "Q S"],
    keys: Float[Tensor, "K S"],
    values: Float[Tensor, "K O"],
    *,
    projection: Float[Tensor, "S S"],
    width: Float[Tensor, ""],
) -> Float[Tensor, "Q O"]:
    """Return what each query reads.

    Args:
        queries: semantic vectors of the classes asked for.
        keys: those of the classes in the memory.
        values: classifiers of the latter.
        projection: A, added to the identity.
        width: how much of a cosine may be missing, greater than 0.

    Example:
        >>> one, zero = torch.eye(2), torch.zeros(2, 2)
        >>> read_memory(one, one, one, projection=zero, width=torch.tensor(1e-2)).round().tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    attention = attention_of(queries, keys, projection=projection, width=width)
    return attention @ values


def attention_of(
    queries: Float[Tensor, "Q S"], keys: Float[Tensor, "K S"], *, projection: Float[Tensor, "S S"], width: Tensor
) -> Float[Tensor, "Q K"]:
    """Return how much of each value every query reads; rows sum to one."""
    asked, held = (functional.normalize(one + one @ projection, dim=1) for one in (queries, keys))
    return functional.softmax(asked @ held.T / width, dim=1)


class MemoryLearner(nn.Module):
    """The memory with parameters to learn: the projection and the logarithm of the width.

    Args:
        vectors: semantic vectors of the learner's K classes.
        width: to begin with, greater than 0.

    Raises:
        RecipeError: the width is not above 0.
    """

    def __init__(self, vectors: Float[Tensor, "K S"], width: float = 0.1) -> None:
        super().__init__()
        if not width > 0:
            raise RecipeError(f"width is above 0, found {width!r}.")
        self.vectors = functional.normalize(vectors, dim=1)
        self.projection = nn.Parameter(vectors.new_zeros(vectors.shape[1], vectors.shape[1]))
        self.log_width = nn.Parameter(vectors.new_tensor(width).log())

    def predict(
        self,
        shown: Int[Tensor, "A"],
        rows: Float[Tensor, "A O"],
        hidden: Int[Tensor, "B"],
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B O"]:
        """Return what the hidden classes read from the shown ones, of length one."""
        read = read_memory(
            self.vectors[hidden],
            self.vectors[shown],
            rows,
            projection=self.projection,
            width=self.log_width.exp(),
        )
        return functional.normalize(read, dim=1)
