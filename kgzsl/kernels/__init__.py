"""Room 3, kernels: how alike two classes are, and the regression that follows from it in closed form.

In: graph, semantic vectors, the classifiers of seen classes. Out: likeness of any class to the seen ones, predicted
rows, their variance, and predictions of seen classes that were left out. `PropagatedSemantics` are vectors after a few
steps along the graph. Kernels: `SemanticKernel` (a Gaussian of the
angle between vectors), `AncestorKernel` (shared ancestors), `MixedKernel` (a weighted sum); all are 1 between a class
and itself.
"""

from kgzsl.kernels.ancestor import AncestorKernel
from kgzsl.kernels.kernel import MixedKernel, SeenKernel
from kgzsl.kernels.process import GaussianProcess, leave_out, prediction_weights
from kgzsl.kernels.propagated import PropagatedSemantics
from kgzsl.kernels.semantic import SemanticKernel

__all__ = [
    "AncestorKernel",
    "GaussianProcess",
    "MixedKernel",
    "PropagatedSemantics",
    "SeenKernel",
    "SemanticKernel",
    "leave_out",
    "prediction_weights",
]
