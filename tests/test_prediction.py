from __future__ import annotations

import json
import re
from dataclasses import replace

from kgzsl.prediction import ImagePrediction, PathStep, Prediction, Predictions

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


ZEBRA = Prediction("zebra", "zebra", 0.5, 2, True, "trained", PATH[:1])
PHOTO = ImagePrediction("photo.jpg", "okapi", (OKAPI, ZEBRA))


def widths(markup: str) -> list[str]:
    return re.findall(r"width:([\d.]+%);height", markup)


def test_a_picture_shows_its_classes_as_bars_with_the_reason() -> None:
    shown = PHOTO._repr_html_()
    assert "1. okapi" in shown and "2. zebra" in shown and "okapi &gt; giraffe family &lt; giraffe" in shown
    assert widths(shown) == ["100.0%", f"{100 * 0.5 / 1.5:.1f}%"]
    assert "true class: okapi, rank 1" in shown and "answer" not in shown and shown.count("font-weight:bold") == 1


def test_probabilities_are_the_lengths_of_bars_and_negative_scores_begin_at_the_lowest() -> None:
    sure = [replace(one, probability=share) for one, share in ((OKAPI, 0.75), (ZEBRA, 0.125))]
    shown = ImagePrediction("photo.jpg", None, tuple(sure))._repr_html_()
    assert widths(shown) == ["75.0%", "12.5%"] and "75.0 %" in shown and "12.5 %" in shown
    low = tuple(replace(OKAPI, score=score, rank=rank) for rank, score in enumerate((-1.0, -2.0, -3.0), 1))
    assert widths(ImagePrediction("photo.jpg", None, low)._repr_html_()) == ["100.0%", "50.0%", "0.0%"]
    assert widths(ImagePrediction("photo.jpg", None, (replace(OKAPI, score=0.0),))._repr_html_()) == ["0.0%"]


def test_answers_in_words() -> None:
    ungulate = Prediction("ungulate", "ungulate", 2.0, 1, False, "trained", PATH[:1], 0.83, 1.5)
    assert PHOTO.answer == "okapi" and replace(PHOTO, is_unknown=True).answer == "unknown"
    hedged = replace(PHOTO, is_unknown=False, back_off=ungulate)
    assert hedged.answer == "some kind of ungulate"
    assert "answer: some kind of ungulate (83.0 %)" in hedged._repr_html_()
    assert replace(PHOTO, back_off=OKAPI).answer == "okapi"
    assert ImagePrediction("photo.jpg", None, ()).answer == "nothing"
    assert [replace(PHOTO, true_class=true).is_right for true in ("okapi", "zebra", None)] == [True, False, None]
    elsewhere = replace(PHOTO, true_class="tapir")._repr_html_()
    assert "true class: tapir, not among these" in elsewhere


def test_many_pictures_are_a_table_with_how_many_are_right() -> None:
    wrong = replace(PHOTO, image="other.jpg", true_class="zebra")
    found = Predictions([PHOTO] * 20 + [wrong] * 5)
    shown = found._repr_html_()
    assert "25 pictures, 20 of 25 right" in shown and "and 5 more pictures" in shown
    assert shown.count("okapi 1.5") == 20 and "third" not in shown and "answer" not in shown
    assert found[20:] == [wrong] * 5 and isinstance(found[20:], Predictions) and found[-1] is wrong
    assert found == [PHOTO] * 20 + [wrong] * 5 and isinstance(found, list)
    assert repr(found).startswith("Predictions(25 pictures: photo.jpg: okapi;") and repr(found).endswith("22 more)")
    refused = Predictions([replace(PHOTO, is_unknown=True)] * 4)._repr_html_()
    assert "answer" in refused and refused.count(">unknown<") == 4
    assert "4 pictures, 4 refused<" in refused and replace(PHOTO, is_unknown=True).is_right is None
    assert repr(Predictions()) == "Predictions(0 pictures)" and "0 pictures" not in Predictions()._repr_html_()
