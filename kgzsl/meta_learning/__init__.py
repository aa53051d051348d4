"""Room 4, meta-learning: seen classes in, parameters out that predict hidden classes well from shown ones.

- An `EpisodeSampler` hides seen classes: one by one, in whole branches, or so many hops from what is shown.
- A learner predicts the hidden rows: `KernelLearner` solves a regression in closed form, `MAMLLearner` takes gradient
  steps with a graph network (`InnerLoop`), `MemoryLearner` looks the shown classifiers up by attention.
- `meta_train` is the one loop of all: draw an episode, predict, compare, step.

The methods that end in a bank are `kgzsl.methods.Episodic`, `MAML` and `Memory`.
"""

from kgzsl.meta_learning.episodes import STRATEGIES, Episode, EpisodeSampler
from kgzsl.meta_learning.kernel_learner import KernelLearner, around_mean
from kgzsl.meta_learning.loop import EpisodeLearner, MetaSettings, meta_train
from kgzsl.meta_learning.maml import InnerLoop, MAMLLearner, twice_differentiable
from kgzsl.meta_learning.memory_learner import MemoryLearner, attention_of, read_memory
from kgzsl.meta_learning.objectives import HiddenRanking

__all__ = [
    "STRATEGIES",
    "Episode",
    "EpisodeLearner",
    "EpisodeSampler",
    "HiddenRanking",
    "InnerLoop",
    "KernelLearner",
    "MAMLLearner",
    "MemoryLearner",
    "MetaSettings",
    "around_mean",
    "attention_of",
    "meta_train",
    "read_memory",
    "twice_differentiable",
]
