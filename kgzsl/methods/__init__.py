"""Room 5, methods: supervision of seen classes in, a scorer of any classes of the graph out.

One paper a file. Every variant satisfies `Method` and stands in `METHODS` under the name that recipes use; those that
also place classes which their graph lacks satisfy `InductiveMethod`.
"""

from kgzsl.bank import ClassifierBank
from kgzsl.methods.context import FitContext
from kgzsl.methods.graph_regression import GraphRegression
from kgzsl.methods.kernel_regression import KernelRegression
from kgzsl.methods.method import InductiveMethod, Method
from kgzsl.methods.nearest_seen import NearestSeen, nearest_seen_bank

__all__ = [
    "METHODS",
    "SCORERS",
    "FitContext",
    "GraphRegression",
    "InductiveMethod",
    "KernelRegression",
    "Method",
    "NearestSeen",
    "nearest_seen_bank",
]

METHODS: dict[str, type[GraphRegression] | type[KernelRegression] | type[NearestSeen]] = {
    "graph_regression": GraphRegression,
    "kernel_regression": KernelRegression,
    "nearest_seen": NearestSeen,
}
"""Method by the name that recipes use."""

SCORERS: dict[str, type[ClassifierBank]] = {"bank": ClassifierBank}
"""What a run folder can hold, by the kind that its file records."""
