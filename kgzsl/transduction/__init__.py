"""Room 4, transduction: a scorer and unlabelled images of its classes in, a better scorer out.

`TRANSDUCERS` names the variants; each is a `Transducer`, and none looks at a class label or knows a method.

- ``agreement``: one of the following from several beginnings, probabilities multiplied (Hinton, Neural Comp. 2002)
- ``prototypes``: soft clustering started at the classifiers (von-Mises-Fisher; Banerjee et al., JMLR 2005)
- ``gaussian``: soft clustering with one covariance for all classes (Dempster et al., JRSS B 1977)
- ``self-training``: confident images become examples (Lee, ICML workshop 2013)
- ``balanced``: every class gets its share, by optimal transport (Cuturi, NeurIPS 2013), where the shares may be unknown
  (Saerens et al., Neural Computation 2002)
- ``propagation``: classes spread over the graph of nearest images (Zhou et al., NeurIPS 2003)

`GeneralisedTransduction` wraps any of them where seen classes compete. A `UsageReport` tells how images spread over
classes before and after; where classes die, or are told apart no better, the scores of before are kept.
"""

from collections.abc import Callable

from kgzsl.transduction.agreement import AgreementScorer, TransducerAgreement
from kgzsl.transduction.aligned import AlignedScorer
from kgzsl.transduction.anchored import AnchoredScorer, GeneralisedTransduction
from kgzsl.transduction.balanced import BalancedAssignment, BalancedScorer
from kgzsl.transduction.directions import DirectionScorer, DirectionSettings, DirectionSums
from kgzsl.transduction.gaussian import GaussianClustering, GaussianScorer, GaussianSums, MainDirections
from kgzsl.transduction.neighbours import LabelPropagation, PropagatedScorer
from kgzsl.transduction.prior import class_prior, estimate_prior, pulled_prior, sinkhorn_offsets
from kgzsl.transduction.prototypes import PrototypeRefinement, em_step
from kgzsl.transduction.self_training import SelfTraining, confident
from kgzsl.transduction.start import StartScale
from kgzsl.transduction.transducer import Transducer
from kgzsl.transduction.usage import ClassUsage, TransducedScorer, UsageReport, guarded, separation

TRANSDUCERS: dict[str, Callable[..., Transducer]] = {
    "agreement": TransducerAgreement,
    "prototypes": PrototypeRefinement,
    "gaussian": GaussianClustering,
    "self-training": SelfTraining,
    "balanced": BalancedAssignment,
    "propagation": LabelPropagation,
}
"""The variants by name."""

__all__ = [
    "TRANSDUCERS",
    "AgreementScorer",
    "AlignedScorer",
    "AnchoredScorer",
    "BalancedAssignment",
    "BalancedScorer",
    "ClassUsage",
    "DirectionScorer",
    "DirectionSettings",
    "DirectionSums",
    "GaussianClustering",
    "GaussianScorer",
    "GaussianSums",
    "GeneralisedTransduction",
    "LabelPropagation",
    "MainDirections",
    "PropagatedScorer",
    "PrototypeRefinement",
    "SelfTraining",
    "StartScale",
    "TransducedScorer",
    "Transducer",
    "TransducerAgreement",
    "UsageReport",
    "class_prior",
    "confident",
    "em_step",
    "estimate_prior",
    "guarded",
    "pulled_prior",
    "separation",
    "sinkhorn_offsets",
]
