"""Room 4, evaluation: a scorer and labelled features in, ranks and figures out.

`candidates` says which classes compete (``own``, ``unrelated``, ``unseen``, ``all`` or a list), `evaluate` ranks every
image among them with pessimistic ties and returns a `Report` in percent, with bootstrap intervals over classes,
chance and a baseline beside. Only the `Scorer` protocol is known here, never a method.
"""

from kgzsl.evaluation.measurement import Bootstrap, evaluate
from kgzsl.evaluation.metrics import (
    bootstrap_interval,
    chance,
    harmonic_mean,
    hit_macro,
    hit_micro,
    per_class_accuracy,
    tolerant_hits,
    tree_distances_of_leaders,
)
from kgzsl.evaluation.protocols import KINDS, candidates, read_candidates
from kgzsl.evaluation.ranking import leaders, ranks, score_in_chunks, top_k
from kgzsl.evaluation.report import HITS, Figures, Report, to_markdown, to_text

__all__ = [
    "HITS",
    "KINDS",
    "Bootstrap",
    "Figures",
    "Report",
    "bootstrap_interval",
    "candidates",
    "chance",
    "evaluate",
    "harmonic_mean",
    "hit_macro",
    "hit_micro",
    "leaders",
    "per_class_accuracy",
    "ranks",
    "read_candidates",
    "score_in_chunks",
    "to_markdown",
    "to_text",
    "tolerant_hits",
    "top_k",
    "tree_distances_of_leaders",
]
