from __future__ import annotations

import json

from kgzsl.prediction import ImagePrediction, PathStep, Prediction

PATH = (
    PathStep("okapi", "okapi", "start"),
    PathStep("giraffids", "giraffe family", "up"),
    PathStep("giraffe", "giraffe", "down"),
)
OKAPI = Prediction("okapi", "okapi", 1.5, 1, False, "stored", PATH)


def test_the_path_in_one_line() -> None:
    assert OKAPI.path_text == "okapi > giraffe family < giraffe"
    assert Prediction("zebra", "zebra", 1.0, 2, True, "trained", PATH[:1]).path_text == "okapi"


def test_json_is_plain_and_whole() -> None:
    read = json.loads(json.dumps(ImagePrediction("photo.jpg", None, (OKAPI,)).to_json()))
    assert read["image"] == "photo.jpg" and read["true_class"] is None
    (best,) = read["predictions"]
    assert list(best) == ["class_id", "name", "score", "probability", "rank", "is_seen", "semantics", "path"]
    assert best["path"][2] == {"class_id": "giraffe", "name": "giraffe", "direction": "down"}
    assert (best["score"], best["rank"], best["is_seen"], best["semantics"]) == (1.5, 1, False, "stored")


def test_what_was_not_asked_is_none() -> None:
    plain = ImagePrediction("photo.jpg", None, (OKAPI,)).to_json()
    assert plain["is_unknown"] is None and plain["back_off"] is None and plain["predictions"][0]["probability"] is None


def test_a_refused_picture_that_is_backed_off() -> None:
    ungulate = Prediction("ungulate", "ungulate", 2.0, 1, False, "trained", PATH[:1], 0.83, 1.5)
    found = ImagePrediction("photo.jpg", None, (OKAPI,), is_unknown=True, back_off=ungulate).to_json()
    assert found["is_unknown"] is True
    assert found["back_off"]["probability"] == 0.83 and found["back_off"]["information"] == 1.5
    assert "information" not in found["predictions"][0]
