"""Room 5, methods: supervision of seen classes in, a scorer of any classes of the graph out.

One paper a file. Every variant satisfies `Method` and stands in `METHODS` under the name that recipes use; those that
also place classes which their graph lacks satisfy `InductiveMethod`.
"""

from collections.abc import Callable

from kgzsl.bank import StoredScorer
from kgzsl.methods.conse import ConSE, ConvexCombination
from kgzsl.methods.context import FitContext
from kgzsl.methods.devise import DeViSE
from kgzsl.methods.ensemble import Ensemble
from kgzsl.methods.episodic import Episodic
from kgzsl.methods.eszsl import ESZSL
from kgzsl.methods.exem import EXEM
from kgzsl.methods.graph_regression import GraphRegression
from kgzsl.methods.icis import ICIS
from kgzsl.methods.kernel_regression import KernelRegression
from kgzsl.methods.maml import MAML
from kgzsl.methods.memory import Memory
from kgzsl.methods.method import InductiveMethod, Method
from kgzsl.methods.nearest_seen import NearestSeen, nearest_seen_bank
from kgzsl.methods.sync import SYNC
from kgzsl.types import PathLike

__all__ = [
    "ESZSL",
    "EXEM",
    "ICIS",
    "MAML",
    "METHODS",
    "SCORERS",
    "SYNC",
    "ConSE",
    "ConvexCombination",
    "DeViSE",
    "Ensemble",
    "Episodic",
    "FitContext",
    "GraphRegression",
    "InductiveMethod",
    "KernelRegression",
    "Memory",
    "Method",
    "NearestSeen",
    "nearest_seen_bank",
]

METHODS: dict[str, type[Method]] = {
    "conse": ConSE,
    "devise": DeViSE,
    "ensemble": Ensemble,
    "episodic": Episodic,
    "eszsl": ESZSL,
    "exem": EXEM,
    "graph_regression": GraphRegression,
    "icis": ICIS,
    "kernel_regression": KernelRegression,
    "maml": MAML,
    "memory": Memory,
    "nearest_seen": NearestSeen,
    "sync": SYNC,
}
"""Method by the name that recipes use."""

SCORERS: dict[str, Callable[[PathLike], StoredScorer]] = {"convex-combination": ConvexCombination.load}
"""What reads a scorer that is no bank, by the kind that its file records."""
