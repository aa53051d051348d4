"""POST /api/predict: the classifier's own answer, and every wrong request a 4xx that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.toy import toy_features
from kgzsl.vision import Backbone

Make = Callable[..., TestClient]
Picture = Callable[..., bytes]


def test_pictures_get_the_answer_of_the_classifier(
    client: Make, run: Path, tmp_path: Path, picture: Picture, toy_backbone: Backbone
) -> None:
    (tmp_path / "red.png").write_bytes(picture())
    (tmp_path / "blue.jpg").write_bytes(picture((10, 10, 250), kind="JPEG"))
    files = [("pictures", (name, (tmp_path / name).read_bytes())) for name in ("red.png", "blue.jpg")]
    found = client().post("/api/predict", files=files, data={"classes": ["okapi", "owl", "horse"], "top_k": "2"})
    assert found.status_code == 200, found.text
    classifier = ZeroShotClassifier.load(run, backbone=toy_backbone)
    paths = [tmp_path / "red.png", tmp_path / "blue.jpg"]
    expected = [one.to_json() for one in classifier.predict(paths, ["okapi", "owl", "horse"], top=2)]
    for one, same, name in zip(found.json()["results"], expected, ("red.png", "blue.jpg"), strict=True):
        assert one == {**same, "image": name}


def test_features_and_samples(client: Make, run: Path) -> None:
    images = toy_features()
    asked = client(backbone=False)
    expected = [one.to_json() for one in ZeroShotClassifier.load(run).predict(images, top=3)]
    found = asked.post("/api/predict", json={"features": images.features.float().tolist(), "top_k": 3})
    assert [one["predictions"] for one in found.json()["results"]] == [one["predictions"] for one in expected]
    names = asked.get("/api/samples").json()["samples"]
    assert len(names) == len(set(names)) == len(images) and names[0].endswith(" 1")
    found = asked.post("/api/predict", json={"samples": names, "top_k": 3})
    assert [one["predictions"] for one in found.json()["results"]] == [one["predictions"] for one in expected]
    assert [one["image"] for one in found.json()["results"]] == names


PNG = "picture"  # words that stand for the bytes of one
WRONG: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "a class that is unknown": ({"json": {"samples": ["*"], "classes": ["okapy"]}}, 422, "unknown_class", "okapi"),
    "a sample that is unknown": ({"json": {"samples": ["x"]}}, 422, "unknown_class", "GET /api/samples lists"),
    "nothing": ({"json": {}}, 422, "bad_request", "at least one picture"),
    "two kinds": ({"json": {"samples": ["*"], "features": [[1]]}}, 422, "bad_request", "one of the two"),
    "a strange key": ({"json": {"sample": ["*"]}}, 422, "bad_request", "sample: Extra inputs"),
    "no JSON": ({"content": b"{", "headers": {"content-type": "application/json"}}, 422, "bad_request", "Invalid JSON"),
    "another media type": ({"content": b"x", "headers": {"content-type": "a/b"}}, 415, "wrong_media_type", "'a/b'"),
    "no media type": ({"content": b"x"}, 415, "wrong_media_type", "multipart/form-data"),
    "features too short": ({"json": {"features": [[1.0]]}}, 422, "backbone_mismatch", "3-d"),
    "features of two lengths": ({"json": {"features": [[1.0], [1, 2]]}}, 422, "bad_input", "different lengths"),
    "features out of range": ({"json": {"features": [[1e39, 0, 0]]}}, 422, "bad_input", "finite"),
    "top_k below 1": ({"json": {"samples": ["*"], "top_k": 0}}, 422, "bad_request", "top_k"),
    "too many answers": ({"json": {"samples": ["*"], "top_k": 101}}, 413, "too_much", "100 is the limit"),
    "too many classes": ({"json": {"samples": ["*"], "classes": ["a"] * 11}}, 413, "too_much", "10 is the limit"),
    "an empty class": ({"json": {"samples": ["*"], "classes": [" "]}}, 422, "bad_request", "empty"),
    "too many pictures": ({"json": {"features": [[1, 2, 3]] * 5}}, 413, "too_much", "4 is the limit"),
    "too many files": ({"files": [("pictures", ("a.png", PNG))] * 5}, 413, "too_much", "Too many files"),
    "text for a picture": ({"data": {"pictures": "x"}, "files": {"x": b"y"}}, 422, "bad_request", "no field 'x'"),
    "a field in place of a file": ({"files": {"pictures": (None, "x")}}, 422, "bad_request", "as a file"),
    "no picture": ({"files": {"pictures": ("a.png", b"hello")}}, 422, "bad_input", "a.png is no picture of"),
    "a cut picture": ({"files": {"pictures": ("cut.jpg", "cut")}}, 422, "bad_input", "cut.jpg could not be decoded"),
    "a large picture": ({"files": {"pictures": ("a.png", "large")}}, 422, "bad_input", "10000 in all"),
    "a wrong number": ({"files": {"pictures": PNG}, "data": {"top_k": "many"}}, 422, "bad_request", "'many'"),
    "a wrong flag": ({"files": {"pictures": PNG}, "data": {"include_person": "?"}}, 422, "bad_request", "true"),
    "too many bytes": ({"content": b"x" * 60_000}, 413, "too_long", "50,000 bytes"),
    "too many bytes, unannounced": (
        {"content": iter([b"x" * 30_000] * 2), "headers": {"content-type": "application/json"}}, 413, "too_long", "50,0"
    ),
}  # fmt: skip


def with_bytes(files: Any, picture: Picture) -> list[tuple[str, Any]]:
    """Put the bytes of pictures in the place of the words that stand for them."""
    made = {PNG: picture(), "cut": picture(size=(64, 64), kind="JPEG")[:300], "large": picture(size=(200, 200))}

    def content(file: Any) -> Any:
        return (file[0], made.get(file[1], file[1])) if isinstance(file, tuple) else made.get(file, file)

    pairs = files.items() if isinstance(files, dict) else files
    return [(name, content(file)) for name, file in pairs]


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_is_told(client: Make, case: str, picture: Picture) -> None:
    request, status, code, words = WRONG[case]
    request = {**request, **({"files": with_bytes(request["files"], picture)} if "files" in request else {})}
    asked = client(pictures=4, pixels=10_000, classes=10, body_bytes=50_000)
    if request.get("json", {}).get("samples") == ["*"]:
        request = {"json": {**request["json"], "samples": asked.get("/api/samples").json()["samples"][:1]}}
    found = asked.post("/api/predict", **request)
    assert (found.status_code, found.json()["error"]["code"]) == (status, code), found.text
    assert words in found.json()["error"]["message"]


def test_without_a_backbone_pictures_are_refused_with_the_reason(client: Make, picture: Picture) -> None:
    found = client(backbone=False).post("/api/predict", files={"pictures": picture()})
    assert found.status_code == 409 and "ask about a sample. Backbone 'toy' is not" in found.text
