"""The kernels against what can be worked out by hand, and their sum."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.errors import RecipeError, SemanticsError
from kgzsl.graph.custom import from_pairs
from kgzsl.graph.extension import extension_from
from kgzsl.kernels import AncestorKernel, MixedKernel, SemanticKernel
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.toy import CLASSES, SEEN, toy_graph, toy_semantics

SEEN_ROWS = toy_graph().index.rows(SEEN)
EVERY_ROW = np.arange(len(CLASSES))


def test_semantic_likeness_is_a_gaussian_of_the_chord() -> None:
    kernel = SemanticKernel(toy_semantics(), SEEN_ROWS, 0.3)
    vectors = toy_semantics().vectors.double()
    cosine = float(vectors[CLASSES.index("okapi")] @ vectors[CLASSES.index("eagle")])
    found = kernel.to_seen(toy_graph().index.rows(["okapi"]))[0, SEEN.index("eagle")]
    assert float(found) == pytest.approx(math.exp(-(1 - cosine) / 0.3), abs=1e-6)


def test_ancestor_likeness_by_hand() -> None:
    # Of 5 seen classes 2 are hoofed, 3 animals (horse, zebra, eagle), all entities; own and unseen classes count 1.
    kernel = AncestorKernel(toy_graph(), SEEN_ROWS, 0.5)
    own, hoofed, animal, entity = (math.log(1 + 5 / count) * 0.5**hop for hop, count in enumerate((1, 2, 3, 5)))
    shared = hoofed**2 + animal**2 + entity**2
    horse, saw = SEEN.index("horse"), SEEN.index("saw")
    okapi = kernel.to_seen(toy_graph().index.rows(["okapi"]))[0]
    assert float(okapi[horse]) == pytest.approx(shared / (own**2 + shared))
    tool = math.log(1 + 5 / 2) * 0.5
    saw_length = math.sqrt(own**2 + tool**2 + (math.log(2) * 0.25) ** 2)
    expected = math.log(2) * 0.25 * entity / saw_length / math.sqrt(own**2 + shared)  # the root alone is shared
    assert float(okapi[saw]) == pytest.approx(expected)


@pytest.mark.parametrize("part", ["semantic", "ancestor"])
def test_a_kernel_is_one_on_the_diagonal_and_positive(part: str) -> None:
    if part == "semantic":
        values = SemanticKernel(toy_semantics(), EVERY_ROW, 0.3).to_seen(EVERY_ROW)
    else:
        values = AncestorKernel(toy_graph(), EVERY_ROW, 0.8).to_seen(EVERY_ROW)
    torch.testing.assert_close(values, values.T)
    torch.testing.assert_close(values.diagonal(), torch.ones(len(CLASSES), dtype=torch.float64))
    assert float(torch.linalg.eigvalsh(values).min()) > -1e-6


@st.composite
def taxonomies(draw: st.DrawFn) -> list[tuple[str, str]]:
    """A random acyclic graph whose last class has children of none."""
    count = draw(st.integers(3, 9))
    pairs = [(f"c{child}", f"c{parent}") for child in range(1, count) for parent in range(child)]
    kept = draw(st.lists(st.sampled_from(pairs), unique=True))
    return sorted({*kept, *((f"c{child}", "c0") for child in range(1, count))})


@given(taxonomies(), st.floats(0.1, 1.0))
@settings(deadline=None, max_examples=50)
def test_a_new_class_is_as_alike_as_it_is_inside_the_graph(pairs: list[tuple[str, str]], decay: float) -> None:
    full = from_pairs(pairs)
    parents = {parent for _, parent in pairs}
    leaves = [class_id for class_id in full.index if class_id not in parents]
    new = leaves[-1]
    seen = [class_id for class_id in full.index if class_id != new]
    inside = AncestorKernel(full, full.index.rows(seen), decay).to_seen(full.index.rows([new]))[0]
    graph = full.subgraph(seen)
    outside = AncestorKernel(graph, graph.index.rows(seen), decay)
    semantics = SemanticEmbedding(full.index, torch.ones(full.num_classes, 1), "toy")
    torch.testing.assert_close(outside.new_to_seen([extension_from(graph, full, new)], semantics)[0], inside)


def test_a_sum_weighs_its_parts() -> None:
    parts = (SemanticKernel(toy_semantics(), SEEN_ROWS, 0.3), AncestorKernel(toy_graph(), SEEN_ROWS, 0.8))
    found = MixedKernel(parts, (0.25, 0.75)).to_seen(EVERY_ROW)
    torch.testing.assert_close(found, 0.25 * parts[0].to_seen(EVERY_ROW) + 0.75 * parts[1].to_seen(EVERY_ROW))
    with pytest.raises(RecipeError, match="2 kernels need as many shares"):
        MixedKernel(parts, (0.5, 0.6))


def test_vectors_of_another_encoder_are_refused() -> None:
    graph = toy_graph().subgraph([class_id for class_id in CLASSES if class_id != "okapi"])
    kernel = SemanticKernel(toy_semantics().select(graph.index.ids), graph.index.rows(SEEN), 0.3)
    other = SemanticEmbedding(toy_semantics().index, toy_semantics().vectors, "another encoder")
    with pytest.raises(SemanticsError, match="another encoder"):
        kernel.new_to_seen([extension_from(graph, toy_graph(), "okapi")], other)


def test_single_precision_says_the_same_to_rounding() -> None:
    parts = (SemanticKernel(toy_semantics(), EVERY_ROW, 0.3), AncestorKernel(toy_graph(), EVERY_ROW, 0.8))
    for part in parts:
        single = part.to(torch.float32)
        assert single.to_seen(EVERY_ROW).dtype == torch.float32
        torch.testing.assert_close(single.to_seen(EVERY_ROW).double(), part.to_seen(EVERY_ROW), atol=2e-6, rtol=0)
        assert part.to_seen(EVERY_ROW).dtype == torch.float64
