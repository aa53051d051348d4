"""Room 4, training: a propagator, an objective and a problem in; fitted parameters, metrics and checkpoints out."""

from kgzsl.training.checkpoint import Checkpoint, Progress
from kgzsl.training.feature_objectives import FEATURE_OBJECTIVES, FeatureCrossEntropy
from kgzsl.training.objectives import OBJECTIVES, CosineRegression, Objective, WeightRegression
from kgzsl.training.problem import Problem
from kgzsl.training.schedule import SCHEDULES
from kgzsl.training.share import Share, cut_classes, plan_of_process
from kgzsl.training.step import Replay, Step
from kgzsl.training.trainer import Settings, Trainer
from kgzsl.training.validation import CRITERIA, compare_classifiers

__all__ = [
    "CRITERIA",
    "FEATURE_OBJECTIVES",
    "OBJECTIVES",
    "SCHEDULES",
    "Checkpoint",
    "CosineRegression",
    "FeatureCrossEntropy",
    "Objective",
    "Problem",
    "Progress",
    "Replay",
    "Settings",
    "Share",
    "Step",
    "Trainer",
    "WeightRegression",
    "compare_classifiers",
    "cut_classes",
    "plan_of_process",
]
