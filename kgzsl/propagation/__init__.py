"""Room 3, graph networks: semantic vectors and arrows in, classifiers out.

Every network is a `Propagator`: it names the adjacency each layer wants and computes the rows of a `PropagationPlan`,
no others. Variants: ``gcnz`` (Wang et al., CVPR 2018), ``sgcn`` and ``dgp`` (Kampffmeyer et al., CVPR 2019).
"""

from kgzsl.propagation.aggregation import Aggregation, restrict
from kgzsl.propagation.base import Propagator
from kgzsl.propagation.dgp import DGP
from kgzsl.propagation.dropout import DropoutMask
from kgzsl.propagation.gcn import GCNZ, SGCN
from kgzsl.propagation.layers import GraphConvolution
from kgzsl.propagation.plan import PropagationPlan

__all__ = [
    "DGP",
    "GCNZ",
    "PROPAGATORS",
    "SGCN",
    "Aggregation",
    "DropoutMask",
    "GraphConvolution",
    "PropagationPlan",
    "Propagator",
    "restrict",
]

PROPAGATORS: dict[str, type[Propagator]] = {"gcnz": GCNZ, "sgcn": SGCN, "dgp": DGP}
