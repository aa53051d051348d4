"""What the page of results says of forecasts, made of a few numbers, and how those are computed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts import expecting


def test_the_block_shows_every_figure() -> None:
    one = {
        "classes": 15,
        "expected": 60.04,
        "measured": 56.2,
        "spearman": [0.5, 0.1, 0.8],
        "kendall": [0.4, 0.05, 0.7],
        "error": 20.25,
        "error_of_mean": 27.0,
    }
    confusions = {"classes": 14, "forecast": 79.0, "nearest": 50.0, "chance": 21.4}
    files = {"birds": one | {"inside": 80.0, "evidence": {"distance": -0.6}, "confusions": confusions}}
    compared = {"both": {"log_loss": 0.4876, "rank_correlation": 0.55, "penalty": 10.0}}
    seen = {"forecast": "both", "cases": 3472, "hit1": 0.37, "compared": compared}
    shown = expecting.block({"files": files, expecting.ALL: one | {"evidence": {"kin": -0.5}}, "seen": seen})
    assert shown.startswith("### ")
    assert "| birds | 15 | 60.0 | 56.2 | 0.50 (0.10 to 0.80) | 0.40 (0.05 to 0.70) | 20.2 | 27.0 | 80 % |" in shown
    assert "| all files | 15 | 60.0 |" in shown and "| birds | 14 | 79 | 50 | 21 |" in shown
    assert "above 0 in 1 of 1" in shown and "picked afterwards, is `kin` with -0.50" in shown
    assert "| distance | -0.60 | - |" in shown and "| kin | - | -0.50 |" in shown
    assert "| both | 0.488 | 0.55 |" in shown


def test_what_goes_together_has_a_correlation_of_one() -> None:
    expected, measured = np.array([10.0, 20, 40, 80]), np.array([0.0, 5, 6, 90])
    found = expecting.compared(expected, measured)
    assert found["spearman"][0] == pytest.approx(1) and found["kendall"][0] == pytest.approx(1)
    assert found["error"] == pytest.approx((10 + 15 + 34 + 10) / 4) and found["expected"] == 37.5
    assert expecting.compared(expected, np.zeros(4))["spearman"] == [0.0, 0.0, 0.0]
