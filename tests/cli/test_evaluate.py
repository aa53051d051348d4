"""``kgzsl evaluate`` on a run folder made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex, ClassText
from kgzsl.cli import main, make_app
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.graph.storage import save_graph

IDS = ("thing", "animal", "dog", "cat", "okapi", "tool", "hammer")
PARENT = {"animal": "thing", "tool": "thing", "dog": "animal", "cat": "animal", "okapi": "animal", "hammer": "tool"}
SEEN = ("dog", "cat")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose bank knows its classes perfectly, but takes dogs for cats and cats for dogs."""
    folder = tmp_path / "run"
    index = ClassIndex(IDS)
    edges = np.array([(index.row(child), index.row(parent)) for child, parent in PARENT.items()])
    marks = {"person": frozenset({"hammer"})}
    graph = ClassGraph("small", index, tuple(map(ClassText, IDS)), edges, np.zeros(len(edges), dtype=np.int64), marks)
    save_graph(graph, folder / "graph", {"seen": SEEN, "unseen": ("okapi", "hammer")})
    eye = torch.eye(len(IDS))
    order = [0, 1, 3, 2, 4, 5, 6]
    ClassifierBank(index, eye[order], torch.zeros(len(IDS)), "toy", "joint").save(folder / "bank.safetensors")
    ClassifierBank(ClassIndex(SEEN), 0.5 * eye[2:4], torch.zeros(2), "toy").save(folder / "seen_bank.safetensors")
    (folder / "manifest.json").write_text('{"format": 1}')
    return folder


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    eye = torch.eye(len(IDS))
    both = FeatureSet(eye[[4, 6, 2, 3]], torch.arange(4), ClassIndex(("okapi", "hammer", "dog", "cat")), "toy")
    one = FeatureSet(eye[[4, 6]], torch.tensor([0, 0]), ClassIndex(("okapi",)), "toy")
    paths = [tmp_path / "both.safetensors", tmp_path / "one.safetensors"]
    for images, path in zip((both, one), paths):
        images.save(path)
    return [str(path) for path in paths]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(make_app(), ["evaluate", *map(str, arguments)], catch_exceptions=False)


def test_json_is_one_array_and_nothing_else(run: Path, files: list[str]) -> None:
    result = call(run, "--features", *files, "--candidates", "unseen", "--json")
    first, second = json.loads(result.stdout)
    assert (first["features"], second["features"]) == tuple(files)
    assert first["hits_micro"]["1"] == 100 and second["hits_micro"]["1"] == 50
    # hammer and okapi are tied for the baseline: dog and cat are the nearest seen classes of both
    assert first["nearest_seen"]["hits_micro"] == {"1": 0, "2": 100, "5": 100, "10": 100, "20": 100}
    assert "1 of the 2 are person classes, which kgzsl predict leaves out" in " ".join(result.stderr.split())


def test_options_before_the_run_and_repeated_work_too(run: Path, files: list[str]) -> None:
    result = call("--json", "--features", files[0], "--features", files[1], "--draws", 10, "--seed", 3, run)
    assert [part["candidates"] for part in json.loads(result.stdout)] == ["unrelated", "unrelated"]


@pytest.mark.parametrize(("rows", "seen_hits"), [("predicted", 0), ("head", 100)])
def test_seen_rows(run: Path, files: list[str], rows: str, seen_hits: float) -> None:
    result = call(run, "--features", files[0], "--candidates", "all", "--seen-rows", rows, "--json")
    (report,) = json.loads(result.stdout)
    assert report["num_candidates"] == 4
    assert report["seen"]["hits_micro"]["1"] == seen_hits
    assert report["unseen"]["hits_micro"]["1"] == 100


def test_the_head_is_scaled_like_the_bank(run: Path) -> None:
    from kgzsl.seen_rows import with_seen_rows

    bank = ClassifierBank.load(run / "bank.safetensors")
    joined = with_seen_rows(bank, ClassifierBank.load(run / "seen_bank.safetensors"))
    assert joined.index.ids == IDS
    assert torch.equal(joined.weights, torch.eye(len(IDS)))


def test_table_markdown_and_a_list_of_candidates(run: Path, files: list[str], tmp_path: Path) -> None:
    listed = tmp_path / "few.txt"
    listed.write_text("okapi\ncat\n")
    table = tmp_path / "table.md"
    result = call(run, "--features", files[0], "--candidates", listed, "--markdown", table)
    assert "both, candidates few (2): 2 images of 2 classes" in result.stdout
    assert "| both, seen images | few (2) | 1 | 1 |" in table.read_text()


