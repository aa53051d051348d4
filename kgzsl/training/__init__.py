"""Room 4, training: a propagator, an objective and a problem in; fitted parameters, metrics and checkpoints out."""

from kgzsl.training.checkpoint import Checkpoint, Progress
from kgzsl.training.objectives import OBJECTIVES, CosineRegression, Objective, WeightRegression
from kgzsl.training.trainer import Problem, Settings, Trainer
from kgzsl.training.validation import CRITERIA, compare_classifiers

__all__ = [
    "CRITERIA",
    "OBJECTIVES",
    "Checkpoint",
    "CosineRegression",
    "Objective",
    "Problem",
    "Progress",
    "Settings",
    "Trainer",
    "WeightRegression",
    "compare_classifiers",
]
