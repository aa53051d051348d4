"""Room 3, scoring: a scorer in, another scorer out.

`CalibratedScorer` takes a constant from the scores of seen classes (calibrated stacking, Chao et al. 2016);
`JoinedScorer` puts scorers of different classes side by side. Both wrap any `Scorer` and are scorers themselves.
"""

from kgzsl.scoring.calibrated import CalibratedScorer
from kgzsl.scoring.joined import JoinedScorer

__all__ = ["CalibratedScorer", "JoinedScorer"]
