"""Room 5, domain shift: what parts unseen classes from seen ones, measured, and remedies with their before and after.

In: a scorer, images of seen and of unseen classes. Out: a `ShiftReport`: how many images of unseen classes seen ones
swallow (`SeenBias`), hubs, how far accuracy differs between branches, and how the features differ (`FeatureShift`).

`REMEDIES` names what helps without training. Each is a `Transducer`, made by `build_transducer` with images of seen
classes at hand, and looks at unlabelled images alone:

- ``local-scaling``: classes that are near to many images give up score (CSLS; Conneau et al., ICLR 2018)
- ``inverted-softmax``: each class shares itself out over the images (Smith et al., ICLR 2017)
- ``centring``: the images' mean is moved to that of the seen classes' images
"""

from kgzsl.domain_shift.bias import SeenBias
from kgzsl.domain_shift.centring import CentredScorer, FeatureCentring
from kgzsl.domain_shift.class_offsets import InvertedSoftmax, LocalScaling, OffsetScorer
from kgzsl.domain_shift.feature_shift import FeatureShift
from kgzsl.domain_shift.measurement import measure_shift
from kgzsl.domain_shift.remedies import REMEDIES, build_transducer
from kgzsl.domain_shift.report import Remedied, ShiftReport

__all__ = [
    "REMEDIES",
    "CentredScorer",
    "FeatureCentring",
    "FeatureShift",
    "InvertedSoftmax",
    "LocalScaling",
    "OffsetScorer",
    "Remedied",
    "SeenBias",
    "ShiftReport",
    "build_transducer",
    "measure_shift",
]
