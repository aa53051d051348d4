"""Room 4, evaluation: a scorer and labelled features in, ranks and figures out.

`candidates` says which classes compete (``own``, ``unrelated``, ``generalised``, ``unseen``, ``all`` or a list),
`evaluate` ranks every image among them with pessimistic ties and returns a `Report` in percent, with bootstrap
intervals over classes, chance and a baseline beside. Where seen and unseen classes compete it also holds the curve of
both accuracies (`SeenUnseen`), the area under it, and H at a gamma that `CrossValidatedGamma` chooses on seen classes
alone. Only the `Scorer` protocol is known here, never a method.
"""

from kgzsl.evaluation.bootstrap import Bootstrap, ClassDraws, bootstrap_interval
from kgzsl.evaluation.breakdown import BREAKDOWNS, branch_heads, by_branch, by_hops
from kgzsl.evaluation.calibration import (
    Calibration,
    CrossValidatedGamma,
    Refit,
    beside_hidden,
    hidden_parts,
    hidden_scorer,
    stand_ins,
)
from kgzsl.evaluation.curve_files import check_curve_file, check_plotting, plot_curves, write_curves
from kgzsl.evaluation.generalised import Generalised, GeneralisedPoint
from kgzsl.evaluation.hierarchy import (
    correct_sets,
    hierarchical_precision,
    tolerant_hits,
    tree_distances_of_leaders,
)
from kgzsl.evaluation.hubness import Occurrences, skewness
from kgzsl.evaluation.measurement import ORACLE, GammaChoice, evaluate, seen_against_unseen
from kgzsl.evaluation.metrics import chance, harmonic_mean, hit_macro, hit_micro, per_class_accuracy
from kgzsl.evaluation.protocols import KINDS, candidates, read_candidates
from kgzsl.evaluation.ranking import leaders, ranks, score_in_chunks, top_k
from kgzsl.evaluation.reliability import Reliability
from kgzsl.evaluation.report import HITS, Figures, Report
from kgzsl.evaluation.seen_unseen import SeenUnseen, SeenUnseenCurve, best_gamma, gaps_of_scores
from kgzsl.evaluation.tables import to_markdown, to_text
from kgzsl.evaluation.trade_off_files import plot_trade_offs, write_trade_offs

__all__ = [
    "BREAKDOWNS",
    "HITS",
    "KINDS",
    "ORACLE",
    "Bootstrap",
    "Calibration",
    "ClassDraws",
    "CrossValidatedGamma",
    "Figures",
    "GammaChoice",
    "Generalised",
    "GeneralisedPoint",
    "Occurrences",
    "Refit",
    "Reliability",
    "Report",
    "SeenUnseen",
    "SeenUnseenCurve",
    "beside_hidden",
    "best_gamma",
    "bootstrap_interval",
    "branch_heads",
    "by_branch",
    "by_hops",
    "candidates",
    "chance",
    "check_curve_file",
    "check_plotting",
    "correct_sets",
    "evaluate",
    "gaps_of_scores",
    "harmonic_mean",
    "hidden_parts",
    "hidden_scorer",
    "hierarchical_precision",
    "hit_macro",
    "hit_micro",
    "leaders",
    "per_class_accuracy",
    "plot_curves",
    "plot_trade_offs",
    "ranks",
    "read_candidates",
    "score_in_chunks",
    "seen_against_unseen",
    "skewness",
    "stand_ins",
    "to_markdown",
    "to_text",
    "tolerant_hits",
    "top_k",
    "tree_distances_of_leaders",
    "write_curves",
    "write_trade_offs",
]
