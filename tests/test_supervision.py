from __future__ import annotations

import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, GraphError, UnknownClassError
from kgzsl.features import FeatureSet
from kgzsl.graph.custom import from_pairs
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision

GRAPH = from_pairs([("okapi", "animal"), ("zebra", "animal"), ("crane", "animal")])
SEMANTICS = SemanticEmbedding(GRAPH.index, torch.eye(4), "toy")


def bank_of(*ids, backbone="toy"):
    return ClassifierBank(ClassIndex(ids), torch.ones(len(ids), 2), torch.zeros(len(ids)), backbone)


def images_of(*ids, backbone="toy", index=("okapi", "zebra", "crane")):
    labels = torch.tensor([index.index(class_id) for class_id in ids])
    return FeatureSet(torch.ones(len(ids), 2), labels, ClassIndex(index), backbone)


def test_no_image_of_an_unseen_class_gets_in():
    with pytest.raises(GraphError, match="Seen features hold images of 'crane', which is not a seen class"):
        Supervision(GRAPH, SEMANTICS, bank_of("okapi", "zebra"), images_of("okapi", "crane"))


def test_an_image_without_a_class_does_not_get_in():
    images = FeatureSet(torch.ones(1, 2), torch.tensor([-1]), ClassIndex(("okapi",)), "toy")
    with pytest.raises(GraphError, match="images of None"):
        Supervision(GRAPH, SEMANTICS, bank_of("okapi"), images)


def test_semantics_must_be_in_the_graphs_order():
    with pytest.raises(GraphError, match=r"must hold the graph's classes in its order; use semantics\.select"):
        Supervision(GRAPH, SEMANTICS.select(["zebra", "okapi", "crane", "animal"]), bank_of("okapi"))


def test_seen_classes_are_in_the_graph():
    with pytest.raises(UnknownClassError, match="'oak'"):
        Supervision(GRAPH, SEMANTICS, bank_of("oak"))


def test_features_are_of_the_banks_backbone():
    with pytest.raises(BackboneMismatchError):
        Supervision(GRAPH, SEMANTICS, bank_of("okapi"), images_of("okapi", backbone="other"))


def test_without_hides_classifiers_and_images():
    whole = Supervision(GRAPH, SEMANTICS, bank_of("okapi", "zebra"), images_of("okapi", "zebra", "okapi"))
    left = whole.without(("okapi",))
    assert left.seen_bank.index.ids == ("zebra",)
    assert left.seen_features is not None
    assert left.seen_features.class_ids() == ("zebra",)
    assert left.graph is GRAPH
    assert Supervision(GRAPH, SEMANTICS, bank_of("okapi", "zebra")).without(("okapi",)).seen_features is None
