from __future__ import annotations

from kgzsl.graph.custom import Entry, from_entries, from_pairs
from kgzsl.graph.summary import summarise
from kgzsl.graph.wordnet import noun_graph


def test_summary_of_the_miniature_wordnet(mini):
    summary = summarise(noun_graph(mini[0]))
    assert summary.wordnet == "3.0"
    assert summary.edges == {"hypernym": 16, "instance": 1}
    assert summary.roots == ("n00001740",)
    assert summary.depth == 4  # lincoln < lawyer < person < organism < entity
    assert summary.num_components == 1
    assert summary.several_parents == 2
    assert summary.marks == {"person": 3}


def test_depth_is_the_longest_way_upward():
    pairs = [("dog", "animal"), ("dog", "pet"), ("pet", "tame"), ("tame", "animal")]
    assert summarise(from_pairs(pairs)).depth == 3


def test_summary_of_lonely_classes():
    summary = summarise(from_entries([Entry("a"), Entry("b")], "lonely"))
    assert (summary.depth, summary.num_components, summary.edges) == (0, 2, {})
