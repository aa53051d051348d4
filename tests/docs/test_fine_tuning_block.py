"""What the page says of fine-tuning, from a few made-up figures."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts.fine_tuning import block
from reproduction.paired import Change


def test_the_block_has_a_line_a_variant_and_a_verdict() -> None:
    rising = {"images": [10, 10], "before": [[6, 2], [6, 2]], "after": [[7, 3], [9, 3]]}
    falling = {"images": [10, 10], "before": [[6, 2]] * 2, "after": [[5, 0]] * 2}
    one = {
        "parameters": 1234567,
        "pictures": {"trained": 480, "held_out": 120},
        "losses": [[2.0, 1.5], [2.2, 1.7]],
        "held_out": [[70.0, 75.5], [72.0, 71.5]],
        "held_out_loss": [[1.0, 0.9]] * 2,
        "by_class": {"caltech101-dev": rising, "grocery-dev": falling},
        "seconds": [99.0, 101.0],
        "stopped": [0, 5],
    }
    text = block({"epochs": 2, "precision": "fp32", "variants": {"first": one, "second": {**one, "stopped": None}}})
    cells = f"40.0 → 55.0, +15.0 {str(Change.of(rising)).split(' ', 4)[4]} | {Change.of(falling)} | 100 |"
    assert "| first | 1,234,567 | 2.100 → 1.600 | 71.0 → 73.5 | " + cells in text
    assert "- first: killed, and gone on from step 5 of epoch 1." in text and "second: killed" not in text
    assert "The loss fell in 4 of 4 trainings. On unseen classes 2 of 4 figures are higher after it" in text
    assert "(2 beyond the interval) and 2 are lower (2 beyond it; -15.0 to +15.0 points)" in text
