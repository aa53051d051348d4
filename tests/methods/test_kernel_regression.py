"""Kernel regression on the toy world against numpy, its choice of hyper-parameters, new classes and damaged files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import CorruptFileError, NotFittedError, RecipeError, SemanticsError, UnknownVariantError
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.extension import extension_from, extension_with_parents
from kgzsl.kernels import AncestorKernel, SemanticKernel
from kgzsl.methods import FitContext, KernelRegression
from kgzsl.methods.class_folds import related_groups
from kgzsl.methods.kernel_regression import KernelSetting, _Measured
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.toy import CLASSES, SEEN, toy_bank, toy_graph, toy_semantics, toy_supervision
from kgzsl.training import compare_classifiers

FIXED = {"widths": [0.3], "decays": [0.85], "shares": [0.6], "ridges": [0.15]}


def all_ancestors(graph: ClassGraph, class_id: str) -> dict[str, int]:
    """Each ancestor with the fewest steps to it, the class itself included."""
    hops, level = {class_id: 0}, [class_id]
    while level:
        above = [parent for one in level for parent in graph.parents(one) if parent not in hops]
        hops |= dict.fromkeys(above, max(hops.values()) + 1)
        level = above
    return hops


def plain_rows(graph: ClassGraph, width: float, decay: float, share: float, ridge: float) -> np.ndarray:
    """The rows of every toy class by the formula, written down class by class."""
    lines = {one: all_ancestors(graph, one) for one in graph.index}
    under = {one: sum(one in lines[seen] for seen in SEEN) for one in graph.index}
    profiles = np.zeros((graph.num_classes, graph.num_classes))
    for row, one in enumerate(graph.index):
        for above, hop in lines[one].items():
            profiles[row, graph.index.row(above)] = decay**hop * np.log(1 + len(SEEN) / max(1, under[above]))
    profiles /= np.linalg.norm(profiles, axis=1, keepdims=True)
    vectors = toy_semantics().select(graph.index.ids).vectors.double().numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kernel = share * np.exp(-(1 - vectors @ vectors.T) / width) + (1 - share) * profiles @ profiles.T
    seen = graph.index.rows(SEEN)
    targets = np.hstack([toy_bank().weights.numpy(), toy_bank().biases.numpy()[:, None]]).astype(np.float64)
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    inverse = np.linalg.inv(kernel[np.ix_(seen, seen)] + ridge * np.eye(len(seen)))
    rows = targets.mean(axis=0) + kernel[:, seen] @ inverse @ (targets - targets.mean(axis=0))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rows_of(method: KernelRegression, class_ids: tuple[str, ...] = CLASSES) -> np.ndarray:
    bank = method.synthesize(class_ids)
    return torch.cat([bank.weights, bank.biases[:, None]], dim=1).numpy()


def test_rows_equal_the_plain_formula() -> None:
    method = KernelRegression(**FIXED).fit(toy_supervision())
    assert method.setting == KernelSetting(0.3, 0.85, 0.6, 0.15)
    np.testing.assert_allclose(rows_of(method), plain_rows(toy_graph(), 0.3, 0.85, 0.6, 0.15), atol=1e-6)
    assert method.synthesize(CLASSES).normalisation == "joint"


def test_what_was_tried_is_kept_and_the_choice_is_no_worse_than_the_start(tmp_path) -> None:
    method = KernelRegression(criterion="cosine").fit(toy_supervision(), FitContext(folder=tmp_path))
    tried = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert tried == method.tried
    names = ("width", "decay", "share", "ridge")
    settings = [KernelSetting(*(record[name] for name in names)) for record in tried]
    assert settings[0] == KernelSetting(0.3, 0.85, 0.5, 0.15) and len(set(settings)) == len(settings)
    assert tried[settings.index(method.setting)]["cosine"] >= tried[0]["cosine"]


def test_a_setting_must_win_by_more_than_the_error_over_folds() -> None:
    old = _Measured({"cosine": np.array([[0.1, 0.2, 0.3]])})
    assert _Measured({"cosine": np.array([[0.2, 0.3, 0.4]])}).is_better(old, "cosine")
    unsure = _Measured({"cosine": np.array([[0.2, 0.2, 0.28]])})
    assert unsure.mean("cosine") > old.mean("cosine") and not unsure.is_better(old, "cosine")
    assert not old.is_better(old, "cosine")


def test_of_two_values_the_one_that_clearly_wins_is_taken() -> None:
    offered = {**FIXED, "ridges": [100.0, 0.15]}  # so much noise predicts the mean for all
    assert KernelRegression(**offered, criterion="cosine").fit(toy_supervision()).setting.ridge == 0.15


def test_a_setting_is_measured_on_folds_that_are_fitted_without_themselves() -> None:
    method = KernelRegression(**FIXED, criterion="cosine", repeats=2)
    seen = sorted(SEEN)
    expected = []
    for fold in (fold for repetition in method._folds(len(seen)) for fold in repetition):
        left_out = tuple(seen[row] for row in fold.tolist())
        predicted = plain_prediction(toy_supervision(), [one for one in seen if one not in left_out], left_out)
        true = toy_bank().select(left_out).normalised("joint")
        target = torch.cat([true.weights, true.biases[:, None]], dim=1)
        expected.append(compare_classifiers(torch.from_numpy(predicted), target)["cosine"])
    assert len(expected) == 4  # two parts, cut twice
    assert method.fit(toy_supervision()).tried[0]["cosine"] == pytest.approx(sum(expected) / 4, abs=1e-6)


def plain_prediction(supervision: Supervision, kept: list[str], wanted: tuple[str, ...]) -> np.ndarray:
    """Predict with the classifiers of ``kept`` alone; ancestors are counted over all seen classes, as documented."""
    graph = supervision.graph
    seen = graph.index.rows(SEEN)
    semantic = SemanticKernel(supervision.semantics, seen, 0.3)
    ancestor = AncestorKernel(graph, seen, 0.85)
    place = [SEEN.index(one) for one in kept]

    def likeness(class_ids: list[str]) -> np.ndarray:
        rows = graph.index.rows(class_ids)
        return (0.6 * semantic.to_seen(rows) + 0.4 * ancestor.to_seen(rows)).numpy()[:, place]

    bank = supervision.seen_bank.select(kept).normalised("joint")
    targets = np.hstack([bank.weights.numpy(), bank.biases.numpy()[:, None]]).astype(np.float64)
    inverse = np.linalg.inv(likeness(kept) + 0.15 * np.eye(len(kept)))
    mean = targets.mean(axis=0)
    return mean + likeness(list(wanted)) @ inverse @ (targets - mean)


def test_with_three_seen_classes_nothing_is_chosen() -> None:
    method = KernelRegression().fit(toy_supervision().without(("saw", "zebra")))
    assert method.setting == KernelSetting(0.3, 0.85, 0.5, 0.15)
    assert method.tried == []


def test_one_seen_class_is_given_to_all() -> None:
    method = KernelRegression().fit(toy_supervision().without(tuple(one for one in SEEN if one != "saw")))
    saw = rows_of(method, ("saw",))
    np.testing.assert_allclose(rows_of(method), np.repeat(saw, len(CLASSES), axis=0), atol=1e-6)


def test_the_variance_shrinks_near_seen_classes() -> None:
    method = KernelRegression(**{**FIXED, "ridges": [1e-6]}).fit(toy_supervision())
    np.testing.assert_allclose(method.variance(SEEN).numpy(), 0, atol=1e-5)
    okapi, entity = method.variance(("okapi", "entity")).tolist()
    assert 0 < okapi < entity < 1  # hoofed animals are seen beside the okapi, the entity is far from all


@pytest.mark.parametrize("without", [("okapi",), ("owl",), ("okapi", "owl")])
def test_a_new_class_gets_the_row_it_would_have_had(without: tuple[str, ...]) -> None:
    whole = KernelRegression(**FIXED).fit(toy_supervision())
    graph = toy_graph().subgraph([one for one in CLASSES if one not in without])
    part = KernelRegression(**FIXED).fit(Supervision(graph, toy_semantics().select(graph.index.ids), toy_bank()))
    extensions = [extension_from(graph, toy_graph(), one) for one in without]
    found = part.synthesize_new(extensions, toy_semantics())
    torch.testing.assert_close(found.weights, whole.synthesize(without).weights)
    torch.testing.assert_close(found.biases, whole.synthesize(without).biases)
    alone = part.synthesize_new(extensions[-1:], toy_semantics())
    torch.testing.assert_close(alone.weights[0], found.weights[-1])  # to rounding: one product for all


def test_missing_ancestors_come_along() -> None:
    seen = ("horse", "zebra", "hammer", "saw")
    whole = toy_supervision().without(("eagle",))
    graph = toy_graph().subgraph([one for one in CLASSES if one not in ("bird", "owl", "eagle")])
    given = Supervision(graph, toy_semantics().select(graph.index.ids), toy_bank().select(seen))
    found = (
        KernelRegression(**FIXED)
        .fit(given)
        .synthesize_new([extension_from(graph, toy_graph(), "eagle")], toy_semantics())
    )
    expected = KernelRegression(**FIXED).fit(whole).synthesize(["eagle"])
    torch.testing.assert_close(found.weights, expected.weights)


def test_an_own_class_and_another_encoder(tmp_path) -> None:
    given = toy_supervision()
    method = KernelRegression().fit(given)
    method.save(tmp_path)
    again = KernelRegression.load(tmp_path, given.graph, given.semantics, method.synthesize(given.graph.index.ids))
    own = extension_with_parents(given.graph, "tricorder", ("tool",), ClassText("tricorder"))
    vectors = SemanticEmbedding(ClassIndex(("tricorder",)), torch.tensor([[0.0, 0.0, 1.0, 0.5]]), "toy")
    bank = method.synthesize_new([own], vectors)
    assert torch.equal(again.synthesize_new([own], vectors).weights, bank.weights)
    assert torch.equal(again.variance(CLASSES), method.variance(CLASSES))
    assert again.setting == method.setting
    saw, zebra = method.synthesize(["saw", "zebra"]).weights
    assert bank.weights[0] @ saw > bank.weights[0] @ zebra
    with pytest.raises(SemanticsError, match="another"):
        method.synthesize_new([own], SemanticEmbedding(vectors.index, vectors.vectors, "another"))


def test_a_file_of_another_run_is_refused(tmp_path) -> None:
    given = toy_supervision()
    method = KernelRegression().fit(given)
    bank = method.synthesize(given.graph.index.ids)
    method.save(tmp_path)
    other = toy_graph().subgraph([one for one in CLASSES if one != "saw"])
    with pytest.raises(CorruptFileError, match=r"no whole kernel regression.*'saw'.*train it again"):
        KernelRegression.load(tmp_path, other, toy_semantics().select(other.index.ids), bank)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"widths": [0.3, 0.0]}, RecipeError, "widths is a list of values greater than 0"),
        ({"decays": [1.5]}, RecipeError, "decays is a list of values above 0 and at most 1"),
        ({"shares": [-0.1]}, RecipeError, "shares is a list of values from 0 to 1"),
        ({"ridges": []}, RecipeError, "ridges is a list of values greater than 0"),
        ({"folds": 1}, RecipeError, "folds is a whole number of at least 2, found 1"),
        ({"repeats": 0}, RecipeError, "repeats is a whole number of at least 1, found 0"),
        ({"criterion": "cosin"}, UnknownVariantError, "Did you mean 'cosine'"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        KernelRegression(**options)


def test_before_a_fit_there_is_no_variance() -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        KernelRegression().variance(SEEN)


def test_related_classes_are_left_out_together() -> None:
    graph, seen = toy_graph(), tuple(sorted(SEEN))
    below = {one: {c for c in seen if one in graph.ancestors((c,)) | {c}} for one in graph.index}
    for most in (1, 2, 3, len(seen)):
        groups = related_groups(graph, seen, most)
        assert sorted(position for group in groups for position in group) == list(range(len(seen)))
        for group in groups:
            together = {seen[position] for position in group}
            holders = [one for one, classes in below.items() if together <= classes and len(classes) <= most]
            assert holders, "a group stands below one ancestor that has no more seen classes than allowed"
    assert related_groups(graph, seen, 1) == [[position] for position in range(len(seen))]
    assert len(related_groups(graph, seen, len(seen))) == 1
    groups = related_groups(graph, CLASSES, 3)
    repetitions = KernelRegression(most_related=3, folds=2, repeats=3)._cut(graph, CLASSES)
    assert len(repetitions) == 3 and len(groups) < len(CLASSES)
    for first, second in repetitions:
        assert sorted([*first.tolist(), *second.tolist()]) == list(range(len(CLASSES)))
        assert all(set(group) <= set(first.tolist()) or set(group) <= set(second.tolist()) for group in groups)
    with pytest.raises(RecipeError, match="most_related"):
        KernelRegression(most_related=0)


def test_texts_count_alike_however_many_there_are() -> None:
    given = toy_supervision()
    vectors = given.semantics.vectors
    turned = vectors.roll(1, dims=0)
    seen = given.graph.index.rows(SEEN)
    both = SemanticEmbedding(given.semantics.index, torch.cat([vectors, turned], dim=1), "toy", "first | second")
    one, other = (SemanticKernel(replace(given.semantics, vectors=v), seen, 0.3) for v in (vectors, turned))
    rows = np.arange(given.graph.num_classes)
    mean = (one.to_seen(rows) + other.to_seen(rows)) / 2
    torch.testing.assert_close(SemanticKernel(both, seen, 0.3).to_seen(rows), mean)
    extension = extension_with_parents(given.graph, "tricorder", ("tool",), ClassText("tricorder"))
    single = SemanticEmbedding(ClassIndex(("tricorder",)), torch.tensor([[0.0, 0.0, 1.0, 0.5]]), "toy")
    with pytest.raises(SemanticsError, match="needs 2 texts side by side"):
        SemanticKernel(both, seen, 0.3).new_to_seen([extension], single)
