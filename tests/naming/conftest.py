"""The shipped graphs, loaded once for all tests of names."""

from __future__ import annotations

import pytest

from kgzsl.graph import load_graph
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.naming import Linker


@pytest.fixture(scope="session")
def nouns() -> ClassGraph:
    return load_graph("wordnet-nouns")


@pytest.fixture(scope="session")
def imagenet() -> ClassGraph:
    return load_graph("imagenet21k")


@pytest.fixture(scope="session")
def linker(imagenet: ClassGraph, nouns: ClassGraph) -> Linker:
    return Linker(imagenet, nouns)
