"""Searching, adding, explaining and removing classes over HTTP; what is added is there after a restart."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import AmbiguousClassError, StorageError
from kgzsl.explain import explain
from kgzsl.serve.service import Service
from kgzsl.toy import toy_features
from kgzsl.vision import Backbone

Make = Callable[..., TestClient]
MULE = {"name": "mule", "parents": ["hoofed"], "description": "offspring of a donkey and a horse"}


def test_names_are_found_by_their_beginning(client: Make) -> None:
    asked = client()
    found = asked.get("/api/classes", params={"query": "h"}).json()["classes"]
    assert {one["class_id"] for one in found} == {"hammer", "hoofed", "horse"}
    assert {one["class_id"]: one["is_seen"] for one in found} == {"hammer": True, "hoofed": False, "horse": True}
    assert asked.get("/api/classes", params={"query": "h", "limit": 1}).json()["classes"] == found[:1]
    assert asked.get("/api/classes", params={"query": "xyz"}).json() == {"classes": []}
    for wrong in ({}, {"query": ""}, {"query": "h", "limit": 0}, {"query": "h" * 300}):
        assert asked.get("/api/classes", params=wrong).status_code == 422


def test_a_search_waits_for_no_other_request(client: Make, run: Path) -> None:
    asked = client()
    service: Service = asked.app.state.service  # type: ignore[attr-defined]
    with ThreadPoolExecutor(1) as pool:
        with service.exclusive():
            found = pool.submit(asked.get, "/api/classes", params={"query": "ok"}).result(timeout=30)
        assert [one["class_id"] for one in found.json()["classes"]] == ["okapi"]


def test_a_class_tells_its_place(client: Make) -> None:
    found = client().get("/api/classes/owl").json()
    assert found["class_id"] == "owl" and found["steps"][0] == {"class_id": "owl", "name": "owl", "direction": "start"}
    links = {(one["child"], one["parent"]) for one in found["neighbourhood"]["links"]}
    assert {("owl", "bird"), ("owl", "tool")} <= links
    missing = client().get("/api/classes/owll")
    assert missing.status_code == 422 and "Did you mean 'owl'" in missing.json()["error"]["message"]


def test_an_added_class_competes_is_found_and_is_kept(client: Make, run: Path, given_encoder: None) -> None:
    asked = client()
    answer = asked.post("/api/classes", json=MULE)
    assert answer.status_code == 201, answer.text
    assert asked.get("/api/run").json()["added"] == [{"class_id": "mule", "name": "mule"}]
    assert answer.json()["placed_by"] == "parents" and answer.json()["parents"][0]["class_id"] == "hoofed"
    rows = toy_features().features.float().tolist()
    ranked = asked.post("/api/predict", json={"features": rows, "classes": ["mule", "saw"]}).json()["results"]
    assert asked.get("/api/classes", params={"query": "mu"}).json()["classes"][0]["class_id"] == "mule"
    kinds = {one["class_id"]: one["kind"] for one in asked.get("/api/classes/mule").json()["neighbourhood"]["nodes"]}
    assert kinds["mule"] == "added" and kinds["horse"] == "seen"
    again = ZeroShotClassifier.load(run).predict(toy_features(), ["mule", "saw"])
    assert [one.to_json()["predictions"] for one in again] == [one["predictions"] for one in ranked]
    assert asked.delete("/api/classes/mule").json() == {"class_id": "mule"}
    assert asked.post("/api/predict", json={"features": rows, "classes": ["mule"]}).status_code == 422
    assert client().post("/api/predict", json={"features": rows, "classes": ["mule"]}).status_code == 422


def test_a_change_by_another_program_is_followed(
    client: Make, run: Path, given_encoder: None, picture: Callable[..., bytes]
) -> None:
    asked = client()
    other = ZeroShotClassifier.load(run)
    other.add_class("zorse", parents=["hoofed"])
    other.save()
    assert asked.post("/api/classes", json=MULE).status_code == 201
    assert [one["class_id"] for one in asked.get("/api/run").json()["added"]] == ["zorse", "mule"]
    assert ZeroShotClassifier.load(run).added.added_ids == ("zorse", "mule")
    assert asked.delete("/api/classes/zorse").status_code == 200
    form = {"files": {"pictures": picture()}, "data": {"classes": ["mule", "owl"]}}
    assert asked.post("/api/predict", **form).status_code == 200  # the backbone is still there


WRONG = {
    "a name that is there": ({"name": "okapi", "parents": ["hoofed"]}, "okapi"),
    "an unknown parent": ({**MULE, "parents": ["hooved"]}, "hooved"),
    "no name": ({**MULE, "name": ""}, "name"),
    "a strange key": ({**MULE, "parent": "x"}, "parent: Extra inputs"),
    "a number": ({**MULE, "name": 7}, "name: Input should be a valid string"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_added_changes_nothing(client: Make, run: Path, case: str, given_encoder: None) -> None:
    asked, words = WRONG[case]
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    found = client().post("/api/classes", json=asked)
    assert found.status_code == 422 and words in found.json()["error"]["message"]
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_an_ambiguous_parent_gets_its_candidates(
    client: Make, monkeypatch: pytest.MonkeyPatch, given_encoder: None
) -> None:
    def several(self: ZeroShotClassifier, names: list[str], **options: bool) -> tuple[str, ...]:
        raise AmbiguousClassError(f"{names[0]!r} could mean several classes.")

    asked = client()
    with monkeypatch.context() as changed:
        changed.setattr(ZeroShotClassifier, "resolve", several)
        error = asked.post("/api/classes", json=MULE).json()["error"]
    assert (error["code"], error["name"]) == ("ambiguous_class", "hoofed")
    assert [one["class_id"] for one in error["candidates"]] == ["hoofed"]
    assert asked.get("/api/run").json()["added"] == []


def test_what_cannot_be_kept_is_not_there(client: Make, monkeypatch: pytest.MonkeyPatch, given_encoder: None) -> None:
    asked = client()

    def full(self: ZeroShotClassifier) -> None:
        raise StorageError("No space left on device; free some.")

    monkeypatch.setattr(ZeroShotClassifier, "save", full)
    found = asked.post("/api/classes", json=MULE)
    assert (found.status_code, found.json()["error"]["code"]) == (507, "not_saved")
    assert asked.get("/api/classes/mule").status_code == 422


def test_only_added_classes_can_be_taken_out(client: Make) -> None:
    found = client().delete("/api/classes/okapi")
    assert found.status_code == 422 and "was not added" in found.json()["error"]["message"]


def test_an_explanation_is_the_library_s_own(
    client: Make, run: Path, tmp_path: Path, picture: Callable[..., bytes], toy_backbone: Backbone
) -> None:
    asked = client()
    body = {"features": toy_features().features[:1].float().tolist(), "classes": ["okapi", "owl"], "target": "okapi"}
    found = asked.post("/api/explain", json=body).json()
    classifier = ZeroShotClassifier.load(run)
    expected = explain(
        classifier, "okapi", image=toy_features().rows(torch.tensor([0])), classes=["okapi", "owl"]
    ).to_json()
    assert [one["class_id"] for one in found["contributions"]] == [one["class_id"] for one in expected["contributions"]]
    np.testing.assert_allclose(
        [one["amount"] for one in found["contributions"]],
        [one["amount"] for one in expected["contributions"]],
        rtol=1e-5,
    )
    assert {node["class_id"] for node in found["neighbourhood"]["nodes"]} >= {"okapi", "hoofed"}
    text = classifier.text("okapi")
    assert (found["unique_name"], found["definition"]) == (text.name, text.definition)
    (tmp_path / "red.png").write_bytes(picture())
    form = {"files": {"pictures": ("red.png", picture())}, "data": {"target": "owl"}}
    score = asked.post("/api/explain", **form).json()["score"]
    with_pictures = ZeroShotClassifier.load(run, backbone=toy_backbone)
    (ranked,) = with_pictures.predict([tmp_path / "red.png"], ["owl"])
    assert score == pytest.approx(ranked.predictions[0].score)


def test_an_explanation_needs_one_picture_and_a_class(client: Make) -> None:
    asked, rows = client(), toy_features().features.float().tolist()
    for body, words in (
        ({"features": rows[:1]}, "'target'"),
        ({"features": rows[:2], "target": "owl"}, "One picture is explained at a time"),
        ({"features": rows[:1], "target": "owll"}, "Did you mean 'owl'"),
    ):
        found = asked.post("/api/explain", json=body)
        assert found.status_code == 422 and words in found.json()["error"]["message"]
    found = asked.post("/api/predict", json={"features": rows[:1], "target": "owl"})
    assert "target: Extra inputs" in found.json()["error"]["message"]
