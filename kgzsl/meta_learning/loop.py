"""One loop for every meta-learner: draw an episode, predict its hidden classes from the shown ones, step.

What a learner does with the shown classifiers is its own: solve for weights in closed form, take gradient steps, or
look them up. The loop sees the predicted rows of the hidden classes and their true ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from kgzsl.errors import RecipeError
from kgzsl.meta_learning.episodes import Episode
from kgzsl.runtime import progress as show_progress
from kgzsl.types import Float, Int, Tensor

__all__ = ["EpisodeLearner", "MetaSettings", "meta_train"]

Loss = Callable[[Tensor, Tensor], Tensor]
"""Predicted and true rows of the same classes to a scalar."""


class EpisodeLearner(Protocol):
    """What predicts classifiers of hidden classes from those of shown ones; a `torch.nn.Module` too."""

    def predict(
        self,
        shown: Int[Tensor, "A"],
        rows: Float[Tensor, "A O"],
        hidden: Int[Tensor, "B"],
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B O"]:
        """Return rows of length one, differentiable in the learner's parameters.

        Args:
            shown: positions of the shown classes in the learner's list of classes.
            rows: their classifiers. Those of no other class may be looked at.
            hidden: positions of the classes asked for.
            generator: of whatever is drawn while training, such as dropout; None where nothing is.
        """
        ...


@dataclass(frozen=True, slots=True)
class MetaSettings:
    """How to optimise over episodes.

    Args:
        episodes: how many are drawn; 0 leaves the learner as it is.
        learning_rate: Adam's.
        weight_decay: Adam's L2 penalty.
        seed: of whatever is drawn inside an episode.

    Raises:
        RecipeError: a value is out of range.
    """

    episodes: int = 100
    learning_rate: float = 1e-2
    weight_decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if type(self.episodes) is not int or self.episodes < 0:
            raise RecipeError(f"episodes is a whole number of at least 0, found {self.episodes!r}.")
        if not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise RecipeError(
                "learning_rate is above 0 and weight_decay at least 0, found "
                f"{self.learning_rate!r} and {self.weight_decay!r}."
            )


def meta_train(
    learner: Any, rows: Float[Tensor, "K O"], episodes: Iterator[Episode], loss: Loss, settings: MetaSettings
) -> list[dict[str, float]]:
    """Train a learner on episodes of its classes.

    Args:
        learner: an `EpisodeLearner`.
        rows: true classifiers of its classes.
        episodes: as of `EpisodeSampler.episodes`.
        loss: compares predicted with true rows of hidden classes.
        settings: how many episodes, and how to step.

    Returns:
        A record an episode: its number, loss, and how many classes were hidden.

    Raises:
        RecipeError: the loss is no longer finite.
    """
    module: nn.Module = learner
    parameters = [one for one in module.parameters() if one.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    optimiser = torch.optim.Adam(parameters, lr=rate, weight_decay=decay)
    generator, records = torch.Generator().manual_seed(settings.seed), []
    module.train()
    with show_progress("episodes", settings.episodes) as advance:
        for number in range(1, settings.episodes + 1):
            episode = next(episodes)
            shown, hidden = torch.from_numpy(episode.shown), torch.from_numpy(episode.hidden)
            optimiser.zero_grad(set_to_none=True)
            found = loss(learner.predict(shown, rows[shown], hidden, generator), rows[hidden])
            if not torch.isfinite(found):
                raise RecipeError(
                    f"The loss is {float(found.detach())} at episode {number}; use a smaller learning_rate."
                )
            found.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            records.append({"episode": number, "loss": float(found.detach()), "hidden": len(hidden)})
            advance(1, note=f"loss {records[-1]['loss']:.4f}" if number % 10 == 0 else None)
    module.eval()
    return records
