"""What the page says of names, from figures as `measure` gives them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts import linking

COUNTS = {"linked": 943, "wrong": 0, "ambiguous": 54, "unknown": 3, "listed": 57}
FEWER = COUNTS | {"linked": 844, "ambiguous": 153, "listed": 156}


def test_block_holds_every_figure() -> None:
    both = {"imagenet21k": COUNTS, "nouns": FEWER}
    text = linking.block(
        {
            "labels": 1000,
            "in_order": 1000,
            "same_as_shipped": 1000,
            "lists": {"as they are": both, "in capitals": both},
            "alone": {pool: {"unknown form": counts, "complete": COUNTS} for pool, counts in both.items()},
            "first_sense": both,
            "changed": {"as they are": 0, "in capitals": 1000},
        }
    )
    assert text.startswith("### Names: the labels of ImageNet\n")
    assert "| in capitals | 1,000 | 943 / 0 / 54 / 3; 57 listed | 844 / 0 / 153 / 3; 156 listed |" in text
    assert "| one by one | 943 / 0 / 54 / 3; 57 listed | 844 / 0 / 153 / 3; 156 listed |" in text


def test_forms_of_a_label() -> None:
    label = "grey fox, gray fox, Urocyon cinereoargenteus"
    written = {form: write(label) for form, write in linking.FORMS.items()}
    assert written["in capitals"] == "GREY FOX, GRAY FOX, UROCYON CINEREOARGENTEUS"
    assert written["hyphens for spaces"] == "grey-fox, gray-fox, Urocyon-cinereoargenteus"
    assert written["in British spelling"] == "grey fox, grey fox, Urocyon cinereoargenteus"
    assert written["first name, plural"] == "grey foxes" and linking.plural("pony") == "ponies"
    lost = written["first name, one letter lost"]
    assert lost == linking.letter_lost(label) and len(lost) == 7 and lost[0] == "g"
