"""Memory: a class reads the classifiers of seen classes by attention, which has been trained on hidden classes.

What is read, and the papers behind it, stand in `kgzsl.meta_learning.memory_learner`. Training hides seen classes and
asks for their rows, so that a class is never asked what it holds itself. Without training (``episodes = 0``) it is a
kernel smoother.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch.nn import functional

from kgzsl import registry
from kgzsl.bank import ClassifierBank
from kgzsl.errors import RecipeError
from kgzsl.meta_learning import EpisodeSampler, MemoryLearner, MetaSettings, attention_of, meta_train
from kgzsl.methods.context import FitContext
from kgzsl.methods.contributions import SeenContributions
from kgzsl.methods.episodic import EPISODE_OBJECTIVES
from kgzsl.methods.semantic_method import LearnedTensors, SemanticMethod, joint_bank
from kgzsl.supervision import Supervision
from kgzsl.types import ClassIds, Float, Tensor

__all__ = ["Memory"]


class Memory(SemanticMethod):
    """Attention over seen classifiers.

    Args:
        strategy, share, hops: how episodes hide classes; see `EpisodeSampler`.
        episodes: how many; 0 for none.
        learning_rate, weight_decay: of Adam; the latter draws the projection back to the identity.
        objective: what an episode asks for; see `EPISODE_OBJECTIVES`.
        width: how much of a cosine may be missing, to begin with; it is learned.
        seed: draws the episodes.

    Raises:
        UnknownVariantError, RecipeError: a name is not known, or a value is out of range.
    """

    def __init__(
        self,
        *,
        strategy: str = "subtree",
        share: float = 0.2,
        hops: int = 3,
        episodes: int = 60,
        learning_rate: float = 1e-4,
        weight_decay: float = 0.0,
        objective: str = "hidden_ranking",
        width: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.sampler = EpisodeSampler(strategy, share, hops, seed)
        self.settings = MetaSettings(episodes, learning_rate, weight_decay, seed)
        self.objective = registry.choose({name: name for name in EPISODE_OBJECTIVES}, objective, "objective")
        if not width > 0:
            raise RecipeError(f"width is above 0, found {width!r}.")
        self.width = width

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        own = {"objective": self.objective, "width": self.width}
        return {**asdict(self.sampler), **asdict(self.settings), **own}

    def learn(self, supervision: Supervision, context: FitContext) -> LearnedTensors:
        """Train the attention on episodes of the seen classes, then put all of them into the memory."""
        bank = supervision.seen_bank
        seen = tuple(sorted(bank.index))  # nothing depends on the order in which classes are given
        unit = bank.select(seen).normalised("joint")
        rows = torch.cat([unit.weights, unit.biases[:, None]], dim=1).float()
        vectors = supervision.semantics.select(seen).vectors
        learner, tried = MemoryLearner(vectors, self.width), list[dict[str, float]]()
        if self.settings.episodes and len(seen) > 2:
            episodes = self.sampler.episodes(supervision.graph, seen)
            loss = EPISODE_OBJECTIVES[self.objective]().loss
            tried = meta_train(learner, rows, episodes, loss, self.settings)
        learned = {name: tensor.detach().double() for name, tensor in learner.named_parameters()}
        learned |= {"keys": learner.vectors.double(), "values": rows.double()}
        chosen = {"width": float(learned["log_width"].exp())}
        return LearnedTensors(learned, bank.backbone, chosen, tried, seen)

    def scorer(self, learned: LearnedTensors, class_ids: ClassIds, vectors: Float[Tensor, "C S"]) -> ClassifierBank:
        """Return the bank of what the classes read, rows of length one."""
        rows = self._attention(learned, vectors) @ learned["values"]
        return joint_bank(class_ids, functional.normalize(rows, dim=1), learned.backbone)

    @staticmethod
    def _attention(learned: LearnedTensors, vectors: Float[Tensor, "C S"]) -> Float[Tensor, "C K"]:
        asked = functional.normalize(vectors, dim=1)
        width = learned["log_width"].exp()
        return attention_of(asked, learned["keys"], projection=learned["projection"], width=width)

    def contributions(self, class_ids: ClassIds, extensions: Any = (), vectors: Any = None) -> SeenContributions:
        """Return how much of each seen classifier a class reads."""
        ids, asked = self._asked(class_ids, extensions, vectors)
        learned = self._with_seen_rows()
        attention = self._attention(learned, asked)
        rows = learned["values"]
        return SeenContributions(ids, learned.seen, attention / (attention @ rows).norm(dim=1, keepdim=True), rows)
