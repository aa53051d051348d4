"""A question that is asked again has the same answer; a changed run is asked anew."""

from __future__ import annotations

import pytest
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.features import FeatureSet
from kgzsl.prepared_query import PreparedQuery
from kgzsl.scoring import Caution
from kgzsl.toy import toy_features


def images_of(count: int, dim: int) -> FeatureSet:
    features = torch.rand(count, dim, generator=torch.Generator().manual_seed(count))
    return FeatureSet(features, torch.full((count,), -1), ClassIndex(()), "toy")


@pytest.mark.parametrize("is_quick", [True, False])
def test_every_time_the_same_answer(monkeypatch: pytest.MonkeyPatch, is_quick: bool) -> None:
    monkeypatch.setattr("kgzsl.prepared_query.MANY_CLASSES", 50)
    monkeypatch.setattr("kgzsl.prepared_query.is_quick", lambda: is_quick)
    ids = tuple(f"c{row}" for row in range(200))
    weights = torch.randn(200, 40, generator=torch.Generator().manual_seed(0))
    bank = ClassifierBank(ClassIndex(ids), weights, torch.zeros(200), "toy")
    query = PreparedQuery(ids, bank, Caution())
    for count in (1, 3, 3, 20):
        images = images_of(count, 40)
        exact = images.features.double() @ weights.double().T
        for _ in range(3):
            blocks = list(query.ranked(images, 7))
            assert [row for rows, *_ in blocks for row in range(rows.start, rows.stop)] == list(range(count))
            columns = torch.cat([columns for _, _, columns, _ in blocks])
            assert torch.equal(columns, exact.topk(7).indices)
            values = torch.cat([values for _, values, _, _ in blocks])
            torch.testing.assert_close(values, exact.gather(1, columns).float())
            assert sum(len(judged) for *_, judged in blocks) == count


def test_the_last_question_is_kept_until_the_run_is_changed(toy_run) -> None:
    classifier, images = ZeroShotClassifier.load(toy_run), toy_features()
    first = classifier.predict(images)
    kept = classifier._last
    assert classifier.predict(images) == first and classifier._last is kept
    classifier.remove_class("okapi")
    assert "okapi" not in {best.class_id for one in classifier.predict(images, top=99) for best in one.predictions}
    classifier.undo()
    assert classifier.predict(images) == first
    assert len(classifier.predict(images, ["zebra", "okapi"])[0].predictions) == 2
