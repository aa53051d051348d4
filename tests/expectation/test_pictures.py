"""Expected pictures: the regression with and without a fold, how pictures scatter, and drawn candidate sets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError
from kgzsl.expectation.pictures import DECAY, WIDTH, ExpectedPictures, class_likeness, class_means
from kgzsl.expectation.queries import draw_queries
from kgzsl.features import FeatureSet
from kgzsl.kernels import AncestorKernel
from kgzsl.toy import SEEN, toy_graph, toy_seen_features, toy_semantics

FOLDS = [torch.tensor([0, 3]), torch.tensor([1, 2]), torch.tensor([4])]
RIDGE = 0.5


@pytest.fixture
def kernel() -> torch.Tensor:
    return class_likeness(toy_graph(), toy_semantics(), SEEN, SEEN)


@pytest.fixture
def pictures(kernel: torch.Tensor) -> ExpectedPictures:
    return ExpectedPictures.fit(kernel, toy_seen_features(), SEEN, FOLDS, RIDGE)


def test_likeness_is_half_text_half_place() -> None:
    found = class_likeness(toy_graph(), toy_semantics(), SEEN, ("okapi", "owl"))
    graph, vectors = toy_graph(), toy_semantics()
    unit = {one: vectors.select([one]).vectors[0].double() for one in ("okapi", "owl", *SEEN)}
    unit = {one: row / row.norm() for one, row in unit.items()}
    text = [[float(torch.exp((unit[one] @ unit[other] - 1) / WIDTH)) for other in SEEN] for one in ("okapi", "owl")]
    place = AncestorKernel(graph, graph.index.rows(SEEN), DECAY).to_seen(graph.index.rows(["okapi", "owl"]))
    torch.testing.assert_close(found, (torch.tensor(text, dtype=torch.float64) + place) / 2)


def test_means_are_those_of_the_images() -> None:
    images = toy_seen_features()
    means = class_means(images, ("saw", "horse", "zebra", "eagle", "hammer"))
    torch.testing.assert_close(means[0], images.features[12:15].double().mean(dim=0))
    torch.testing.assert_close(means[1], images.features[0:3].double().mean(dim=0))


def test_hidden_pictures_are_those_of_a_fit_without_the_fold(kernel: torch.Tensor, pictures: ExpectedPictures) -> None:
    means = class_means(toy_seen_features(), SEEN).numpy()
    values = kernel.numpy()
    for fold in FOLDS:
        out = fold.numpy()
        kept = np.setdiff1d(np.arange(5), out)
        centre = means[kept].mean(axis=0)
        solved = np.linalg.inv(values[np.ix_(kept, kept)] + RIDGE * np.eye(len(kept)))
        cross = values[np.ix_(out, kept)]
        np.testing.assert_allclose(pictures.hidden[out], centre + cross @ solved @ (means[kept] - centre))
        np.testing.assert_allclose(pictures.hidden_variance[out], 1 - np.diag(cross @ solved @ cross.T))


def test_scatter_is_what_the_hidden_pictures_miss(pictures: ExpectedPictures) -> None:
    images = toy_seen_features()
    expected = images.features.double() - pictures.hidden.repeat_interleave(3, dim=0)
    torch.testing.assert_close(pictures.scatter, expected)
    within = images.features.double().view(5, 3, 3)
    spread = float((within - within.mean(dim=1, keepdim=True)).square().sum()) / 10
    assert pictures.class_share == pytest.approx(1 - spread / float(expected.square().sum(dim=1).mean()))


def test_one_image_a_class_leaves_the_share_to_the_regression(kernel: torch.Tensor) -> None:
    images = toy_seen_features().rows(torch.arange(0, 15, 3))
    pictures = ExpectedPictures.fit(kernel, images, SEEN, FOLDS, RIDGE)
    mean = float(pictures.hidden_variance.mean())
    assert pictures.class_share == pytest.approx(mean / (mean + RIDGE))


def test_the_ridge_of_the_smallest_error_is_taken(kernel: torch.Tensor) -> None:
    images = toy_seen_features()
    errors = {
        ridge: float(ExpectedPictures.fit(kernel, images, SEEN, FOLDS, ridge).scatter.square().sum())
        for ridge in (0.25, 0.5, 1.0, 2.0, 4.0)
    }  # of images: those of a class add what no ridge changes
    assert ExpectedPictures.fit(kernel, images, SEEN, FOLDS).process.ridge == min(errors, key=lambda one: errors[one])


def test_noise_has_the_measured_covariance_and_its_share(pictures: ExpectedPictures) -> None:
    noise = pictures.noise(20_000, 2)
    wanted = pictures.scatter.T @ pictures.scatter / len(pictures.scatter)
    torch.testing.assert_close(noise.T @ noise / len(noise), wanted, atol=0.02, rtol=0.05)
    first, second = noise[0::2], noise[1::2]
    torch.testing.assert_close(first.T @ second / len(first), pictures.class_share * wanted, atol=0.02, rtol=0.05)
    assert torch.equal(pictures.noise(3, 2), pictures.noise(3, 2))


def test_stretching_leaves_the_centre(pictures: ExpectedPictures) -> None:
    far = pictures.stretched(torch.stack([pictures.centre, pictures.centre + 1]), 2.0)
    torch.testing.assert_close(far, torch.stack([pictures.centre, pictures.centre + 2]))


def test_candidate_sets_gather_and_stand_beside_seen_classes() -> None:
    distances = np.abs(np.subtract.outer(np.arange(200), np.arange(200)))
    able = np.arange(0, 200, 2)
    queries = draw_queries(distances, able, 300, seed=3)
    sizes = np.array([len(query.hidden) for query in queries])
    assert sizes.min() == 4 and sizes.max() <= 50 and np.median(sizes) == pytest.approx(np.sqrt(4 * 50), abs=4)
    assert all(set(query.hidden) <= set(able) and len(set(query.hidden)) == len(query.hidden) for query in queries)
    assert not any(set(query.hidden) & set(query.shown) for query in queries)
    assert np.mean([len(query.shown) > 0 for query in queries]) == pytest.approx(0.25, abs=0.07)
    wide = [np.ptp(query.hidden) > 100 for query in queries if 4 <= len(query.hidden) <= 10]
    assert 0.2 < np.mean(wide) < 0.9  # some scattered, some of one kind
    again = draw_queries(distances, able, 300, seed=3)
    assert all(np.array_equal(one.hidden, other.hidden) for one, other in zip(queries, again))


def test_too_few_classes_are_told() -> None:
    with pytest.raises(InputFileError, match="at least 4 seen classes, found 3"):
        draw_queries(np.zeros((5, 5), dtype=np.int64), np.arange(3), 1)


def test_strange_images_do_not_pass_for_known_ones() -> None:
    images = FeatureSet(torch.ones(1, 3), torch.tensor([0]), ClassIndex(("moose",)), "toy")
    with pytest.raises(KeyError, match="moose"):
        class_means(images, SEEN)
