"""What every method keeps, tested by standing in the table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import NotFittedError, UnknownClassError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.methods import METHODS, InductiveMethod, Method
from kgzsl.supervision import Supervision
from kgzsl.toy import CLASSES, SEEN, UNSEEN, toy_supervision

SMALL = {"epochs": 40, "evaluate_every": 10, "network_options": {"hidden": 8}}
VARIANTS = {name: (METHODS[name], {}) for name in METHODS if name != "graph_regression"}
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


@pytest.fixture(params=VARIANTS)
def make(request: pytest.FixtureRequest):
    variant, keywords = VARIANTS[request.param]
    return lambda **changes: variant(**{**keywords, **(changes if variant is METHODS["graph_regression"] else {})})


def rows(method: Method, class_ids: tuple[str, ...] = CLASSES) -> torch.Tensor:
    bank = method.synthesize(class_ids)
    assert isinstance(bank, ClassifierBank)
    return torch.cat([bank.weights, bank.biases[:, None]], dim=1)


def test_it_is_a_method(make) -> None:
    assert isinstance(make(), Method)


def test_before_a_fit_it_says_so(make) -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        make().synthesize(UNSEEN)


def test_fitting_twice_and_the_same_seed_give_the_same_bits(make) -> None:
    method = make()
    first = rows(method.fit(toy_supervision()))
    assert torch.equal(first, rows(method.fit(toy_supervision())))
    assert torch.equal(first, rows(make().fit(toy_supervision())))


def test_rows_come_by_name_in_the_order_asked(make) -> None:
    method = make().fit(toy_supervision())
    assert method.synthesize(UNSEEN[::-1]).index.ids == UNSEEN[::-1]
    assert torch.equal(rows(method, UNSEEN[::-1]), rows(method, UNSEEN).flip(0))
    with pytest.raises(UnknownClassError, match="tricorder"):
        method.synthesize(("tricorder",))


def test_the_order_of_seen_classes_does_not_matter(make) -> None:
    given = toy_supervision()
    turned = Supervision(given.graph, given.semantics, given.seen_bank.select(SEEN[::-1]))
    one, other = rows(make(held_out=0.0).fit(given)), rows(make(held_out=0.0).fit(turned))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_relabelled_rows_of_the_graph_do_not_matter(make) -> None:
    given = toy_supervision()
    graph = given.graph
    order = np.random.default_rng(3).permutation(graph.num_classes)
    index = ClassIndex(tuple(graph.index[row] for row in order))
    place = np.argsort(order)
    texts = tuple(graph.texts[row] for row in order)
    moved = ClassGraph("moved", index, texts, place[graph.edges], graph.relations)
    turned = Supervision(moved, given.semantics.select(index.ids), given.seen_bank)
    options = {"held_out": 0.0, "epochs": 1, "learning_rate": 1e-9}  # masks fall on other rows: compare the formula
    one, other = rows(make(**options).fit(given)), rows(make(**options).fit(turned))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_hidden_class_cannot_leak_in(make) -> None:
    given = toy_supervision()
    loud = given.seen_bank.weights.clone()
    loud[SEEN.index("saw")] *= -100
    other = replace(given, seen_bank=replace(given.seen_bank, weights=loud))
    one, two = (rows(make().fit(supervision.without(("saw",)))) for supervision in (given, other))
    assert torch.equal(one, two)
    assert not torch.equal(one, rows(make().fit(given)))


def test_the_bank_names_backbone_and_is_finite(make) -> None:
    bank = make().fit(toy_supervision()).synthesize(CLASSES)
    assert bank.backbone == "toy" and bank.index.ids == CLASSES
    assert bool(torch.isfinite(bank.weights).all())


def test_inductive_methods_come_back_from_disk(make, tmp_path) -> None:
    given = toy_supervision()
    method = make().fit(given)
    if not isinstance(method, InductiveMethod):
        assert not hasattr(method, "save")
        return
    method.save(tmp_path)
    bank = method.synthesize(given.graph.index.ids)
    again = type(method).load(tmp_path, given.graph, given.semantics, bank)
    assert torch.equal(rows(again), rows(method))
    assert again.parameters() == method.parameters()
