"""What each seen class adds, against plain numpy; the parts sum to the row for every method that tells them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import NotAvailableError, NotFittedError
from kgzsl.graph.extension import ClassExtension, extension_with_parents
from kgzsl.kernels import GaussianProcess
from kgzsl.methods import ESZSL, EXEM, SYNC, ConSE, Ensemble, KernelRegression, NearestSeen
from kgzsl.methods.contributions import ContributingMethod, SeenContributions
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.toy import CLASSES, SEEN, toy_bank, toy_features, toy_graph, toy_seen_features, toy_supervision

LINEAR = {
    "kernel_regression": KernelRegression,
    "nearest_seen": NearestSeen,
    "exem": EXEM,
    "sync": SYNC,
    "eszsl": ESZSL,
}


@pytest.fixture(params=LINEAR)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[False, True], ids=["head", "images"])
def fitted(request: pytest.FixtureRequest, name: str) -> ContributingMethod:
    method = LINEAR[name]().fit(toy_supervision(request.param))
    assert isinstance(method, ContributingMethod)
    return method


def new_class() -> tuple[ClassExtension, SemanticEmbedding]:
    extension = extension_with_parents(toy_graph(), "mule", ("hoofed",), ClassText("mule", ("mule",)))
    vectors = torch.tensor([[0.9, 0.1, 0.0, 0.4]])
    return extension, SemanticEmbedding(ClassIndex(("mule",)), vectors, "toy", "lemmas: definition")


def rows_of(bank) -> torch.Tensor:
    return torch.cat([bank.weights, bank.biases[:, None]], dim=1).double()


def test_the_parts_sum_to_the_row_and_to_every_score(fitted) -> None:
    extension, vectors = new_class()
    found = fitted.contributions(CLASSES, [extension], vectors)
    rows = torch.cat([rows_of(fitted.synthesize(CLASSES)), rows_of(fitted.synthesize_new([extension], vectors))])
    assert found.class_ids == (*CLASSES, "mule") and found.seen == tuple(sorted(SEEN))
    torch.testing.assert_close(found.whole(), rows, atol=1e-6, rtol=1e-5)
    x = torch.cat([toy_features().features[0].double(), torch.ones(1, dtype=torch.float64)])
    torch.testing.assert_close(found.amounts(x).sum(dim=1), rows @ x, atol=1e-5, rtol=1e-5)
    by_hand = [w * (r @ x) for w, r in zip(found.weights[2], found.rows)]
    by_hand = torch.stack(by_hand) + (0 if found.offsets is None else found.offsets[2])
    torch.testing.assert_close(found.amounts(x)[2], by_hand)


def test_they_come_back_from_disk(fitted, tmp_path) -> None:
    fitted.save(tmp_path)
    given = toy_supervision()
    again = type(fitted).load(tmp_path, given.graph, given.semantics, fitted.synthesize(given.graph.index.ids))
    one, other = fitted.contributions(["okapi"]), again.contributions(["okapi"])
    assert one.seen == other.seen
    torch.testing.assert_close(one.weights, other.weights)
    torch.testing.assert_close(one.rows, other.rows)


def test_before_a_fit_they_say_so(name) -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        LINEAR[name]().contributions(["okapi"])


def test_weights_of_a_regression_by_plain_numpy() -> None:
    rng = np.random.default_rng(3)
    points, targets = rng.normal(size=(6, 2)), rng.normal(size=(6, 4))
    kernel = np.exp(-((points[:, None] - points) ** 2).sum(-1))
    asked = np.exp(-((rng.normal(size=(3, 1, 2)) - points) ** 2).sum(-1))
    process = GaussianProcess.fit(torch.tensor(kernel), torch.tensor(targets), 0.3)
    inverse = np.linalg.inv(kernel + 0.3 * np.eye(6))
    solved = asked @ inverse
    expected = solved + (1 - solved @ np.ones(6))[:, None] / 6
    weights = process.weights(torch.tensor(asked)).numpy()
    np.testing.assert_allclose(weights, expected, atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(process.targets.numpy(), targets, atol=1e-12)
    np.testing.assert_allclose(weights @ targets, process.predict(torch.tensor(asked)).numpy(), atol=1e-12)


def test_nearest_seen_is_a_plain_mean() -> None:
    found = NearestSeen().fit(toy_supervision()).contributions(["okapi", "zebra"])
    unit = rows_of(toy_bank().normalised("joint").select(found.seen))
    torch.testing.assert_close(found.rows, unit)
    assert dict(zip(found.seen, found.weights[0].tolist())) == {
        "horse": 0.5, "zebra": 0.5, "eagle": 0.0, "hammer": 0.0, "saw": 0.0,
    }  # fmt: skip
    assert found.weights[1].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]


def test_what_a_class_gives_in_eszsl_is_what_its_images_give() -> None:
    """The closed form is linear in sums of images: without those of a class, V loses just its part."""
    method = ESZSL(gammas=[1.0], lambdas=[0.5]).fit(toy_supervision(True))
    found = method.contributions(["okapi"])
    images = toy_seen_features()
    x = images.features.double().numpy()
    y = [images.index[label] for label in images.labels.tolist()]
    middle = x.mean(axis=0)
    scale = np.sqrt(((x - middle) ** 2).sum(axis=1).mean())
    x = (x - middle) / scale
    vectors = toy_supervision().semantics
    s = {one: vectors.select([one]).vectors[0].double().numpy() for one in (*SEEN, "okapi")}
    s = {one: vector / np.linalg.norm(vector) for one, vector in s.items()}
    seen = np.stack([s[one] for one in found.seen])
    left, right = np.linalg.inv(x.T @ x + np.eye(3)), np.linalg.inv(seen.T @ seen + 0.5 * np.eye(4))
    for place, class_id in enumerate(found.seen):
        part = left @ x[[one == class_id for one in y]].sum(axis=0)
        row = part * float((2 * s[class_id] - seen.sum(axis=0)) @ right @ s["okapi"]) / scale
        expected = np.append(row, -row @ middle)
        given = (found.weights[0, place] * found.rows[place]).numpy()
        np.testing.assert_allclose(given, expected, atol=1e-9)


def test_conse_by_its_formula() -> None:
    scorer = ConSE(top=2).fit(toy_supervision()).synthesize(("okapi", "owl"))
    images = toy_features()
    logits = (images.features @ scorer.head.weights.T + scorer.head.biases).double().numpy()
    found = scorer.contributions("okapi", images).numpy()
    for row, logit in zip(found, logits):
        p = np.exp(logit - logit.max()) / np.exp(logit - logit.max()).sum()
        p[p < np.sort(p)[-2]] = 0  # classes as probable as the second count too
        f = p @ scorer.seen_vectors.double().numpy()
        expected = p * (scorer.seen_vectors.double().numpy() @ scorer.vectors[0].double().numpy()) / np.linalg.norm(f)
        np.testing.assert_allclose(row, expected, atol=1e-7)
        assert ((row != 0) == (p > 0)).all()
    np.testing.assert_allclose(found.sum(axis=1), scorer.score(images)[:, 0].numpy(), atol=1e-6)


@pytest.mark.parametrize(("with_images", "spread"), [(False, 0.0), (True, 0.0), (True, 0.7)])
def test_an_ensembles_row_by_what_each_member_is_multiplied_by(with_images: bool, spread: float) -> None:
    members = [{"name": "kernel_regression", "weight": 2}, {"name": "nearest_seen"}]
    ensemble = Ensemble(members=members, spread=spread).fit(toy_supervision(with_images))
    rows = rows_of(ensemble.synthesize(CLASSES))
    predicted = [rows_of(member.synthesize(CLASSES)) for member in ensemble.fitted_members]
    direction = torch.tensor([0.3, -1.0, 0.5, 1.0], dtype=torch.float64)
    through = ensemble.combination.seen_through(direction)
    for number in range(len(CLASSES)):
        own = [one[number].float() for one in predicted]
        scales = ensemble.combination.scales(own, ensemble.weights, spread)
        parts = [s * ((row - mean).double() @ through) for s, row, mean in zip(scales, own, ensemble.combination.means)]
        assert float(sum(parts)) == pytest.approx(float(rows[number] @ direction), abs=1e-5)


def test_a_run_of_an_earlier_kgzsl_is_to_be_trained_again() -> None:
    method = SYNC().fit(toy_supervision())
    assert method._learned is not None
    method._learned = replace(method._learned, seen=())
    with pytest.raises(NotAvailableError, match=r"This SYNC was trained by a kgzsl .*train it again"):
        method.contributions(["okapi"])


def test_offsets_count_in_the_bias_alone() -> None:
    rows = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    weights, offsets = torch.tensor([[0.5, 2.0]], dtype=torch.float64), torch.tensor([[3.0, -1.0]], dtype=torch.float64)
    found = SeenContributions(("a",), ("s", "t"), weights, rows, offsets)
    assert found.whole().tolist() == [[0.5, 2.0, 3.0]]
    direction = torch.tensor([1.0, 1.0, 10.0], dtype=torch.float64)
    assert found.amounts(direction).tolist() == [[0.5 * 21 + 30, 2.0 - 10]]
