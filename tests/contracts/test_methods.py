"""What every method keeps, tested by standing in the table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank, Scorer, StoredScorer
from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import (
    BackboneMismatchError,
    NotAvailableError,
    NotFittedError,
    SemanticsError,
    UnknownClassError,
)
from kgzsl.explain import amounts_of, explained_methods
from kgzsl.explain.asked import AskedClass
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph, NewClass
from kgzsl.graph.extension import ClassExtension, extension_with_parents
from kgzsl.methods import METHODS, InductiveMethod, Method, NearestSeen
from kgzsl.methods.row_function import PropagatingMethod
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.toy import CLASSES, SEEN, UNSEEN, toy_seen_features, toy_supervision

SMALL = {"epochs": 40, "evaluate_every": 10, "network_options": {"hidden": 8}}
SHORT = {
    "devise": {"epochs": 10},
    "episodic": {"episodes": 5},
    "maml": {"episodes": 5, "share": 0.4, "network_options": {"hidden": [8], "dropout": 0.0}},
    "memory": {"episodes": 5, "learning_rate": 1e-2},
    "ensemble": {"members": [{"name": "kernel_regression", "weight": 2}, {"name": "exem"}], "spread": 0.5},
    "icis": {"hidden": 16, "epochs": 20, "learning_rate": 1e-3},
}
VARIANTS = {name: (METHODS[name], SHORT.get(name, {})) for name in METHODS if name != "graph_regression"}
VARIANTS |= {
    "dgp": (METHODS["graph_regression"], {**SMALL, "network": "dgp"}),
    "sgcn": (METHODS["graph_regression"], {**SMALL, "network": "sgcn", "network_options": {"hidden": [8]}}),
    "gcnz": (METHODS["graph_regression"], {**SMALL, "network": "gcnz", "network_options": {"hidden": [8, 6]}}),
    "gat": (METHODS["graph_regression"], {**SMALL, "network": "gat"}),
    "sage": (METHODS["graph_regression"], {**SMALL, "network": "sage", "network_options": {"hidden": [8]}}),
    "rgcn": (METHODS["graph_regression"], {**SMALL, "network": "rgcn", "network_options": {"hidden": [8]}}),
    "transformer": (METHODS["graph_regression"], {**SMALL, "network": "transformer"}),
    "residual": (METHODS["graph_regression"], {**SMALL, "network": "residual"}),
}


NETWORKS = [name for name, (method, _) in VARIANTS.items() if method is METHODS["graph_regression"] and name != "dgp"]
"""Graph networks that are not tried with images."""


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def make(variant: str):
    method, keywords = VARIANTS[variant]
    return lambda **changes: method(**{**keywords, **(changes if method is METHODS["graph_regression"] else {})})


@pytest.fixture(params=["head", "images"])
def given(request: pytest.FixtureRequest, variant: str) -> Supervision:
    if request.param == "images" and variant in NETWORKS:
        pytest.skip("dgp stands for the other networks, which all take the same way past the images")
    return toy_supervision(with_features=request.param == "images")


def rows(method: Method, class_ids: tuple[str, ...] = CLASSES) -> torch.Tensor:
    """A row a class that says all of it: its classifier, or what it scores images of a scorer that is no bank."""
    return rows_of(method.synthesize(class_ids))


def rows_of(scorer: Scorer) -> torch.Tensor:
    if isinstance(scorer, ClassifierBank):
        return torch.cat([scorer.weights, scorer.biases[:, None]], dim=1)
    return scorer.score(toy_seen_features()).T.contiguous()


def test_it_is_a_method(make) -> None:
    assert isinstance(make(), Method)


def test_before_a_fit_it_says_so(make) -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        make().synthesize(UNSEEN)


def test_fitting_twice_and_the_same_seed_give_the_same_bits(make, given: Supervision) -> None:
    method = make()
    first = rows(method.fit(given))
    assert torch.equal(first, rows(method.fit(given)))
    assert torch.equal(first, rows(make().fit(given)))


def test_a_second_fit_forgets_the_first(make, given: Supervision) -> None:
    method = make().fit(given)
    few = given.without(("saw",))
    assert torch.equal(rows(method.fit(few)), rows(make().fit(few)))


def test_rows_come_by_name_in_the_order_asked(make, given: Supervision) -> None:
    method = make().fit(given)
    assert method.synthesize(UNSEEN[::-1]).index.ids == UNSEEN[::-1]
    assert torch.equal(rows(method, UNSEEN[::-1]), rows(method, UNSEEN).flip(0))
    with pytest.raises(UnknownClassError, match="tricorder"):
        method.synthesize(("tricorder",))


def test_the_order_of_seen_classes_does_not_matter(make, given: Supervision) -> None:
    images = given.seen_features
    if images is not None:  # the classes turned round, the pictures of each as they were
        order = torch.arange(len(images)).reshape(len(SEEN), -1).flip(0).flatten()
        index = ClassIndex(SEEN[::-1])
        images = FeatureSet(images.features[order], len(SEEN) - 1 - images.labels[order], index, images.backbone)
    turned = Supervision(given.graph, given.semantics, given.seen_bank.select(SEEN[::-1]), images)
    one, other = rows(make(held_out=0.0).fit(given)), rows(make(held_out=0.0).fit(turned))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_relabelled_rows_of_the_graph_do_not_matter(make, given: Supervision) -> None:
    graph = given.graph
    order = np.random.default_rng(3).permutation(graph.num_classes)
    index = ClassIndex(tuple(graph.index[row] for row in order))
    place = np.argsort(order)
    texts = tuple(graph.texts[row] for row in order)
    moved = ClassGraph("moved", index, texts, place[graph.edges], graph.relations)
    turned = replace(given, graph=moved, semantics=given.semantics.select(index.ids))
    options = {"held_out": 0.0, "epochs": 1, "learning_rate": 1e-9}  # masks fall on other rows: compare the formula
    one, other = rows(make(**options).fit(given)), rows(make(**options).fit(turned))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_hidden_class_cannot_leak_in(make, given: Supervision) -> None:
    loud = given.seen_bank.weights.clone()
    loud[SEEN.index("saw")] *= -100
    other = replace(given, seen_bank=replace(given.seen_bank, weights=loud))
    if (images := given.seen_features) is not None:
        features = torch.where((images.labels == SEEN.index("saw"))[:, None], -100, images.features)
        other = replace(other, seen_features=replace(images, features=features))
    one, two = (rows(make().fit(supervision.without(("saw",)))) for supervision in (given, other))
    assert torch.equal(one, two)
    assert not torch.equal(one, rows(make().fit(given)))


def test_the_scorer_names_its_backbone_and_is_finite(make, given: Supervision) -> None:
    scorer = make().fit(given).synthesize(CLASSES)
    assert isinstance(scorer, StoredScorer)
    assert scorer.backbone == "toy" and scorer.index.ids == CLASSES
    assert bool(torch.isfinite(rows_of(scorer)).all())
    images = toy_seen_features()
    with pytest.raises(BackboneMismatchError):
        scorer.score(replace(images, backbone="other"))
    torch.testing.assert_close(scorer.select(UNSEEN).score(images), scorer.score(images)[:, [7, 9]])


def test_inductive_methods_come_back_from_disk(make, given: Supervision, tmp_path) -> None:
    method = make().fit(given)
    if not isinstance(method, InductiveMethod):
        assert not hasattr(method, "save")
        return
    method.save(tmp_path)
    scorer = method.synthesize(given.graph.index.ids)
    again = type(method).load(tmp_path, given.graph, given.semantics, scorer)
    assert torch.equal(rows(again), rows(method))
    assert again.parameters() == method.parameters()
    alone = rows_of(added(method, given))  # a class that the graph lacks depends on nothing but itself
    for one, within in ((method, 1e-5), (again, 2e-3)):  # graph networks keep hidden rows in half precision
        together = rows_of(one.synthesize_new(*new_classes(given)))
        torch.testing.assert_close(together, alone, atol=within, rtol=within)


def test_a_row_is_explained_or_it_is_said_which_methods_can_be(make, given: Supervision) -> None:
    method = make().fit(given)
    scorer, direction = method.synthesize(UNSEEN), torch.tensor([1.0, -0.5, 0.3, 1.0], dtype=torch.float64)
    if not {name for name, kind in METHODS.items() if isinstance(method, kind)} & set(explained_methods()):
        with pytest.raises(NotAvailableError, match="methods that do are conse, ensemble, episodic, eszsl, exem"):
            amounts_of(method, AskedClass("okapi"), direction, SEEN)
        return
    if not isinstance(scorer, ClassifierBank):
        images = toy_seen_features()
        amounts = scorer.contributions("okapi", images).sum(dim=1)
        torch.testing.assert_close(amounts, scorer.score(images)[:, 0].double(), atol=1e-5, rtol=1e-5)
        return
    found = amounts_of(method, AskedClass("okapi"), direction, SEEN, steps=64)
    within = 1e-5 if found.is_exact else 2e-2
    assert found.total == pytest.approx(float(rows(method, ("okapi",))[0].double() @ direction), abs=within, rel=1e-5)
    assert found.is_exact == (not isinstance(method, PropagatingMethod))


KIND_OF = {"mule": "hoofed", "parrot": "bird"}


def new_classes(given: Supervision) -> tuple[list[ClassExtension], SemanticEmbedding]:
    """Two classes that the toy world lacks, with vectors of their own."""
    extensions = [
        extension_with_parents(given.graph, name, (above,), ClassText(name, (name,))) for name, above in KIND_OF.items()
    ]
    vectors = torch.tensor([[0.9, 0.1, 0.0, 0.4], [0.0, 0.8, 0.1, 0.6]])
    return extensions, SemanticEmbedding(ClassIndex(tuple(KIND_OF)), vectors, "toy", given.semantics.text_form)


def added(method: InductiveMethod, given: Supervision) -> Scorer:
    """The new classes, each asked for by itself."""
    extensions, vectors = new_classes(given)
    first, second = (method.synthesize_new([extension], vectors) for extension in extensions)
    assert first.index.ids == ("mule",)
    return first.concat(second)


def test_many_new_classes_are_as_if_each_were_alone(make) -> None:
    """In one batch with classes beside, above and below them; and the rows that were there stay, to the bit."""
    given = toy_supervision()
    method = make().fit(given)
    if not isinstance(method, InductiveMethod):
        return
    before = rows(method)
    (mule, parrot), two = new_classes(given)
    words = [NewClass(f"hinny{number}", ("mule", "zebra"), ClassText(f"hinny{number}")) for number in range(3)]
    extensions = [ClassExtension((*mule.classes, word), {}) for word in words]
    extensions = [extensions[0], parrot, *extensions[1:], mule]
    vectors = torch.cat([two.vectors, torch.rand(3, 4, generator=torch.Generator().manual_seed(1))])
    index = ClassIndex((*two.index, *(word.class_id for word in words)))
    semantics = replace(two, index=index, vectors=vectors)
    together = method.synthesize_new(extensions, semantics)
    assert together.index.ids == tuple(extension.class_id for extension in extensions)
    alone = torch.cat([rows_of(method.synthesize_new([extension], semantics)) for extension in extensions])
    torch.testing.assert_close(rows_of(together), alone, atol=1e-5, rtol=1e-5)  # to rounding: one product for all
    assert torch.equal(rows(method), before)
    assert method.synthesize_new([], semantics).index.ids == ()


def test_new_classes_need_vectors_of_the_same_encoder(make) -> None:
    method = make().fit(toy_supervision())
    if not isinstance(method, InductiveMethod) or isinstance(method, NearestSeen):  # which reads no vector
        return
    extensions, vectors = new_classes(toy_supervision())
    with pytest.raises(SemanticsError, match="'other' cannot join"):
        method.synthesize_new(extensions, replace(vectors, encoder="other"))
