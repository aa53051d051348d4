"""Jobs in one process: the answers of a single query, stopped and gone on with, and nothing mixed."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from kgzsl.bulk import BlockDone, BulkReport, Workers, extract_in_bulk, open_source, predict_in_bulk
from kgzsl.bulk.decoding import AHEAD, features_of
from kgzsl.bulk.engine import Attempts, BlockError, run_blocks
from kgzsl.bulk.output import OutputFolder
from kgzsl.bulk.sources import PictureRows
from kgzsl.bulk.tasks import ExtractTask, run_digest
from kgzsl.calibrations import calibrate
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import BackboneMismatchError, CorruptFileError, InputFileError, MissingDependencyError
from kgzsl.features import FeatureSet
from kgzsl.hidden_classes import CalibrationData
from kgzsl.run_folder import RunFolder
from kgzsl.toy import toy_features, toy_seen_features
from kgzsl.vision import Backbone, load_backbone

VISION = Path(__file__).parents[1] / "vision" / "conftest.py"


def by_id(folder: Path) -> list[dict]:
    return pq.read_table(folder).sort_by("id").to_pylist()


def test_the_answers_are_those_of_a_query(
    toy_run: Path, features: Path, candidates: tuple[str, ...], tmp_path: Path
) -> None:
    report = predict_in_bulk(toy_run, features, tmp_path / "out", candidates, top=3, block_rows=10)
    assert (report.rows, report.errors, report.blocks, report.resumed) == (23, 0, 3, 0)
    images = FeatureSet.load(features)
    found = by_id(tmp_path / "out")
    assert len(found) == 23
    for row, expected in zip(found, ZeroShotClassifier.load(toy_run).predict(images, candidates, top=3)):
        assert row["id"] == expected.image
        assert row["classes"] == [one.class_id for one in expected.predictions]
        assert row["names"] == [one.name for one in expected.predictions]
        assert row["scores"] == pytest.approx([one.score for one in expected.predictions], rel=1e-6)
        assert (row["probabilities"], row["is_unknown"], row["error"]) == (None, None, None)
    done = json.loads((tmp_path / "out" / "_done.json").read_text())
    assert done == {"rows": 23, "errors": 0, "blocks": 3}


def test_a_calibrated_run_gives_probabilities_and_refuses(calibrated: Path, tmp_path: Path) -> None:
    toy_features().save(tmp_path / "features.safetensors")
    ids = ZeroShotClassifier.load(calibrated).split_classes("all")
    predict_in_bulk(calibrated, tmp_path / "features.safetensors", tmp_path / "out", ids, top=2, refuse=0.2)
    expected = ZeroShotClassifier.load(calibrated).predict(toy_features(), ids, top=2, reject=0.2)
    found = pq.read_table(tmp_path / "out").to_pylist()
    assert [row["is_unknown"] for row in found] == [one.is_unknown for one in expected]
    for row, one in zip(found, expected):
        assert row["probabilities"] == pytest.approx([best.probability for best in one.predictions], rel=1e-5)
    assert [row["id"] for row in found] == [f"row {row}" for row in range(len(found))]


@pytest.fixture(scope="module")
def calibrated(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy run, its seen classes played by their own classifiers."""
    run = RunFolder(Path(shutil.copytree(toy_run, tmp_path_factory.mktemp("calibrated") / "run")))
    data = CalibrationData(run, run.scorer.select(run.split.seen), toy_seen_features())
    calibrate(data, ["probabilities", "rejection"])
    return run.path


def test_vectors_in_parquet_keep_the_type_of_their_ids(
    toy_run: Path, candidates: tuple[str, ...], tmp_path: Path
) -> None:
    rows = toy_features().features
    values = [*rows.tolist(), None, [1.0], [float("inf")] * 3]
    table = pa.table({"id": pa.array(range(len(values)), pa.int32()), "vector": values})
    pq.write_table(table, tmp_path / "vectors.parquet", row_group_size=4)
    report = predict_in_bulk(toy_run, tmp_path / "vectors.parquet", tmp_path / "out", candidates, top=1)
    answers = pq.read_table(tmp_path / "out")
    assert answers.schema.field("id").type == pa.int32()
    assert (report.rows, report.errors) == (len(values), 3)
    expected = ZeroShotClassifier.load(toy_run).predict(toy_features(), candidates, top=1)
    best = [row and row[0] for row in answers.column("classes").to_pylist()]
    assert best == [*(one.predictions[0].class_id for one in expected), None, None, None]
    errors = answers.column("error").to_pylist()[len(rows) :]
    assert errors == ["there is no vector", "the vector has 1 numbers, not 3", "a value is not finite"]


