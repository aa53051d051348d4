"""What the page of results says of explanations, made of a few numbers."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts import explaining


def test_the_block_shows_every_figure() -> None:
    one = {"exact": True, "gap": 3.04e-7, "pairs": 24, "seconds": 0.081}
    sums = {"kernel_regression": one, "dgp": one | {"exact": False, "gap": 0.0033, "seconds": 1.6}}
    row = {"score": 3.0, "score_lost": 1.25, "margin": -1.5, "lost": 0.5, "more": 82.4, "hit1": 13.24}
    found = {"sums": sums, "command_seconds": 0.46, "hiding": {"classes": 82, **dict.fromkeys(explaining.HIDDEN, row)}}
    shown = explaining.block(found)
    assert shown.startswith("### Explaining\n") and "24 pairs" in shown and "0.5 CPU seconds" in shown
    assert "| kernel_regression | exact | 3.0e-07 | 0.08 |" in shown
    assert "| dgp | attributed | 3.3e-03 | 1.60 |" in shown
    assert "| nothing hidden |  | -1.500 |  |  | 13.2 |" in shown
    assert "| the 3 that add most to the pictures' scores | 1.250 | -1.500 | 0.500 | 82 % | 13.2 |" in shown
    assert "| 3 drawn at random | 1.250 | -1.500 | 0.500 |  | 13.2 |" in shown
