"""What the page says of fine-tuning, from a few made-up figures."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts.fine_tuning import block


def side(hit: float) -> dict[str, object]:
    return {"hit": hit, "interval": [hit - 5, hit + 5]}


def test_the_block_has_a_line_a_variant_and_a_verdict() -> None:
    one = {
        "parameters": 1234567,
        "pictures": {"trained": 480, "held_out": 120},
        "losses": [2.0, 1.5],
        "held_out": [70.0, 75.5],
        "held_out_loss": [1.0, 0.9],
        "unseen": {"caltech101-dev": [side(60), side(58)], "grocery-dev": [side(20), side(21.5)]},
        "seconds": 99.6,
        "stopped": [0, 5],
    }
    text = block({"epochs": 2, "precision": "fp32", "variants": {"first": one, "second": {**one, "stopped": None}}})
    line = "| first | 1,234,567 | 2.000 → 1.500 | 70.0 → 75.5 | 60.0 [55.0, 65.0] → 58.0 [53.0, 63.0] | "
    assert line + "20.0 [15.0, 25.0] → 21.5 [16.5, 26.5] | 100 |" in text
    assert "- first: killed, and gone on from step 5 of epoch 1." in text and "second: killed" not in text
    assert "The loss fell in 2 of 2. On unseen classes 2 of 4 figures are higher after it and 2 are lower" in text
    assert "(-2.0 to +1.5 points)" in text
