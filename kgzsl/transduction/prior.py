"""How often classes occur: given, all alike, or unknown and estimated; and assignments that keep to it.

References:
    M. Saerens, P. Latinne, C. Decaestecker: Adjusting the outputs of a classifier to new a priori probabilities,
    Neural Computation 2002 (the estimate). M. Cuturi: Sinkhorn distances, NeurIPS 2013 (the assignment).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.types import ClassId, Float, Tensor

__all__ = ["UNIFORM", "UNKNOWN", "class_prior", "estimate_prior", "pulled_prior", "sinkhorn_offsets"]

UNIFORM, UNKNOWN = "uniform", "unknown"
MOST_STEPS, NEAR = 500, 1e-9


def pulled_prior(counts: Float[Tensor, "C"], pull: float) -> Float[Tensor, "C"]:
    """Return shares, drawn to equal ones: ``(n_c + pull N / C) / (N (1 + pull))``.

    It is the mean of a Dirichlet posterior whose prior counts as ``pull`` times the pictures; 0 leaves the shares.

    Example:
        >>> pulled_prior(torch.tensor([3.0, 1.0]), 1.0).tolist()
        [0.625, 0.375]
    """
    total = counts.sum()
    return (counts + pull * total / len(counts)) / (total * (1 + pull))


def estimate_prior(logits: Float[Tensor, "N C"], pull: float) -> Float[Tensor, "C"]:
    """Estimate how often classes occur by expectation maximisation (Saerens et al. 2002), drawn to equal shares.

    Args:
        logits: (N, C), as if all classes were equally frequent.
        pull: see `pulled_prior`.
    """
    prior = torch.full((logits.shape[1],), 1 / logits.shape[1], dtype=logits.dtype)
    for _ in range(MOST_STEPS):
        fresh = pulled_prior((logits + prior.log()).softmax(dim=1).sum(dim=0), pull)
        moved, prior = float((fresh - prior).abs().max()), fresh
        if moved < NEAR:
            break
    return prior


def sinkhorn_offsets(
    logits: Float[Tensor, "N C"], prior: Float[Tensor, "C"], steps: int = MOST_STEPS
) -> Float[Tensor, "C"]:
    """Return what is added to each class so that ``softmax(logits + offsets)`` gives it its share of the pictures.

    It is entropic optimal transport between pictures of equal weight and classes of the given weights: a row step is
    the softmax, a column step ``o_c += log prior_c - log mean_x p(c | x)``, until nothing moves.
    """
    offsets = torch.zeros_like(prior)
    wanted = prior.clamp(min=1e-300).log()
    for _ in range(steps):
        step = wanted - torch.log_softmax(logits + offsets, dim=1).logsumexp(dim=0) + math.log(len(logits))
        offsets = offsets + step
        if float(step.abs().max()) < NEAR:
            break
    return offsets


def class_prior(
    prior: str | Mapping[ClassId, float], index: ClassIndex, logits: Float[Tensor, "N C"], pull: float
) -> Float[Tensor, "C"]:
    """Return the share of each class, summing to one.

    Args:
        prior: ``uniform``; ``unknown``, to be estimated from the logits; or positive weights of all classes.
        index: the classes.
        logits: what an unknown one is estimated from.
        pull: see `pulled_prior`; for an unknown one.

    Raises:
        InputFileError: no prior is called so, a class has no weight, or a weight is not positive.
    """
    if isinstance(prior, str):
        if prior == UNIFORM:
            return torch.full((len(index),), 1 / len(index), dtype=logits.dtype)
        if prior == UNKNOWN:
            return estimate_prior(logits, pull)
        raise InputFileError(f"No class prior is called {prior!r}; choose {UNIFORM} or {UNKNOWN}, or give weights.")
    if missing := [class_id for class_id in index if class_id not in prior]:
        raise InputFileError(f"The class prior lacks {len(missing)} of {len(index)} classes, first {missing[0]!r}.")
    weights = torch.tensor([float(prior[class_id]) for class_id in index], dtype=logits.dtype)
    if not bool((weights > 0).all() and torch.isfinite(weights).all()):
        raise InputFileError("The weights of a class prior are positive numbers; leave classes that never occur out.")
    return weights / weights.sum()
