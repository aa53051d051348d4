"""Room 3, scoring: a scorer in, another scorer out; scores in, probabilities, refusals and careful answers out.

`CalibratedScorer` takes a constant from the scores of seen classes (calibrated stacking, Chao et al. 2016);
`JoinedScorer` puts scorers of different classes side by side. Both wrap any `Scorer` and are scorers themselves.

`SeenQueries` are made of seen classes that play unseen. On them are fitted: `Temperature` (scores to probabilities,
Guo et al. 2017), `Rejector` (which images are of no candidate, Liu et al. 2020) and the curve of `Hedges` (the most
specific class that is certain enough, Deng et al. 2012). `Caution` is all three for one set of candidates.
"""

from kgzsl.scoring.backoff import Hedges, TradeOff, fit_back_off, level_for
from kgzsl.scoring.calibrated import CalibratedScorer
from kgzsl.scoring.caution import Caution, HedgedAnswer, Judgement
from kgzsl.scoring.joined import JoinedScorer
from kgzsl.scoring.rejection import STATISTICS, Rejector, auroc, fit_rejection
from kgzsl.scoring.seen_queries import SeenQueries
from kgzsl.scoring.spacing import spacing
from kgzsl.scoring.temperature import Temperature, fit_probabilities

__all__ = [
    "STATISTICS",
    "CalibratedScorer",
    "Caution",
    "HedgedAnswer",
    "Hedges",
    "JoinedScorer",
    "Judgement",
    "Rejector",
    "SeenQueries",
    "Temperature",
    "TradeOff",
    "auroc",
    "fit_back_off",
    "fit_probabilities",
    "fit_rejection",
    "level_for",
    "spacing",
]
