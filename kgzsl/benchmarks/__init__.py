"""Room 4, benchmarks: published data of others in, our own nouns and files out.

`read_proposed` reads the 'proposed splits' of AwA1, AwA2, CUB, SUN and aPY as they are distributed, the pair
``att_splits.mat`` and ``res101.mat``; `write_benchmark` writes what was read as a folder with a recipe.

References:
    Y. Xian, C. H. Lampert, B. Schiele, Z. Akata: Zero-Shot Learning - A Comprehensive Evaluation of the Good, the Bad
    and the Ugly, TPAMI 2019.
"""

from kgzsl.benchmarks.benchmark import Benchmark, BenchmarkImages
from kgzsl.benchmarks.folder import write_benchmark
from kgzsl.benchmarks.proposed import read_proposed

__all__ = ["Benchmark", "BenchmarkImages", "read_proposed", "write_benchmark"]
