"""docs/performance.md is written from what was measured, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
MACHINE = {"cpu": "quick", "cores": 2, "memory_gb": 8, "torch": "2", "load": 9.0}


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))


def kept(found: object) -> dict[str, object]:
    return {"command": "python it", "machine": MACHINE, "seconds": 1, "found": found}


def test_every_item_has_a_table_and_a_place_and_every_program_is_there():
    from benchmarking.blocks import BLOCKS
    from benchmarking.items import ITEMS
    from benchmarking.page import PLACE, SCALE_TEMPLATE, TEMPLATE
    from benchmarking.paper import NEEDS, SCALE_BLOCKS

    assert {*PLACE.findall(TEMPLATE.read_text())} - {"where"} == {*BLOCKS}
    assert {*PLACE.findall(SCALE_TEMPLATE.read_text())} == {*SCALE_BLOCKS} == {*NEEDS}
    assert {*ITEMS} == {*BLOCKS}.union(*NEEDS.values())
    assert all((SCRIPTS.parent / item.words[0]).is_file() for item in ITEMS.values())


def test_what_was_measured_stands_in_its_place_and_what_was_not_is_told():
    from benchmarking.page import page

    row = {"what": "one image", "ms": 1.5, "floor_ms": 6.0, "share": 4.0, "floor": "product", "goal": "2 ms"}
    text = page({"query": kept([row])}, "before\n\n{{query}}\n\n{{start}}\n\n{{where}}\n")
    assert "before\n\n`python it`\n\n| what | ms |" in text
    assert "| one image | 1.5 | 6.0 | 4.0 | product | 2 ms |" in text
    assert "Not measured yet: `scripts/bench --items start`." in text
    assert "2 cores (quick), 8 GiB" in text and "beside these (load of the machine): query 9.0" in text


def test_figures_of_another_version_are_told_and_harm_no_other():
    from benchmarking.page import page

    text = page({"encoder": kept({"rates": 1})}, "{{encoder}}\n\n{{start}}\n")
    assert text.startswith("What is kept was measured by another version: `scripts/bench --items encoder`.\n\nNot")


def test_training_and_extraction():
    from benchmarking.blocks import BLOCKS

    side = {"cpu": 2.0, "wall": 1.0, "memory_mb": 100.0}
    ratio = {"cpu": 10.0, "wall": 10.0, "memory_mb": 4.0, "over_floor_cpu": 1.25, "over_floor_wall": 1.5}
    own = side | {"floor_cpu": 1.6, "floor_wall": 0.7}
    told = BLOCKS["training"]({"threads": 2, "plain": side, "kgzsl": own, "ratio": ratio})
    assert "| kgzsl / floor by torch.mm | 1.25 | 1.50 |" in told and "oneDNN" not in told
    both = {"bare": 10.0, "ours": 8.0}
    one = {"images_per_second": both, "cpu_ms_per_image": both, "ratio": 0.8, "ratio_cpu": 0.7}
    told = BLOCKS["extract"]({"torch": one, "quicker": {kind: {"seconds": 2.0, "cpu": 3.0} for kind in both}})
    assert "| torch | 10.0 | 8.0 | 10.0 | 8.0 | 0.8 | 0.7 |" in told and "3.0 times as quick" in told


def test_a_place_that_is_not_there_is_named():
    from benchmarking.items import Places

    places = Places(Path("run"), None, None, Path("new"))
    assert places.put_into(("it", "RUN", "--out", "FOLDER")) == ["it", "run", "--out", "new"]
    with pytest.raises(LookupError, match="--calibrated"):
        places.put_into(("it", "CALIBRATED"))


def test_what_is_carried_on_is_the_measured_cost_times_the_growth():
    from benchmarking.page import scale_page

    rows = [{"what": f"product, {name}", "rate": 100.0} for name in ("torch.mm", "oneDNN")]
    seconds = {"graph": 2.0, "hop sets": 4.0, "propagation": 90.0}
    asked = {"first question": 1.0, "second question": 2.0, "a question": 0.1, "a new class": 0.005}
    files = {"layer-0.f16": 4000, "layer-1.f16": 2500, "vectors.f16": 700}
    make = {"seconds": seconds, "peak_mb": 7000, "start_mb": 500, "arrows": 12_000_000}
    one = {"make": make, "ask": {"seconds": asked, "peak_mb": 5000}, "file_mb": files}
    scale = {"semantic": 384, "hidden": 2048, "dim": 1280, "sizes": {"1000000": one}}
    image = {"cpu_ms_per_image": {"ours": 86.4}}
    whole = {"processes": 1, "rows": [900, 80, 10], "gflop": 8.0, "cpu_seconds": 0.5, "memory_mb": 1000.0}
    half = {"processes": 2, "rows": [900, 44, 5], "gflop": 5.0, "cpu_seconds": 0.2, "memory_mb": 700.0}
    shared = {"worlds": {"a small world": {"dgp": {"lines": [whole, half]}}}}
    text = scale_page(
        {
            "machine": kept(rows),
            "extract": kept({"torch": image, "onnxruntime": image}),
            "scale": kept(scale),
            "shares": kept(shared),
        }
    )
    assert "| propagation to all classes | 90 s | 15 min | 2.5 h |" in text
    assert "| a question, all rows looked at | 100 ms | 1 s | 10 s |" in text
    assert "| int8 codes of the classifiers | 1.28 GB | 12.8 GB | 128 GB |" in text
    assert "**A small world**" in text
    assert "| dgp | 2 | 900 | 44 | 5 | 5 | 0.2 | 700 MB | 62 %, 40 %, 70 % |" in text
    assert "1,000 core days (" in text  # 86.4 ms for each of a billion pictures
    assert "{{" not in text
    assert "Not measured yet: `scripts/bench --items scale`." in scale_page({})
