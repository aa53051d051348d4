"""Room 3, graph networks: semantic vectors and arrows in, classifiers out.

Every network is a `Propagator`: it names the adjacency each layer wants and computes the rows of a `PropagationPlan`,
no others. Variants:

- ``gcnz`` (Wang et al., CVPR 2018), ``sgcn`` and ``dgp`` (Kampffmeyer et al., CVPR 2019): graph convolutions.
- ``gat`` (GATv2; Brody et al., ICLR 2022): attention to neighbours.
- ``sage`` (Hamilton et al., NeurIPS 2017): a class apart from the mean of its neighbours.
- ``rgcn`` (Schlichtkrull et al., ESWC 2018): weights for every relation.
- ``transformer`` (Nayak and Bach, TMLR 2022): a transformer over each neighbourhood.
- ``residual`` (GCNII; Chen et al., ICML 2020): deep, without over-smoothing.
"""

from kgzsl.propagation.aggregation import Aggregation, restrict
from kgzsl.propagation.base import Propagator
from kgzsl.propagation.blocks import states_in_blocks
from kgzsl.propagation.dgp import DGP
from kgzsl.propagation.dropout import DropoutMask
from kgzsl.propagation.gat import GAT
from kgzsl.propagation.gcn import GCNZ, SGCN
from kgzsl.propagation.kept_rows import in_files, in_memory
from kgzsl.propagation.layers import GraphConvolution, GraphLayer
from kgzsl.propagation.plan import PropagationPlan
from kgzsl.propagation.residual import Residual
from kgzsl.propagation.rgcn import RGCN
from kgzsl.propagation.sage import SAGE
from kgzsl.propagation.transformer import Transformer

__all__ = [
    "DGP",
    "GAT",
    "GCNZ",
    "PROPAGATORS",
    "RGCN",
    "SAGE",
    "SGCN",
    "Aggregation",
    "DropoutMask",
    "GraphConvolution",
    "GraphLayer",
    "PropagationPlan",
    "Propagator",
    "Residual",
    "Transformer",
    "in_files",
    "in_memory",
    "restrict",
    "states_in_blocks",
]

PROPAGATORS: dict[str, type[Propagator]] = {
    "gcnz": GCNZ,
    "sgcn": SGCN,
    "dgp": DGP,
    "gat": GAT,
    "sage": SAGE,
    "rgcn": RGCN,
    "transformer": Transformer,
    "residual": Residual,
}
