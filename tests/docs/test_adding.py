"""What the page says of adding classes, from figures as `measure` gives them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts import adding


def test_block_holds_every_figure() -> None:
    voted = {"mean_distance": 2.63, "parent": 47.4, "grandparent": 11.0, "within_2": 68.8}
    nearest = {"mean_distance": 3.4, "parent": 16.4, "grandparent": 0.6, "within_2": 63.2}
    named = {"mean_distance": 5.53, "parent": 26.4, "grandparent": 6.8, "within_2": 41.8, "share": 100.0}
    doubt = {"mean_distance": 7.48, "parent": 13.3, "grandparent": 1.5, "within_2": 22.1, "share": 54.2}
    by_doubt = {"voted_doubtful": doubt, "voted_sure": voted, "by_name_doubtful": doubt, "by_name_sure": named}
    fast = {"alone_ms": 6.04, "alone_most_ms": 8.8, "batch": 3000, "batch_ms": 0.27}
    text = adding.block(
        {
            "placing": {
                "classes": 500,
                "seed": 1,
                "voted": voted,
                "nearest_itself": nearest,
                "by_name": named,
                **by_doubt,
            },
            "speed": {**fast, "products_ms": 0.07, "batch_to_products": 3.9},
        }
    )
    assert text.startswith("### Adding classes\n")
    assert "| by description: the 10 nearest vote | 100 | 47.4 | 11.0 | 68.8 | 2.63 |" in text
    assert "| by description: beneath the nearest class itself | 100 | 16.4 | 0.6 | 63.2 | 3.40 |" in text
    assert "| by the name alone | 100 | 26.4 | 6.8 | 41.8 | 5.53 |" in text
    assert text.count("| of these, called doubtful | 54 | 13.3 | 1.5 | 22.1 | 7.48 |") == 2
    assert "6.0 ms a class one by one (median; 8.8 ms at most), 0.27 ms a class in a batch of 3,000" in text
    assert "products of the batch take 0.07 ms a class, so that the batch takes 3.9 times as long" in text
