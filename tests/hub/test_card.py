"""The model card: read from the run, honest about what is not known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kgzsl.errors import CorruptFileError
from kgzsl.evaluation.report import Figures, Report
from kgzsl.hub import CardFacts, model_card
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import write_json

pytest.importorskip("huggingface_hub", reason='needs pip install "kgzsl[hub]"')

MANIFEST = {
    "backbone": "google/mobilenet_v2_1.0_224",
    "encoder": "someone/model@111111111111",
    "method": "kernel_regression",
    "seed": 3,
    "kgzsl": "0.1.0",
    "command": "kgzsl train /home/me/recipe.toml",
    "inputs": {"graph": "0123456789abcdef"},
}
COUNTS = {"classes": 1200, "edges": 1300, "seen": 1000, "unseen": 200, "person": 0}
HITS = {1: 33.71, 5: 72.2, 10: 100.0}
REPORT = Report("/home/me/new.safetensors", "unseen", 10, Figures(600, 10, HITS, HITS, {}, 40.0)).to_json()


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of table rows by the first one."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {first: cells for first, *cells in lines}


def test_a_card_of_a_classifier_of_pictures() -> None:
    card = model_card(CardFacts(MANIFEST, {"wordnet": "3.0", "induce": "closed"}, COUNTS, 1280), repo_id="me/animals")
    data = card.data.to_dict()
    assert data["pipeline_tag"] == "zero-shot-image-classification"
    assert (data["library_name"], data["base_model"]) == ("kgzsl", MANIFEST["backbone"])
    assert "license" not in data
    found = rows(card.text)
    assert (found["method"], found["seed"], found["kgzsl"]) == (["kernel_regression"], ["3"], ["0.1.0"])
    assert found["sha256 of graph"] == ["0123456789ab..."]
    assert (found["WordNet"], found["classes and edges"]) == (["3.0"], ["1,200 and 1,300"])
    assert (found["seen"], found["unseen"], found["added later"]) == (["1,000"], ["200"], ["0"])
    assert 'ZeroShotClassifier.from_pretrained("me/animals")' in card.text and 'predict(["photo.jpg"]' in card.text
    assert "/home/me" not in str(card)
    assert "No figures were stored" in card.text and "was not calibrated" in card.text
    assert "persons" not in card.text and "Added classes" not in card.text


def test_a_card_tells_figures_calibration_persons_and_additions() -> None:
    additions = [{"class": f"class {row}", "below": "a | b", "added by": "me"} for row in range(22)]
    facts = CardFacts(
        {**MANIFEST, "backbone": "made-by-hand"},
        {"name": "diseases"},
        {**COUNTS, "person": 12},
        scoring={"probabilities": {}},
        reports=[REPORT],
        additions=additions,
        changed={"removed": 0, "updated with examples": 3},
    )
    card = model_card(facts, repo_id="me/clinic", license="mit")
    data = card.data.to_dict()
    assert (data["license"], data.get("pipeline_tag"), data.get("base_model")) == ("mit", None, None)
    (result,) = [one for one in card.data.eval_results if one.metric_name == "Hit@1, %"]
    assert (result.metric_value, result.dataset_name) == (33.71, "new, candidates unseen")
    found = rows(card.text)
    assert found["new.safetensors"] == ["unseen (10)", "600 of 10", "33.7 (10.0)", "72.2 (50.0)"]
    assert found["class 19"] == [r"a \| b", "me"] and "class 20" not in found and "and 2 more" in card.text
    assert found["updated with examples later"] == ["3"] and "removed later" not in found
    assert "Classifiers of 1,222 classes" in card.text and "12 classes of persons" in card.text
    assert "calibrated on seen classes" in card.text and "FeatureSet.load" in card.text
    assert "own taxonomy" in card.text and "Princeton" not in card.text and "/home/me" not in str(card)
    assert model_card(facts, pipeline_tag="zero-shot-classification").data.pipeline_tag == "zero-shot-classification"


def test_facts_are_read_from_the_run(toy_run: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_run, tmp_path / "run")
    write_json(tmp_path / "run/report.json", [REPORT])
    facts = CardFacts.of(RunFolder(tmp_path / "run"))
    run = RunFolder(toy_run)
    assert (facts.counts["seen"], facts.counts["unseen"]) == (len(run.split.seen), len(run.split.unseen))
    assert (facts.counts["classes"], facts.counts["edges"]) == (12, len(run.graph.edges))
    assert (list(facts.reports), facts.backbone, facts.width) == ([REPORT], "toy", run.bank.dim)
    write_json(tmp_path / "run/report.json", [{"features": "x"}])
    with pytest.raises(CorruptFileError, match="holds no figures of kgzsl evaluate --json"):
        CardFacts.of(RunFolder(tmp_path / "run"))
