"""What the page says of domain shift, from figures as `measure` gives them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts import domain_shift

SHIFT = {"mean_shift": 0.293, "separability": 0.98}


def remedied(hit: float, skewness: float) -> dict:
    return {"hit": hit, "interval": [hit - 10, hit + 10], "skewness": skewness}


def test_block_holds_every_figure_and_tells_losses() -> None:
    points = [
        {"seen": 82.9, "unseen": 29.2, "harmonic_mean": 43.2},
        {"seen": 76.3, "unseen": 48.0, "harmonic_mean": 58.9},
    ]
    remedies = {
        "local-scaling": remedied(57.7, 0.1),
        "inverted-softmax": remedied(60, 0.2),
        "centring": remedied(59.3, 0),
    }
    one = {
        "seen_bias": {"unseen_as_seen": 46.7},
        "generalised": points,
        "feature_shift": SHIFT,
        "between_halves_of_seen": {"mean_shift": 0.06, "separability": 0.52},
        "mean_hits": {"seen": 86.5, "unseen": 73.3},
        "branch_gap": 18.1,
        "before": remedied(59.3, 0.33),
        "remedies": remedies,
    }
    text = domain_shift.block({"caltech101-dev": one})
    assert text.startswith("### Domain shift and bias\n")
    shown = "| caltech101-dev | 46.7 | 82.9 / 29.2 / 43.2 | 76.3 / 48.0 / 58.9 | 0.29 | 0.98 | 73 (seen 86) | 18 |"
    assert shown in text
    assert "| caltech101-dev | 59.3 [49.3, 69.3] (0.33) | 57.7 [47.7, 67.7] (0.10) |" in text
    assert text.count("worse than without") == 1
    assert "- worse than without: local-scaling on caltech101-dev, -1.6" in text
    assert "No remedy does harm" in domain_shift.block({"x": {**one, "remedies": {"centring": remedied(60, 0)}}})
