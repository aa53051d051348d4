"""``kgzsl predict``: tables for people, JSON for programs, one clear line where there is no answer."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import torch

from kgzsl.calibrations import calibrate
from kgzsl.cli import main
from kgzsl.cli.predict import _careful_lines
from kgzsl.features import FeatureSet
from kgzsl.graph import load_graph
from kgzsl.hidden_classes import CalibrationData
from kgzsl.prediction import ImagePrediction, Prediction
from kgzsl.recipe import Recipe
from kgzsl.run_folder import RunFolder
from kgzsl.toy import toy_features, toy_seen_features

VISION = Path(__file__).parents[1] / "vision" / "conftest.py"


@pytest.fixture
def predict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["kgzsl", "predict", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        shown = capsys.readouterr()
        return int(stop.value.code or 0), shown.out, shown.err

    return run


@pytest.fixture(scope="module")
def toy_images(toy_run: Path) -> Path:
    return toy_run.parent / "features.safetensors"


def test_many_rows_are_said_to_be_all(
    predict, toy_run: Path, toy_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--run", toy_run, "--features", toy_images, "--classes", "okapi", "zebra")
    monkeypatch.setattr("kgzsl.cli.predict.MANY", 5)
    told = f"note: all 6 rows of {toy_images}; --rows 0:10 shows the first ten\n"
    assert predict(*asked)[2] == told
    assert [predict(*asked, *others)[2] for others in (("--json",), ("--rows", ":6"))] == ["", ""]
    monkeypatch.setattr("kgzsl.cli.predict.MANY", 6)
    assert predict(*asked)[2] == ""


def test_a_table_a_picture(predict, toy_run: Path, toy_images: Path) -> None:
    code, shown, errors = predict(
        "--run", toy_run, "--features", toy_images, "--rows", "0:2", "--classes", "okapi", "zebra"
    )
    assert (code, errors) == (0, "")
    lines = shown.splitlines()
    assert lines[0].rstrip() == "row 0 (true class okapi)"
    assert lines[1].split() == ["rank", "score", "class", "name", "why"]
    cells = {line.split()[2]: line for line in lines[2:4]}
    assert "unseen" in cells["okapi"] and cells["okapi"].rstrip().endswith("okapi > hoofed < horse")
    assert " seen " in cells["zebra"] and cells["zebra"].rstrip().endswith("zebra")
    assert sum("true class" in line for line in lines) == 2


def test_json_is_one_array_and_nothing_else(predict, toy_run: Path, toy_images: Path) -> None:
    code, shown, _ = predict("--run", toy_run, "--features", toy_images, "--split", "unseen", "--top", 1, "--json")
    found = json.loads(shown)
    assert code == 0 and len(found) == 6
    assert [one["true_class"] for one in found] == ["okapi"] * 3 + ["owl"] * 2 + ["zebra"]
    assert all(len(one["predictions"]) == 1 for one in found)
    best = found[0]["predictions"][0]
    assert (best["class_id"], best["rank"], best["is_seen"], best["semantics"]) == ("okapi", 1, False, "trained")
    assert [step["direction"] for step in best["path"]] == ["start", "up", "down"]


def test_without_candidates_all_classes_compete(predict, toy_run: Path, toy_images: Path) -> None:
    _, shown, _ = predict("--features", toy_images, "--run", toy_run, "-k", 50, "--rows", ":1", "--json")
    (found,) = json.loads(shown)
    assert {one["class_id"] for one in found["predictions"]} == {
        "okapi",
        "owl",
        "horse",
        "zebra",
        "eagle",
        "hammer",
        "saw",
    }


def test_files_of_names_beside_names(predict, toy_run: Path, toy_images: Path, tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("# two\nokapi\n\nowl\n")
    arguments = ("--run", toy_run, "--features", toy_images, "--rows", "5:", "--json", "--classes")
    _, shown, _ = predict(*arguments, tmp_path / "few.txt", "zebra")
    (found,) = json.loads(shown)
    assert sorted(one["class_id"] for one in found["predictions"]) == ["okapi", "owl", "zebra"]
    (tmp_path / "few.txt").write_text("okapi\nokapy\n")
    code, _, errors = predict(*arguments, tmp_path / "few.txt")
    assert code == 2 and "Line 2: No class is called 'okapy'" in errors


def test_the_run_trained_last(predict, toy_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGZSL_HOME", str(tmp_path / "home"))
    images = tmp_path / "features.safetensors"
    code, _, errors = predict("--features", images, "--classes", "okapi")
    assert code == 2 and "There is no trained run yet; make one with kgzsl train" in errors
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["kgzsl", "train", "recipe.toml", "--out", "mine", "--set", "method.epochs=10"])
    with pytest.raises(SystemExit):
        main()
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    assert predict("--features", images, "--classes", "okapi")[0] == 0
    shutil.rmtree(tmp_path / "mine")
    code, _, errors = predict("--features", images, "--classes", "okapi")
    assert code == 2 and "mine, is gone; name one with --run" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classes", "okapi"], "Name pictures, or a feature file with --features"),
        (["photo.jpg", "--features", "{images}"], "one of the two"),
        (["--features", "{images}", "--classes", "okapi", "--split", "all"], "Name candidates with --classes"),
        (["--features", "{images}", "--split", "held-out"], "No split is called 'held-out'"),
        (["--features", "{images}", "--classes", "tricorder"], "No class is called 'tricorder': not in graph 'toy'"),
        (["--features", "{images}", "--classes", "okapi", "--rows", "first"], "--rows takes FROM:TO, such as 0:10"),
        (["--features", "{images}", "--classes", "okapi", "--rows", "3"], "found '3'"),
        (["--features", "{images}", "--classes", "okapi", "--rows", "6:9"], "holds none of the 6 rows of"),
        (["--features", "missing.safetensors", "--classes", "okapi"], "missing.safetensors: no such file"),
    ],
)
def test_bad_input_is_one_line(predict, toy_run: Path, toy_images: Path, arguments: list[str], message: str) -> None:
    words = [word.format(images=toy_images) for word in arguments]
    code, shown, errors = predict("--run", toy_run, *words)
    assert (code, shown) == (2, "") and errors.count("\n") == 1, errors
    assert message in errors


def test_features_or_a_run_that_do_not_fit(predict, toy_run: Path, toy_images: Path, tmp_path: Path) -> None:
    given = toy_features()
    other = tmp_path / "other.safetensors"
    FeatureSet(given.features, given.labels, given.index, "other").save(other)
    code, _, errors = predict("--run", toy_run, "--features", other, "--classes", "okapi")
    assert code == 2 and "come from backbone 'other', the bank scores those of 'toy'" in errors
    code, _, errors = predict("--run", tmp_path, "--features", toy_images, "--classes", "okapi")
    assert code == 2 and "is no run folder" in errors
    shutil.copytree(toy_run, tmp_path / "run")
    bank = tmp_path / "run" / "bank.safetensors"
    bank.write_bytes(bank.read_bytes()[:-5])
    code, _, errors = predict("--run", tmp_path / "run", "--features", toy_images, "--classes", "okapi")
    assert code == 2 and "bank.safetensors is not a whole safetensors file" in errors


HEAVY = ("torch_geometric", "transformers", "sentence_transformers", "nltk", "networkx", "scipy", "gensim", "PIL")


def test_features_need_no_heavy_package(toy_run: Path, toy_images: Path) -> None:
    words = ["kgzsl", "predict", "--run", str(toy_run), "--features", str(toy_images), "--classes", "okapi"]
    program = (
        "import sys; from kgzsl.cli import make_app\n"
        f"make_app()({words[1:]!r}, standalone_mode=False)\n"
        f"print('loaded', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_another_text_encoder_is_refused(predict, toy_run: Path, toy_images: Path, tiny_encoder: Path) -> None:
    code, _, errors = predict("--run", toy_run, "--features", toy_images, "--encoder", tiny_encoder)
    assert code == 2 and "cannot join those of 'toy'; use the encoder that made the stored ones" in errors


def test_synsets_that_the_run_lacks(predict, wordnet_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgzsl.classifier.load_graph", cache(load_graph))  # all nouns take a second each time
    arguments = ("--run", wordnet_run, "--features", wordnet_run.parent / "features.safetensors", "--rows", "0:1")
    code, shown, _ = predict(*arguments, "--classes", "okapi", "zebra")
    assert code == 0 and "unseen, new" in shown
    assert "okapi > giraffe > ruminant > even-toed ungulate < hippopotamus" in shown
    code, _, errors = predict(*arguments, "--classes", "crane")
    assert code == 2 and errors.count("\n") == 1 and "'crane' could mean 3 classes: n02012849 crane.n.05" in errors
    code, _, errors = predict(*arguments, "--classes", "okapi", "teacher.n.01")
    assert code == 2 and "is a class of persons" in errors
    code, shown, _ = predict(*arguments, "--classes", "teacher.n.01", "--include-person", "--json")
    assert code == 0 and json.loads(shown)[0]["predictions"][0]["name"] == "teacher"


@pytest.fixture(scope="module")
def vision() -> ModuleType:
    pytest.importorskip("transformers", reason='needs pip install "kgzsl[vision]"')
    pytest.importorskip("PIL", reason='needs pip install "kgzsl[vision]"')
    spec = importlib.util.spec_from_file_location("vision_files", VISION)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pictures(
    predict, vision: ModuleType, small_world: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kgzsl.vision import load_backbone

    folder = vision.save_classifier(tmp_path / "tiny", ["zebra", "hippopotamus"])
    backbone = load_backbone(folder)
    Recipe.load(small_world.write_small(tmp_path, backbone.id, 16)).train(tmp_path / "run")
    good = vision.save_pictures(tmp_path / "[red]pictures", 2)
    bad = tmp_path / "bad.png"
    bad.write_bytes(good[0].read_bytes()[:-40])
    capsys.readouterr()  # transformers shows how it saves
    asked = (good[0], bad, good[1], "--run", tmp_path / "run", "--classes", "zebra", "saw.n.02")
    code, shown, errors = predict(*asked, "--backbone", folder)
    assert code == 0 and "[red]pictures" in shown and "bad.png" not in shown
    assert errors.count("\n") == 1 and errors.startswith(f"skipped: {bad} could not be decoded: ")
    _, shown, _ = predict(*asked, "--backbone", folder, "--json")
    found = json.loads(shown)
    assert [one["image"] for one in found] == [str(path) for path in good]
    scores = torch.tensor([sorted(p["score"] for p in one["predictions"]) for one in found])
    assert scores.isfinite().all() and not torch.equal(scores[0], scores[1])
    code, shown, errors = predict(bad, *asked[3:], "--backbone", folder)
    assert (code, shown) == (2, "") and "None of the pictures could be read." in errors and errors.count("\n") == 1
    other = vision.save_classifier(tmp_path / "other", ["zebra", "hippopotamus", "saw"])
    code, _, errors = predict(*asked, "--backbone", other)
    assert code == 2 and f"trained on backbone '{backbone.id}'" in errors


def test_what_is_no_list_of_names_is_said(predict, toy_run: Path, toy_images: Path, tmp_path: Path) -> None:
    asked = ("--run", toy_run, "--features", toy_images, "--classes")
    code, _, errors = predict(*asked, "missing.txt")
    assert code == 2 and "'missing.txt' is no file that is here" in errors
    code, _, errors = predict(*asked, tmp_path)
    assert code == 2 and "is a folder; give class names, or files" in errors


def test_rows_go_with_features_only(predict, toy_run: Path) -> None:
    code, _, errors = predict("photo.jpg", "--run", toy_run, "--rows", "0:1", "--classes", "okapi")
    assert code == 2 and "--rows chooses rows of a feature file" in errors


def test_a_folder_is_no_feature_file(predict, toy_run: Path) -> None:
    code, _, errors = predict("--run", toy_run, "--features", toy_run, "--classes", "okapi")
    assert code == 2 and "it is a folder" in errors


@pytest.fixture(scope="module")
def calibrated(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy run, its seen classes played by their own classifiers."""
    run = RunFolder(Path(shutil.copytree(toy_run, tmp_path_factory.mktemp("calibrated") / "run")))
    data = CalibrationData(run, run.scorer.select(run.split.seen), toy_seen_features())
    calibrate(data, ["probabilities", "rejection", "back_off"])
    return run.path