class StoppedError(Exception):
    pass


def test_a_stopped_job_goes_on(toy_run: Path, features: Path, candidates: tuple[str, ...], tmp_path: Path) -> None:
    def stop(done: BlockDone) -> None:
        if done.number == 1:
            raise StoppedError

    job = (toy_run, features)
    with pytest.raises(StoppedError):
        predict_in_bulk(*job, tmp_path / "out", candidates, block_rows=5, on_block=stop)
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("part-*")}
    assert len(parts) == 2 and not (tmp_path / "out" / "_done.json").exists()
    report = predict_in_bulk(*job, tmp_path / "out", candidates, block_rows=5)
    assert (report.rows, report.blocks, report.resumed) == (23, 5, 2)
    assert {path: path.stat().st_mtime_ns for path in parts} == parts
    predict_in_bulk(*job, tmp_path / "plain", candidates, block_rows=5)
    assert pq.read_table(tmp_path / "out").equals(pq.read_table(tmp_path / "plain"))
    again = predict_in_bulk(*job, tmp_path / "out", candidates, block_rows=5)
    assert (again.rows, again.resumed, again.megabytes) == (23, 5, 0)


def test_another_job_in_the_same_folder_is_refused(
    calibrated: Path, toy_run: Path, features: Path, candidates: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    predict_in_bulk(toy_run, features, out, candidates, block_rows=10)
    with pytest.raises(InputFileError, match=r"another command \(top 5 there, 2 here\)"):
        predict_in_bulk(toy_run, features, out, candidates, top=2, block_rows=10)
    with pytest.raises(InputFileError, match="candidates_sha256"):
        predict_in_bulk(toy_run, features, out, candidates[::-1], block_rows=10)
    with pytest.raises(InputFileError, match="run_sha256"):
        predict_in_bulk(calibrated, features, out, candidates, block_rows=10)
    with pytest.raises(InputFileError, match="block_rows 10 there, 11 here"):
        predict_in_bulk(toy_run, features, out, candidates, block_rows=11)
    toy_features().save(features)
    with pytest.raises(InputFileError, match="source"):
        predict_in_bulk(toy_run, features, out, candidates, block_rows=10)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_bytes(b"")
    with pytest.raises(InputFileError, match=r"holds other files \(photo\.jpg\)"):
        predict_in_bulk(toy_run, features, tmp_path / "mine", candidates)


def test_the_digest_of_a_run_sees_what_answers_depend_on(calibrated: Path, toy_run: Path) -> None:
    before = run_digest(calibrated)
    (calibrated / "report.json").write_text("{}")
    (calibrated / "notes.md").write_text("mine")
    assert run_digest(calibrated) == before != run_digest(toy_run)


def test_a_damaged_file_is_told(toy_run: Path, features: Path, candidates: tuple[str, ...], tmp_path: Path) -> None:
    predict_in_bulk(toy_run, features, tmp_path / "out", candidates, block_rows=10)
    part = tmp_path / "out" / "part-00000001.parquet"
    part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(CorruptFileError, match=r"part-00000001\.parquet is damaged; remove it"):
        predict_in_bulk(toy_run, features, tmp_path / "out", candidates, block_rows=10)
    part.unlink()
    assert predict_in_bulk(toy_run, features, tmp_path / "out", candidates, block_rows=10).resumed == 2


def test_features_of_another_backbone_are_refused(toy_run: Path, candidates: tuple[str, ...], tmp_path: Path) -> None:
    table = pa.table({"id": [1], "vector": [[1.0, 2.0, 3.0]]})
    pq.write_table(table.replace_schema_metadata({"kgzsl.backbone": "other"}), tmp_path / "a.parquet")
    with pytest.raises(BackboneMismatchError, match="'other'"):
        predict_in_bulk(toy_run, tmp_path / "a.parquet", tmp_path / "out", candidates)
    pq.write_table(pa.table({"id": [1], "vector": [[1.0, 2.0]]}), tmp_path / "b.parquet")
    with pytest.raises(BackboneMismatchError, match="2-d"):
        predict_in_bulk(toy_run, tmp_path / "b.parquet", tmp_path / "out", candidates)
    with pytest.raises(InputFileError, match="holds features; give pictures"):
        extract_in_bulk("some/backbone", tmp_path / "b.parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("vision_files", VISION)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.save_classifier(tmp_path_factory.mktemp("backbone") / "tiny", ["cat", "dog", "cow"])


def make_pictures(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        Image.new("RGB", (40, 36), (20 * number, 100, 255 - 20 * number)).save(folder / f"{number}.png")


def test_extracted_features_are_those_of_the_backbone(tiny_backbone: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "photos", 7)
    (tmp_path / "photos" / "3.png").write_bytes(b"no picture")
    (tmp_path / "photos" / "5.png").write_bytes((tmp_path / "photos" / "5.png").read_bytes()[:60])
    report = extract_in_bulk(
        str(tiny_backbone),
        tmp_path / "photos",
        tmp_path / "out",
        dtype="float32",
        block_rows=4,
        workers=Workers(batch=2),
    )
    assert (report.rows, report.errors, report.blocks) == (7, 2, 2)
    found = by_id(tmp_path / "out")
    backbone = load_backbone(tiny_backbone)
    for number, row in enumerate(found):
        assert row["id"] == f"{number}.png"
        if number in (3, 5):
            assert row["features"] is None and f"{number}.png" in row["error"]
            continue
        picture = Image.open(tmp_path / "photos" / row["id"])
        expected = backbone.features(backbone.preprocess([picture.convert("RGB")]))[0]
        picture.close()
        torch.testing.assert_close(torch.tensor(row["features"]), expected)
    source = open_source(tmp_path / "out")
    assert (source.backbone, source.dim) == (backbone.id, backbone.dim)
    with pytest.raises(InputFileError, match=r"dtype \"float32\" there, \"float16\" here"):
        extract_in_bulk(str(tiny_backbone), tmp_path / "photos", tmp_path / "out", block_rows=4)


def test_a_part_of_a_block_of_bad_pictures_alone(tiny_backbone: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "photos", 3)
    for number in range(2):
        (tmp_path / "photos" / f"{number}.png").write_bytes(b"no picture")
    workers = Workers(batch=2)
    report = extract_in_bulk(str(tiny_backbone), tmp_path / "photos", tmp_path / "out", workers=workers)
    assert (report.rows, report.errors) == (3, 2)
    half = pq.read_table(tmp_path / "out")
    assert half.schema.field("features").type.value_type == pa.float16()
    assert [row is None for row in half.column("features").to_pylist()] == [True, True, False]


def test_nothing_but_bad_pictures_is_exit_code_1(kgzsl, capsys, tiny_backbone: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "0.png").write_bytes(b"no picture")
    command = ("bulk", "extract", tmp_path / "photos", "--backbone", tiny_backbone, "--out", tmp_path / "out")
    assert kgzsl(*command) == 1
    assert "1 rows could not be read; their column error says why" in capsys.readouterr().out
    assert pq.read_table(tmp_path / "out").column("features").to_pylist() == [None]


def test_decoding_reads_few_batches_ahead(tiny_backbone: Path) -> None:
    backbone: Backbone = load_backbone(tiny_backbone)
    read = 0

    def batches():
        nonlocal read
        for number in range(20):
            read += 1
            yield PictureRows(pa.array([number]), (f"{number}",), (None,))

    for taken, rows in enumerate(features_of(batches(), backbone, threads=2), start=1):
        assert rows.errors == ((0, f"There is no picture: {taken - 1} is empty."),)
        assert read <= taken + AHEAD
    assert read == 20


def test_a_missing_ray_and_bad_numbers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    block = open_source(Path(__file__).parents[2] / "graphs" / "sample" / "seen.safetensors").blocks(10**6)
    with pytest.raises(MissingDependencyError, match=r"kgzsl\[ray\].*--workers 0"):
        list(run_blocks(block, lambda: None, Workers(1), "job"))  # type: ignore[arg-type, return-value]
    with pytest.raises(InputFileError, match="Workers need counts"):
        Workers(-1)
    with pytest.raises(InputFileError, match="how many workers the cluster at auto"):
        Workers(address="auto")


def test_lost_rows_would_be_told(tmp_path: Path) -> None:
    out = OutputFolder.open(tmp_path / "out", {"format": 1})
    facts = out.write(0, pa.table({"id": [1, 2], "error": pa.array([None, "x"], pa.string())}))
    assert (facts.rows, facts.errors) == (2, 1) == (out.facts(0).rows, out.facts(0).errors)
    with pytest.raises(CorruptFileError, match="has 2 rows for 3"):
        out.finish([facts], 3)


def test_a_block_is_counted_each_time_it_is_begun() -> None:
    attempts = Attempts()
    assert [attempts.begin(number) for number in (3, 3, 4, 3)] == [1, 2, 1, 3]


def test_types_of_features_and_errors() -> None:
    with pytest.raises(InputFileError, match="float16 or float32, not 'int8'"):
        ExtractTask("x", dtype="int8").check(None)  # type: ignore[arg-type]
    assert issubclass(BlockError, RuntimeError)
    assert BulkReport("o", 1, 0, 1, 0, 0.12345, 5).to_json()["seconds"] == 0.123
