"""Probabilities of candidates: a softmax of scores over a temperature that was fitted on seen classes.

    p(c | x) = exp(s_c / T) / sum_k exp(s_k / T)

Scores have no scale of their own that could be read as certainty, and a model's softmax is as a rule too sure. T is
chosen so that the right classes are as likely as can be. The ranking stays as it is for every T.

Beyond the paper: the images are of seen classes that play unseen (`SeenQueries`), for an unseen class is predicted
less well than a seen one is known. And one T cannot do for all queries: classes that were predicted from the same
relatives are told apart far less surely than their scores say. So T may follow the number C of candidates and the
spacing d between them (`kgzsl.scoring.spacing`),

    log T = level + by_number log C + by_spacing d,

where that makes images of left-out classes more likely than a simpler form does.

References:
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger: On calibration of modern neural networks, ICML 2017.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from kgzsl.errors import CorruptFileError
from kgzsl.scoring.seen_queries import Answers, SeenQueries
from kgzsl.types import Float, Tensor

__all__ = ["FORMS", "Temperature", "fit_probabilities", "fit_temperature", "negative_log_likelihood"]

FORMS = {
    "one": (False, False),
    "by_number": (True, False),
    "by_spacing": (False, True),
    "by_number_and_spacing": (True, True),
}
"""Form to what T follows: the number of candidates, their spacing."""

QUERIES_A_SIZE, PULL, HALVES, STEPS = 500, 1e-4, 2, 50


@dataclass(frozen=True, slots=True)
class Temperature:
    """The temperature of a query: ``log T = level + by_number log C + by_spacing d``.

    Outside of the numbers and spacings that it was fitted on, T is that of the nearest one.

    Args:
        level: log T, in the log of the units of the scores.
        by_number: what log T gains when the number of candidates grows e-fold.
        by_spacing: what it gains when the candidates stand e times as far apart.
        numbers: the fewest and the most candidates that it was fitted on.
        spacings: the least and the greatest spacing.

    Raises:
        CorruptFileError: a value is not a finite number.

    Example:
        >>> Temperature(math.log(2.0)).probabilities(torch.tensor([[0.0, 2 * math.log(3.0)]]), 1.0).tolist()
        [[0.25, 0.75]]
    """

    level: float
    by_number: float = 0.0
    by_spacing: float = 0.0
    numbers: tuple[float, float] = (1, 1)
    spacings: tuple[float, float] = (0, 0)

    def __post_init__(self) -> None:
        values = (self.level, self.by_number, self.by_spacing, *self.numbers, *self.spacings)
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            raise CorruptFileError("A temperature takes finite numbers; run kgzsl calibrate again.")

    def of(self, num_candidates: int, spacing: float) -> float:
        """Return T of a query, in the units of the scores."""
        number = min(max(num_candidates, self.numbers[0]), self.numbers[1])
        distance = min(max(spacing, self.spacings[0]), self.spacings[1])
        return math.exp(self.level + self.by_number * math.log(number) + self.by_spacing * distance)

    def probabilities(self, scores: Float[Tensor, "N C"], spacing: float) -> Float[Tensor, "N C"]:
        """Return the probability of each candidate, in double precision; a row adds up to 1."""
        return torch.softmax(scores.double() / self.of(scores.shape[1], spacing), dim=1)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads: plain numbers."""
        return asdict(self) | {"numbers": list(self.numbers), "spacings": list(self.spacings)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Temperature:
        """Read what `to_json` wrote; further keys are passed over.

        Raises:
            CorruptFileError: a value is missing or no number.
        """
        try:
            ends = {name: (content[name][0], content[name][1]) for name in ("numbers", "spacings")}
            return cls(content["level"], content["by_number"], content["by_spacing"], **ends)
        except (KeyError, TypeError, IndexError) as error:
            raise CorruptFileError(f"No temperature can be read ({error}); run kgzsl calibrate again.") from error


def negative_log_likelihood(temperature: Temperature, answers: Sequence[Answers]) -> float:
    """Return the mean over numbers of candidates of the mean ``-log p(right class)``."""
    values = [math.log(size) for size in (one.scores.shape[1] for one in answers)]
    found = torch.tensor([temperature.level, temperature.by_number, temperature.by_spacing], dtype=torch.float64)
    return float(_loss(found, answers, values))


def fit_probabilities(queries: SeenQueries) -> dict[str, Any]:
    """Fit temperature calibration on seen classes that play unseen.

    Each of the `FORMS` is fitted on the images of one half of the classes and tried on those of the other. The form of
    the highest likelihood there is fitted on all.

    Returns:
        A `Temperature` as JSON; also ``form``, and ``likelihoods``: the mean negative log likelihood of each form on
        left-out classes.
    """
    half = torch.from_numpy(np.random.default_rng(0).permutation(len(queries.class_ids)) % HALVES)[queries.own]
    losses = dict.fromkeys(FORMS, 0.0)
    for left_out in range(HALVES):
        fitted_on, tried = (answers_of(queries.of_images(one)) for one in (half != left_out, half == left_out))
        if fitted_on and tried:
            for form in FORMS:
                losses[form] += negative_log_likelihood(fit_temperature(fitted_on, form), tried) / HALVES
    best = min(FORMS, key=lambda form: losses[form])
    return {"form": best, **fit_temperature(answers_of(queries), best).to_json(), "likelihoods": losses}


def answers_of(queries: SeenQueries) -> list[Answers]:
    """Return some hundred answers of each number of candidates."""
    found = [queries.answers(size, QUERIES_A_SIZE) for size in queries.sets]
    return [answers for answers in found if len(answers.right)]


def fit_temperature(answers: Sequence[Answers], form: str = "one") -> Temperature:
    """Minimise the negative log likelihood, by L-BFGS from the spread of the scores.

    A weak pull towards that spread keeps T above 0 where every query is right.

    Args:
        answers: queries whose class is among the candidates; one entry a number of candidates.
        form: one of `FORMS`.
    """
    followed = torch.tensor([1.0, *FORMS[form]], dtype=torch.float64)
    spread = float(torch.cat([one.scores.flatten() for one in answers]).std(correction=0))
    start = torch.tensor([math.log(spread) if spread > 0 else 0.0, 0.0, 0.0], dtype=torch.float64)
    sizes = [one.scores.shape[1] for one in answers]
    logs = [math.log(size) for size in sizes]
    change = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([change], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        total = _loss(start + change * followed, answers, logs) + PULL * (change * followed).square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]
    level, by_number, by_spacing = (start + change.detach() * followed).tolist()
    apart = torch.cat([one.spacing for one in answers])
    spacings = (float(apart.min()), float(apart.max()))
    return Temperature(level, by_number, by_spacing, (min(sizes), max(sizes)), spacings)


def _loss(found: Tensor, answers: Sequence[Answers], logs: Sequence[float]) -> Tensor:
    parts = []
    for one, log in zip(answers, logs):
        temperature = torch.exp(found[0] + found[1] * log + found[2] * one.spacing)  # (Q,)
        parts.append(cross_entropy(one.scores / temperature[:, None], one.right))
    return torch.stack(parts).mean()
