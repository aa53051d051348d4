"""Where a fit runs and saves itself; never what it learns."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from kgzsl.types import PathLike

__all__ = ["FitContext"]


@dataclass(frozen=True, slots=True)
class FitContext:
    """The device of a fit and the folder of its checkpoints.

    Args:
        device: where to compute.
        folder: where checkpoints and metrics go, or None for nowhere.
        checkpoint_every: epochs between checkpoints.
        rows_at_once: how many classes are predicted together after the fit; fewer need less memory beside what is kept.
            0 leaves it to the method.
        rows_folder: where a graph network keeps the rows of its layers, in half precision, in files; None for in
            memory. The files must stay as long as the fitted method is used.
        predicts: whether the fitted method has to predict; not in a process that only lends its share of the training.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    folder: PathLike | None = None
    checkpoint_every: int = 100
    rows_at_once: int = 0
    rows_folder: PathLike | None = None
    predicts: bool = True
