from __future__ import annotations

from pathlib import Path

import pytest

from kgzsl.export.card import matching_line, write_card
from kgzsl.export.matching import MATCHINGS, Matching


def test_a_readme_says_what_is_in_the_folder_and_nothing_of_the_old_card(tmp_path: Path) -> None:
    new = [{"row": 4 + place, "class_id": f"n{place}", "name": f"a|b {place}"} for place in range(60)]
    facts = {"format": "safetensors", "backbone": "owner/model", "rows": 64, "old_rows": 4, "new": new}
    write_card(facts | {"matching": Matching("norm", 2.0).to_json()}, 16, tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "# An image classifier with 60 new classes" in text and "head of `owner/model`" in text
    assert "Rows 0 to 3 are those of the old head" in text and "rows 4 to 63 are new" in text
    assert "head = torch.nn.Linear(16, 64)" in text and "times 2, bias +0, to the length of the old rows" in text
    assert "| 4 | n0 | a\\|b 0 |" in text and "| | | and 10 more |" in text and "n50" not in text


@pytest.mark.parametrize("how", MATCHINGS)
def test_a_line_for_each_matching(how: str) -> None:
    line = matching_line(Matching(how, 1.5, -0.25, 4.96, 35.6).to_json())
    assert ("times 1.5, bias -0.25" in line) == (how != "none")
    assert ("5.0 % are expected to be lost" in line and "36 % of the new" in line) == (how == "calibrated")
    assert "was not measured" in matching_line(Matching("calibrated", 1.5).to_json())
