"""How a backbone is fine-tuned (`kgzsl.fine_tuning`): the recipe of SGCN-f and DGP-f as defaults.

It stands apart from that room so that recipes, which the room is above, can hold such settings.
"""

from __future__ import annotations

from dataclasses import dataclass

from kgzsl.errors import RecipeError
from kgzsl.registry import choose

__all__ = ["BATCH_NORMS", "KINDS_OF_ADAPTERS", "TUNED_ROWS", "TuningSettings"]

BATCH_NORMS = ("frozen", "update")
KINDS_OF_ADAPTERS = ("none", "lora")
TUNED_ROWS = ("predicted", "hidden")
"""Which classifiers of the seen classes stand in the frozen head, see `kgzsl.fine_tuning.frozen_head`."""


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """How to optimise; the defaults are those of the paper, but for batch norm.

    Args:
        epochs: passes over the pictures.
        batch: pictures a step, of all processes together.
        learning_rate, momentum, weight_decay: SGD's.
        adapters: ``none`` trains every parameter of the backbone, ``lora`` small matrices beside its layers.
        rank: inner dimension of the adapters.
        batch_norm: ``frozen`` keeps the running statistics of batch norm as they are and normalises with them, so that
            processes and resumed trainings agree; ``update``, as in the code of the paper, normalises with each
            batch's statistics and updates the running ones, in every process from its own part of the batch.
        held_out: share of each class's pictures that is not trained on but measured before and after; a class of one
            picture holds out none.
        scale: factor of the frozen classifiers; None takes the mean length of the given seen classifiers over that
            of the predicted ones.
        crop: least share of a picture's area that a random crop keeps.
        checkpoint_every: steps between checkpoints.
        seed: of the order of the pictures, crops, flips, the choice of held-out pictures, and adapters.

    Raises:
        RecipeError, UnknownVariantError: a value is out of range, or no adapters are called so.

    References:
        Kampffmeyer et al.: Rethinking Knowledge Graph Propagation for Zero-Shot Learning, CVPR 2019 (SGCN-f, DGP-f).
    """

    epochs: int = 20
    batch: int = 64
    learning_rate: float = 1e-4
    momentum: float = 0.9
    weight_decay: float = 0.0
    adapters: str = "none"
    rank: int = 8
    batch_norm: str = "frozen"
    held_out: float = 0.2
    scale: float | None = None
    crop: float = 0.08
    checkpoint_every: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch", 1), ("rank", 1), ("checkpoint_every", 1), ("seed", 0)):
            if type(value := getattr(self, name)) is not int or value < least:
                raise RecipeError(f"{name} is a whole number from {least}, found {value!r}.")
        for name in ("learning_rate", "momentum", "weight_decay", "held_out", "crop", "scale"):
            if type(value := getattr(self, name)) not in (int, float) and not (name == "scale" and value is None):
                raise RecipeError(f"{name} is a number, found {value!r}.")
        if self.learning_rate <= 0 or self.weight_decay < 0 or not 0 <= self.momentum < 1:
            raise RecipeError("learning_rate is above 0, weight_decay at least 0, momentum from 0 to below 1.")
        if not 0 <= self.held_out < 1 or not 0 < self.crop <= 1:
            raise RecipeError("held_out is a share from 0 to below 1, crop one above 0 and up to 1.")
        if self.scale is not None and not self.scale > 0:
            raise RecipeError(f"scale is above 0, found {self.scale}.")
        choose(dict.fromkeys(KINDS_OF_ADAPTERS), self.adapters, "kind of adapters")
        if self.batch_norm not in BATCH_NORMS:
            raise RecipeError(f"batch_norm is one of {', '.join(BATCH_NORMS)}, found {self.batch_norm!r}.")
