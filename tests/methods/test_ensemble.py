"""An ensemble sums what its members say, makes directions count alike, and scores the mean picture with zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import CorruptFileError, NotFittedError, RecipeError, SemanticsError, UnknownVariantError
from kgzsl.graph.extension import extension_with_parents
from kgzsl.methods import METHODS, Ensemble
from kgzsl.methods.context import FitContext
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.supervision import Supervision
from kgzsl.toy import CLASSES, SEEN, toy_supervision

KERNEL = {"name": "kernel_regression", "widths": [0.3], "decays": [0.85], "shares": [0.6], "ridges": [0.15]}
NEAREST = {"name": "nearest_seen", "weight": 0.5}


def matrix(bank: ClassifierBank) -> np.ndarray:
    return torch.cat([bank.weights, bank.biases[:, None]], dim=1).double().numpy()


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def plain_rows(given: Supervision, equalise: float, spread: float) -> np.ndarray:
    """The formula of the module, with the members fitted by themselves."""
    summed = 0.0
    for table in (KERNEL, NEAREST):
        keywords = {key: value for key, value in table.items() if key not in ("name", "weight")}
        method = METHODS[str(table["name"])](**keywords).fit(given)  # type: ignore[call-arg]
        mean = matrix(method.synthesize(SEEN)).mean(axis=0)  # type: ignore[arg-type]
        deviations = matrix(method.synthesize(CLASSES)) - mean  # type: ignore[arg-type]
        length = np.linalg.norm(deviations, axis=1, keepdims=True)
        summed = summed + float(table.get("weight", 1)) * deviations / np.where(length > 0, length, 1)  # type: ignore[arg-type]
    targets = unit(matrix(given.seen_bank))
    _, strengths, directions = np.linalg.svd(targets - targets.mean(axis=0), full_matrices=False)
    strengths = strengths / strengths.mean()
    kept = strengths > 1e-3
    scale = directions[kept].T @ np.diag(strengths[kept] ** -equalise - 1) @ directions[kept]
    rows = summed + summed @ scale
    if given.seen_features is None:
        return unit(rows)
    images = given.seen_features.features.double().numpy()
    weights = unit(rows[:, :-1])
    deviation = np.sqrt(np.einsum("cd,de,ce->c", weights, np.cov(images.T, bias=True), weights))
    weights = weights / deviation[:, None] ** spread
    return np.hstack([weights, -(weights @ images.mean(axis=0))[:, None]])


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize(("equalise", "spread"), [(0.0, 0.0), (0.5, 0.15), (1.0, 1.0)])
def test_rows_equal_the_plain_formula(images: bool, equalise: float, spread: float) -> None:
    given = toy_supervision(with_features=images)
    method = Ensemble(members=[KERNEL, NEAREST], equalise=equalise, spread=spread).fit(given)
    np.testing.assert_allclose(
        matrix(method.synthesize(CLASSES)), plain_rows(given, equalise, spread), rtol=2e-6, atol=2e-6
    )


def test_seen_images_centre_and_scale_the_scores() -> None:
    given = toy_supervision(with_features=True)
    assert given.seen_features is not None
    bank = Ensemble(members=[KERNEL], spread=1.0).fit(given).synthesize(CLASSES)
    scores = bank.score(given.seen_features)
    torch.testing.assert_close(scores.mean(dim=0), torch.zeros(len(CLASSES)), atol=1e-5, rtol=0)
    torch.testing.assert_close(scores.std(dim=0, correction=0), torch.ones(len(CLASSES)), atol=1e-5, rtol=0)
    assert bank.normalisation == "none"


def test_equalised_seen_classifiers_vary_alike() -> None:
    """With one member that gives the seen rows back, equalise = 1 makes their directions count alike."""
    given = toy_supervision()
    method = Ensemble(members=[{"name": "nearest_seen"}], equalise=1.0).fit(given)
    gains, directions = method._require().combination.gains, method._require().combination.directions
    targets = torch.from_numpy(unit(matrix(given.seen_bank))).float()
    along = (targets - targets.mean(dim=0)) @ directions.T * gains
    torch.testing.assert_close(along.square().sum(dim=0), along.square().sum(dim=0)[:1].expand(len(gains)))


def test_a_member_reads_its_parts_only() -> None:
    given = toy_supervision()
    vectors = given.semantics.vectors
    loud = torch.cat([vectors, 50 * torch.randn(vectors.shape, generator=torch.Generator().manual_seed(0))], dim=1)
    both = SemanticEmbedding(given.semantics.index, loud, "toy", "texts | noise")
    wide = Supervision(given.graph, both, given.seen_bank)
    reading = Ensemble(members=[{**KERNEL, "parts": ["texts"]}]).fit(wide).synthesize(CLASSES)
    alone = Ensemble(members=[KERNEL]).fit(given).synthesize(CLASSES)
    assert torch.equal(reading.weights, alone.weights)
    assert not torch.equal(Ensemble(members=[KERNEL]).fit(wide).synthesize(CLASSES).weights, alone.weights)
    with pytest.raises(SemanticsError, match=r"no part 'names'; their parts are 'texts', 'noise'"):
        Ensemble(members=[{**KERNEL, "parts": ["names"]}]).fit(wide)


def test_the_seed_reaches_members_that_have_none_of_their_own() -> None:
    network = {
        "name": "graph_regression",
        "network": "sgcn",
        "epochs": 5,
        "held_out": 0.0,
        "network_options": {"hidden": [4]},
    }

    def weights(seed: int, own: dict[str, int]) -> torch.Tensor:
        return Ensemble(members=[{**network, **own}], seed=seed).fit(toy_supervision()).synthesize(CLASSES).weights

    assert torch.equal(weights(1, {}), weights(0, {"seed": 1}))
    assert not torch.equal(weights(1, {}), weights(0, {}))


def test_new_classes_after_loading(tmp_path) -> None:
    given = toy_supervision(with_features=True)
    network = {"name": "graph_regression", "network": "dgp", "epochs": 5, "network_options": {"hidden": 4}}
    method = Ensemble(members=[KERNEL, network], spread=0.3).fit(given, FitContext(folder=tmp_path))
    method.save(tmp_path)
    assert sorted(path.name for path in (tmp_path / "members").iterdir()) == ["0", "1"]
    assert not list(tmp_path.rglob("checkpoint*"))
    again = Ensemble.load(tmp_path, given.graph, given.semantics, method.synthesize(given.graph.index.ids))
    own = extension_with_parents(given.graph, "tricorder", ("tool",), ClassText("tricorder"))
    vectors = SemanticEmbedding(ClassIndex(("tricorder",)), torch.tensor([[0.0, 0.0, 1.0, 0.5]]), "toy")
    expected, found = method.synthesize_new([own], vectors), again.synthesize_new([own], vectors)
    torch.testing.assert_close(found.weights, expected.weights, atol=1e-3, rtol=1e-2)  # hidden rows in half precision
    assert torch.equal(again.synthesize(SEEN).weights, method.synthesize(SEEN).weights)
    (tmp_path / "model.safetensors").write_bytes((tmp_path / "members" / "0" / "model.safetensors").read_bytes())
    with pytest.raises(CorruptFileError, match="train it again"):
        Ensemble.load(tmp_path, given.graph, given.semantics, method.synthesize(given.graph.index.ids))


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"members": []}, RecipeError, "at least one member"),
        ({"members": [{"weight": 2}]}, RecipeError, "a table with the name"),
        ({"members": [{**KERNEL, "weight": "heavy"}]}, RecipeError, "greater than 0"),
        ({"members": [{**KERNEL, "parts": "lemmas"}]}, RecipeError, "a list of text forms"),
        ({"members": [{"name": "kernel_regresion"}]}, UnknownVariantError, "kernel_regression"),
        ({"members": [{"name": "ensemble"}]}, RecipeError, "cannot be a member"),
        ({"members": [{**KERNEL, "weight": 0}]}, RecipeError, "greater than 0"),
        ({"members": [{"name": "kernel_regression", "witdhs": [1]}]}, RecipeError, "witdhs"),
        ({"equalise": 2}, RecipeError, "from 0 to 1"),
        ({"spread": -1}, RecipeError, "from 0 to 1"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_read(keywords, error, message) -> None:
    with pytest.raises(error, match=message):
        Ensemble(**keywords)


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_member_that_is_no_table_is_refused() -> None:
    with pytest.raises(RecipeError, match="is a table with the name of a method, found 'kernel_regression'"):
        Ensemble(members=["kernel_regression"])  # type: ignore[list-item]


def test_scorers_that_are_no_bank_are_refused() -> None:
    with pytest.raises(RecipeError, match="no linear classifiers"):
        Ensemble(members=[{"name": "conse"}]).fit(toy_supervision())


def test_before_a_fit_it_says_so() -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        Ensemble().synthesize(SEEN)


def test_a_misspelt_key_of_a_member_is_answered_with_all_that_it_takes() -> None:
    with pytest.raises(
        RecipeError, match=r"has no key 'weigth'; it takes name, weight, parts, and the options of 'near"
    ):
        Ensemble(members=[{"name": "nearest_seen", "weigth": 2}])
    with pytest.raises(RecipeError, match=r"Did you mean 'weight'\?"):
        Ensemble(members=[{"name": "nearest_seen", "weigth": 2}])
