"""What the page says of links beside the hierarchy, from figures as `measure` gives them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts import several_graphs


def test_block_holds_every_figure_and_the_choice_by_validation() -> None:
    plain = {"validation": 50.0, "unseen": [54.0, 55.0, 56.0], "seconds": 2.4}
    other = {"validation": 51.0, "unseen": [52.0, 54.0, 56.0], "seconds": 3.6}
    text = several_graphs.block({"sgcn": {"hierarchy": plain, "and attributes": other}})
    assert text.startswith("### Links beside the hierarchy\n")
    assert "| sgcn | hierarchy | 50.0 | 55.0 (54.0 to 56.0) | 2 |" in text
    assert "| sgcn | and attributes | 51.0 | 54.0 (52.0 to 56.0) | 4 |" in text
    assert "- sgcn: validation chooses 'and attributes', -1.0 on unseen classes." in text