def test_careful_answers(predict, calibrated: Path, toy_images: Path) -> None:
    asked = ("--run", calibrated, "--features", toy_images, "--classes", "okapi", "horse", "zebra", "saw", "--top", 2)
    code, shown, _ = predict(*asked, "--back-off", 0.99, "--refuse", 0.9)
    assert code == 0 and shown.splitlines()[0].startswith("row 0")
    assert "%  class" in shown and "unknown: it seems to be none of the candidates" in shown
    assert "some kind of hoofed (" in shown or "which every candidate is" in shown
    _, shown, _ = predict(*asked, "--back-off", 0.99, "--refuse", 0.9, "--json")
    for one in json.loads(shown):
        assert one["is_unknown"] in (True, False) and one["back_off"]["probability"] >= 0.99 - 1e-9
        assert 0 <= one["predictions"][0]["probability"] <= 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--refuse", "1"], "A false-alarm rate is a share from 0 to below 1, such as 0.05, found 1.0."),
        (["--back-off", "0"], "A level of confidence is above 0 and at most 1, such as 0.8, found 0.0."),
        (["--refuse", "0.05"], "was not calibrated for rejection yet; run kgzsl calibrate"),
        (["--back-off", "0.8"], "was not calibrated for probabilities yet; run kgzsl calibrate"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    predict, toy_run: Path, toy_images: Path, asked: list[str], message: str
) -> None:
    code, shown, errors = predict("--run", toy_run, "--features", toy_images, *asked)
    assert (code, shown) == (2, "") and errors.count("\n") == 1 and message in errors


def test_the_words_of_a_careful_answer() -> None:
    def lines(probability: float, information: float, is_unknown: bool) -> list[str]:
        best = Prediction("giraffe", "giraffe", 2.0, 1, False, "trained", (), 0.6)
        answer = replace(best, probability=probability, information=information)
        return _careful_lines(ImagePrediction("photo.jpg", None, (best,), is_unknown, answer))

    assert lines(0.6, 2.0, False) == ["giraffe (60 %)"]
    assert lines(0.83, 1.0, False) == ["some kind of giraffe (83 %)"]  # a candidate below it is counted, too
    assert lines(1.0, 0.0, False) == ["nothing more certain than giraffe, which every candidate is"]
    unknown = "unknown: it seems to be none of the candidates"
    assert lines(0.83, 1.0, True) == [unknown, "if it is one of them: some kind of giraffe (83 %)"]
