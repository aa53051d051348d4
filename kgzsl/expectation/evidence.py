"""What is known of a class among its candidates without any image of it, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgzsl.types import Array, Bool, Float, Int

__all__ = ["EVIDENCE", "FAR", "NEAR", "SIBLING", "Pool", "evidence_of", "steps_to"]

EVIDENCE = {
    "distance": "steps of the graph to the nearest seen class",
    "seen_near": "log(1 + seen classes within 4 steps)",
    "text_near": "highest cosine of its vector with that of a seen class",
    "variance": "posterior variance of its expected picture: about 0 beside seen classes, 1 far from all",
    "row_likeness": "highest cosine of its classifier with that of another candidate",
    "crowding": "mean cosine of its classifier with those of the other candidates",
    "text_likeness": "highest cosine of its vector with that of another candidate",
    "siblings": "log(1 + other candidates within 2 steps)",
    "kin": "log(1 + other candidates within 4 steps)",
    "sibling_distance": "steps of the graph to the nearest other candidate",
    "candidates": "log of the number of candidates",
    "seen_competitors": "log(1 + seen classes among the candidates)",
    "standing": "its mean score on pictures of seen classes, in standard deviations over candidates",
}
"""Name to meaning, in the order of the columns."""

SIBLING, NEAR, FAR = 2, 4, 20
"""Steps of the graph: between children of one parent, a generation more, and what counts as no way at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Classes that may compete, and what is known of each; the A that are asked about stand first.

    Args:
        texts: (C, S) semantic vectors of length one.
        rows: (C, F) what stands for the classifiers, of length one.
        mean_scores: (C,) mean score on pictures of seen classes.
        is_seen: (C,) whether the class competes as one that the classifier knows.
        text_near: (A,) highest cosine with the vector of a seen class.
        variance: (A,) posterior variance of the expected picture.
    """

    texts: Float[Array, "C S"]
    rows: Float[Array, "C F"]
    mean_scores: Float[Array, "C"]
    is_seen: Bool[Array, "C"]
    text_near: Float[Array, "A"]
    variance: Float[Array, "A"]


def steps_to(distances: Int[Array, "R C"]) -> Int[Array, "R C"]:
    """Return tree distances with no way (-1), and very long ones, as `FAR`."""
    return np.where((distances < 0) | (distances > FAR), FAR, distances)


def evidence_of(
    pool: Pool,
    asked: Int[Array, "A"],
    candidates: Int[Array, "K"],
    steps: Int[Array, "A K"],
    to_seen: Int[Array, "A N"],
) -> Float[Array, "A E"]:
    """Return the numbers of `EVIDENCE` for classes among candidates.

    Args:
        pool: what is known of the classes.
        asked: rows of the pool, all of them among the candidates.
        candidates: rows of the pool.
        steps: of the graph between both, see `steps_to`.
        to_seen: steps to the N seen classes; `FAR` to one that is hidden as well.
    """
    count = len(candidates)
    others = candidates[None] != asked[:, None]  # (A, K)
    away = np.where(others, steps, FAR)
    likeness = pool.rows[asked] @ pool.rows[candidates].T
    texts = pool.texts[asked] @ pool.texts[candidates].T
    scores = pool.mean_scores[candidates]
    spread = scores.std() or 1.0
    columns = {
        "distance": to_seen.min(axis=1, initial=FAR),
        "seen_near": np.log1p((to_seen <= NEAR).sum(axis=1)),
        "text_near": pool.text_near[asked],
        "variance": pool.variance[asked],
        "row_likeness": np.where(others, likeness, -1).max(axis=1),
        "crowding": (likeness * others).sum(axis=1) / max(count - 1, 1),
        "text_likeness": np.where(others, texts, -1).max(axis=1),
        "siblings": np.log1p((away <= SIBLING).sum(axis=1)),
        "kin": np.log1p((away <= NEAR).sum(axis=1)),
        "sibling_distance": away.min(axis=1),
        "candidates": np.full(len(asked), np.log(count)),
        "seen_competitors": np.full(len(asked), np.log1p(pool.is_seen[candidates].sum())),
        "standing": (pool.mean_scores[asked] - scores.mean()) / spread,
    }
    return np.column_stack([columns[name] for name in EVIDENCE]).astype(np.float64)
