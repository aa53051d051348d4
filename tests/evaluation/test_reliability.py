from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.errors import InputFileError
from kgzsl.evaluation import Reliability, plot_trade_offs, write_trade_offs
from kgzsl.scoring import TradeOff

ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(ANSWERS, st.integers(1, 20))
def test_the_error_by_brute_force(answers: list[tuple[float, bool]], bins: int) -> None:
    total = 0.0
    for number in range(bins):
        # bin n holds confidences above n / bins and up to (n + 1) / bins; 0 belongs to the first
        held = [(p, right) for p, right in answers if max(int(np.ceil(p * bins)) - 1, 0) == number]
        if held:
            total += abs(sum(right for _, right in held) - sum(p for p, _ in held)) / len(answers)
    sure, right = np.array([p for p, _ in answers]), np.array([right for _, right in answers])
    found = Reliability.of(sure, right, bins)
    assert found.error == pytest.approx(total)
    assert found.overconfidence == pytest.approx(sure.mean() - right.mean())
    assert found.counts.sum() == len(answers)


@given(ANSWERS)
def test_adaptive_bins_hold_equal_numbers(answers: list[tuple[float, bool]]) -> None:
    sure, right = np.array([p for p, _ in answers]), np.array([right for _, right in answers])
    found = Reliability.of(sure, right, 4, adaptive=True)
    assert found.counts.max() - found.counts.min() <= 1
    assert np.all(np.diff(found.confidence) >= -1e-12)
    order = np.argsort(sure, kind="stable")
    parts = np.split(order, np.cumsum(found.counts)[:-1])
    gaps = [abs(float(sure[part].sum() - right[part].sum())) for part in parts]
    assert found.error == pytest.approx(sum(gaps) / len(answers))


def test_bins_as_data() -> None:
    found = json.loads(json.dumps(Reliability.of(np.array([0.9, 1.0]), np.array([True, False])).to_json()))
    assert found["bins"] == [
        {"answers": 1, "confidence": 0.9, "right": 1.0},
        {"answers": 1, "confidence": 1.0, "right": 0.0},
    ]
    assert found["error"] == pytest.approx((0.1 + 1.0) / 2)


def test_what_is_no_confidence_is_refused() -> None:
    for sure in (np.array([]), np.array([1.2]), np.array([np.nan])):
        with pytest.raises(InputFileError, match="each with a confidence from 0 to 1"):
            Reliability.of(sure, np.ones(len(sure), dtype=bool))


CURVES = {"birds": TradeOff((0.5, 0.9), (0.75, 1.0), (2.0, 0.5), (1.0, 0.25))}


def test_curves_as_files(tmp_path) -> None:
    write_trade_offs(tmp_path / "curve.csv", CURVES)
    with (tmp_path / "curve.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {"curve": "birds", "level": "0.9", "correct": "1.0", "information": "0.5", "share": "0.25"}
    write_trade_offs(tmp_path / "curve.json", CURVES)
    assert json.loads((tmp_path / "curve.json").read_text())["birds"][0]["correct"] == 0.75
    with pytest.raises(InputFileError, match=r"A curve is written as \.csv, \.tsv, \.json"):
        write_trade_offs(tmp_path / "curve.txt", CURVES)
    with pytest.raises(InputFileError, match="There is no curve"):
        write_trade_offs(tmp_path / "curve.csv", {})


def test_a_picture_of_the_curves(tmp_path) -> None:
    pytest.importorskip("matplotlib", reason='needs pip install "kgzsl[plots]"')
    plot_trade_offs(tmp_path / "deep" / "curve.png", CURVES, marked=0.9)
    assert (tmp_path / "deep" / "curve.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputFileError, match="A plot is written as"):
        plot_trade_offs(tmp_path / "curve.txt", CURVES)
