"""Room 2, the class graph: which classes there are, what they are called, what is above what.

In: WordNet 3.0 (`wordnet`), own taxonomies as TSV or JSON (`taxonomy_file`) or networkx (`custom`), or a graph
folder (`storage`) with class lists beside it (`class_lists`).
Out: a `ClassGraph` (class ids, texts, acyclic edges child to parent), smaller ones out of it (`induce`), distances in
it (`hops`), sparse adjacencies of it (`adjacency`). `linking` adds what stands beside the hierarchy: links between
classes whose vectors are near, and attributes as nodes (`links`).

Inductions: ``closed`` (all ancestors), ``contracted`` (chains without a wanted class removed), ``published`` (DGP's,
CVPR 2019), ``full``. Shipped: ``wordnet-nouns`` (Fellbaum, WordNet, MIT Press 1998) and ``imagenet21k``.
"""

from kgzsl.graph.adjacency import ADJACENCIES, Adjacency, find_adjacencies, find_adjacency
from kgzsl.graph.build import build_shipped, induce
from kgzsl.graph.class_graph import ADDED, HYPERNYM, INSTANCE, RELATIONS, ClassGraph, NewClass
from kgzsl.graph.class_lists import read_class_list, release_notes, releases
from kgzsl.graph.custom import from_networkx
from kgzsl.graph.hops import ancestor_hops, hop_distances, paths_to_root, shortest_path, tree_distances
from kgzsl.graph.induce import INDUCTIONS
from kgzsl.graph.linking import with_attributes, with_similar
from kgzsl.graph.links import LINKS, Links
from kgzsl.graph.storage import find_graph, load_graph, load_split_list, save_graph, split_names
from kgzsl.graph.taxonomy_file import read_taxonomy

__all__ = [
    "ADDED",
    "ADJACENCIES",
    "HYPERNYM",
    "INDUCTIONS",
    "INSTANCE",
    "LINKS",
    "RELATIONS",
    "Adjacency",
    "ClassGraph",
    "Links",
    "NewClass",
    "ancestor_hops",
    "build_shipped",
    "find_adjacencies",
    "find_adjacency",
    "find_graph",
    "from_networkx",
    "hop_distances",
    "induce",
    "load_graph",
    "load_split_list",
    "paths_to_root",
    "read_class_list",
    "read_taxonomy",
    "release_notes",
    "releases",
    "save_graph",
    "shortest_path",
    "split_names",
    "tree_distances",
    "with_attributes",
    "with_similar",
]