def one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> str:
    monkeypatch.setattr("sys.argv", ["kgzsl", "evaluate", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    return shown.err


def test_bad_input_is_one_line_and_exit_code_2(
    run: Path, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(*arguments: object) -> str:
        return one_line(capsys, monkeypatch, *arguments)

    missing = tmp_path / "missing.safetensors"
    assert "no such file" in shown(run, "--features", missing)
    assert "is no run folder: it lacks manifest.json, bank.safetensors" in shown(tmp_path, "--features", files[0])
    assert "neither one of own, unrelated, generalised, unseen, all nor a file nor a class list" in shown(
        run, "--features", files[0], "--candidates", "some"
    )
    assert "--seen-rows is one of predicted, head, found 'both'" in shown(
        run, "--features", files[0], "--seen-rows", "both"
    )
    assert "No image of" in shown(run, "--features", files[0], files[1], "--candidates", _write(tmp_path, "thing"))
    other = FeatureSet(torch.eye(7), torch.zeros(7, dtype=torch.int64), ClassIndex(("okapi",)), "other")
    other.save(tmp_path / "other.safetensors")
    assert "come from backbone 'other'" in shown(run, "--features", tmp_path / "other.safetensors")
    whole = (run / "bank.safetensors").read_bytes()
    (run / "bank.safetensors").write_bytes(whole[:-20])
    assert "is not a whole safetensors file" in shown(run, "--features", files[0])


def _write(folder: Path, text: str) -> Path:
    path = folder / "listed.txt"
    path.write_text(text + "\n")
    return path


def test_classes_that_no_training_graph_had_are_added(wordnet_run: Path, tmp_path: Path) -> None:
    from kgzsl.run_folder import RunFolder

    run = RunFolder(wordnet_run)
    okapi = "n02439398"
    assert okapi not in run.graph.index
    unseen = next(class_id for class_id in run.split.unseen if class_id != okapi)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(4, run.bank.dim, generator=generator)
    images = FeatureSet(rows, torch.tensor([0, 0, 1, 1]), ClassIndex((okapi, unseen)), run.bank.backbone)
    images.save(tmp_path / "new.safetensors")
    result = call(wordnet_run, "--features", tmp_path / "new.safetensors", "--candidates", "own", "--json")
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)
    assert report["num_candidates"] == 2 and report["num_images"] == 4
    assert "1 classes were in no training graph and were added: n02439398" in result.stderr
    (tmp_path / "names.txt").write_text(f"okapi\n{okapi}\n{unseen}\n")
    listed = ("--candidates", tmp_path / "names.txt", "--json")
    result = call(wordnet_run, "--features", tmp_path / "new.safetensors", *listed)
    assert json.loads(result.stdout)[0]["num_candidates"] == 2


def test_candidates_may_be_a_list_beside_the_graph(
    run: Path, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = call(run, "--features", files[0], "--candidates", "unseen + seen", "--json")
    plain = call(run, "--features", files[0], "--candidates", "all", "--json")
    one, other = json.loads(named.stdout)[0], json.loads(plain.stdout)[0]
    assert one["candidates"] == "unseen + seen"
    assert one["hits_micro"] == other["hits_micro"] and one["num_candidates"] == other["num_candidates"]
    error = one_line(capsys, monkeypatch, run, "--features", files[0], "--candidates", "seen - seen")
    assert "hold no class" in error


@pytest.fixture
def seen_file(tmp_path: Path) -> Path:
    """Three images a seen class of the toy world."""
    from kgzsl.toy import toy_seen_features

    toy_seen_features().save(tmp_path / "seen.safetensors")
    return tmp_path / "seen.safetensors"


@pytest.fixture
def unseen_file(tmp_path: Path) -> Path:
    from kgzsl.toy import toy_features

    toy_features().save(tmp_path / "unseen.safetensors")
    return tmp_path / "unseen.safetensors"


def report_of(*arguments: object) -> dict[str, Any]:
    result = call(*arguments, "--json", "--draws", 20)
    (report,) = json.loads(result.stdout)
    return dict(report)


def test_gamma_is_chosen_on_images_of_seen_classes(toy_run: Path, unseen_file: Path, seen_file: Path) -> None:
    words = (toy_run, "--features", unseen_file, "--candidates", "generalised", "--seen-images", seen_file)
    plain, chosen = report_of(*words)["generalised"], report_of(*words, "--calibrate", "cv")["generalised"]
    assert (plain["calibration"], plain["gamma"], chosen["calibration"]) == ("none", 0, "cv")
    assert chosen == report_of(*words, "--calibrate", "cv")["generalised"]
    given = report_of(*words, "--calibrate", chosen["gamma"])["generalised"]
    assert (given["calibration"], given["harmonic_mean"]) == ("given", chosen["harmonic_mean"])
    best = report_of(*words, "--calibrate", "oracle")["generalised"]
    assert best["harmonic_mean"] == best["oracle"]["harmonic_mean"] == chosen["oracle"]["harmonic_mean"]
    assert best["harmonic_mean"] >= max(chosen["harmonic_mean"], plain["harmonic_mean"])
    assert plain["ausuc_per_class"] == chosen["ausuc_per_class"]


def test_seen_images_stand_for_the_seen_classes(toy_run: Path, unseen_file: Path, seen_file: Path) -> None:
    words = (toy_run, "--features", unseen_file, "--candidates", "generalised")
    own, given = report_of(*words), report_of(*words, "--seen-images", seen_file)
    assert (own["seen"]["num_images"], given["seen"]["num_images"]) == (1, 15)
    assert own["unseen"]["num_images"] == given["unseen"]["num_images"] == 5
    assert given["num_candidates"] == 7


def test_a_negative_gamma_favours_seen_classes(toy_run: Path, unseen_file: Path, seen_file: Path) -> None:
    words = (toy_run, "--features", unseen_file, "--candidates", "all", "--seen-images", seen_file)
    found = report_of(*words, "--calibrate", "-50")
    assert found["unseen"]["hits_micro"]["1"] == 0 == found["generalised"]["harmonic_mean"]
    assert found["seen"]["hits_micro"]["1"] > 50


def test_curve_plot_and_breakdowns(toy_run: Path, unseen_file: Path, seen_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs pip install 'kgzsl[plots]'")
    words = (toy_run, "--features", unseen_file, "--candidates", "all", "--seen-images", seen_file)
    files = ("--curve", tmp_path / "curve.tsv", "--plot", tmp_path / "curve.png", "--markdown", tmp_path / "table.md")
    result = call(*words, *files, "--by", "hops", "branch", "--details")
    assert "unseen, by hops, micro Hit@k in %" in result.stdout and "by branch" in result.stdout
    assert "seen against unseen, means over classes in %:" in result.stdout and "hubness" in result.stdout
    assert (tmp_path / "curve.tsv").read_text().startswith("features\tcandidates\tgamma\tseen_per_class")
    assert (tmp_path / "curve.png").stat().st_size > 5000
    assert "| AUSUC per class |" in (tmp_path / "table.md").read_text()


def test_the_head_scores_the_seen_classes_by_default(run: Path, files: list[str]) -> None:
    words = (run, "--features", files[0], "--candidates", "all")
    assert report_of(*words)["seen"] == report_of(*words, "--seen-rows", "head")["seen"]
    assert report_of(*words)["seen"]["hits_micro"]["1"] == 100


def test_a_method_on_a_scale_of_its_own_scores_them_itself(run: Path, files: list[str]) -> None:
    bank = ClassifierBank.load(run / "bank.safetensors")
    ClassifierBank(bank.index, 3 * bank.weights, bank.biases, "toy", "none").save(run / "bank.safetensors")
    words = (run, "--features", files[0], "--candidates", "all")
    assert report_of(*words)["seen"] == report_of(*words, "--seen-rows", "predicted")["seen"]
    assert report_of(*words)["seen"]["hits_micro"]["1"] == 0


def test_bad_calibrations_are_one_line(
    run: Path, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(*arguments: object) -> str:
        return one_line(capsys, monkeypatch, run, "--features", files[0], *arguments)

    assert "--calibrate cv needs images of seen classes; name a feature file with --seen-images" in shown(
        "--calibrate", "cv"
    )
    assert "--calibrate is one of cv, oracle, or a number, found 'nan'" in shown("--calibrate", "nan")
    assert "There is nothing to calibrate: the scored images are of unseen classes only" in shown("--calibrate", "1")
    assert "A curve is written as .json or .tsv, found" in shown("--curve", tmp_path / "curve.csv")
    assert "A plot is written as .png, .pdf, .svg, found" in shown("--plot", tmp_path / "curve.bmp")
    assert "No report has a curve" in shown("--curve", tmp_path / "curve.tsv")
    assert "No breakdown is called 'colour'; choose one of branch, hops" in shown("--by", "colour")


def test_reports_say_how_candidates_stand_to_releases(run: Path, files: list[str]) -> None:
    (run / "graph" / "splits" / "2021-removed.txt").write_text("hammer\n", encoding="utf-8")
    (whole,) = json.loads(call(run, "--features", files[0], "--candidates", "unseen", "--json").stdout)
    assert whole["notes"][-1] == "Of the 2 candidates 1 is not in release 2021."
    (later,) = json.loads(call(run, "--features", files[0], "--candidates", "unseen-2021", "--json").stdout)
    assert (later["candidates"], later["num_candidates"]) == ("unseen-2021", 1)
    assert later["notes"] == ["Of the 1 candidates none is missing in release 2021."]


def test_seen_candidates_without_seen_images_are_noted(toy_run: Path, seen_file: Path, tmp_path: Path) -> None:
    from kgzsl.toy import toy_features

    toy_features().of_classes(["okapi", "owl"]).save(tmp_path / "new.safetensors")
    asked = (toy_run, "--features", tmp_path / "new.safetensors", "--candidates")
    assert "note: Seen classes compete, but no image is of one" in call(*asked, "generalised").stderr
    assert "no image is of one" not in call(*asked, "generalised", "--seen-images", seen_file).stderr
    assert "no image is of one" not in call(*asked, "unrelated").stderr
