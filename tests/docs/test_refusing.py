"""The block on refusing and backing off, made of a few numbers."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts.refusing import KINDS, RATES, SIZES, block


def test_the_block_says_what_was_found() -> None:
    errors = {
        "before": {"accuracy": 50.0, "ece": 12.34, "adaptive": 11.0, "overconfidence": 9.0},
        "after": {"accuracy": 50.0, "ece": 3.21, "adaptive": 2.5, "overconfidence": -1.5},
    }
    rates = {str(rate): 100 * rate + 2 for rate in RATES}
    areas = dict.fromkeys(("max_score", "energy", "margin"), 0.875)
    birds = {
        "candidates": 52,
        "reliability": {"own": errors, "unseen": errors},
        "flat": 10.5,
        "back_off": {"level": 0.7, "correct": 0.785, "information": 0.63, "share": 0.11},
        "rejection": {
            "candidates": 26,
            "refused": dict.fromkeys(KINDS, rates) | {"seen": dict.fromkeys(rates)},
            "auroc": {"unseen": areas, "seen": dict.fromkeys(areas)},
        },
    }
    found = {
        "form": "by_number",
        "statistic": "margin",
        "auroc": {name: {str(size): 0.9 for size in SIZES} for name in areas},
        "wanted": 0.9,
        "level": 0.7,
        "seen": {str(size): {**errors, "false_alarms": {"near": 4.7, "far": 5.8}} for size in SIZES},
        "sets": {"birds": birds},
    }
    shown = block(found)
    assert shown.startswith("### Refuse and back off")
    assert "| birds, 52 candidates | 50.0 | 12.3 | 3.2 | 11.0 | 2.5 | -1.5 |" in shown
    assert "| birds | 26 | of candidates (as asked) | 3.0 | 7.0 | 12.0 | 22.0 |  |  |  |" in shown
    assert "| birds | 26 | of other unseen classes | 3.0 | 7.0 | 12.0 | 22.0 | 0.875 | 0.875 | 0.875 |" in shown
    assert "| birds | 26 | of seen classes |  |  |  |  |  |  |  |" in shown
    assert "| birds | 52 | 10.5 | 78.5 | 0.63 | 11 |" in shown
    assert "5 candidates 4.7 near each other, 5.8 far apart" in shown
