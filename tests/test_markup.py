from __future__ import annotations

from html.parser import HTMLParser

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.graph import from_networkx
from kgzsl.markup import Bar, bars, facts, page, paragraph, some_of, table
from kgzsl.prediction import ImagePrediction, PathStep, Prediction, Predictions
from kgzsl.toy import toy_bank, toy_graph

TAGS = {"div", "strong", "table", "caption", "tr", "th", "td"}
ATTRIBUTES = {"style", "scope", "aria-hidden"}


class Shown(HTMLParser):
    """What a browser shows of markup: its texts, its tags, the styles of bars; tags must close in order."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.texts: list[str] = [""]
        self.tags: list[str] = []
        self.widths: list[float] = []
        self.open: list[str] = []
        self.feed(markup)
        self.close()
        assert not self.open and set(self.tags) <= TAGS

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert {name for name, _ in attrs} <= ATTRIBUTES
        given = dict(attrs)
        if given.get("aria-hidden"):
            self.widths.append(float((given["style"] or "").removeprefix("width:").partition("%")[0]))
        self.tags.append(tag)
        self.open.append(tag)
        self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        self.texts[-1] += data

    @property
    def shown(self) -> list[str]:
        return [text for text in self.texts if text]


@given(st.text(min_size=1))
def test_any_text_is_shown_as_it_is_and_makes_no_element(name: str) -> None:
    image = ImagePrediction(
        name, name, (Prediction(name, name, 1.0, 1, False, "stored", (PathStep(name, name, "start"),)),)
    )
    parts = (paragraph(name), facts([(name, name)]), table([name], [[name]], title=name), bars([Bar(name, 1, name)]))
    for markup in (page(name, *parts), image._repr_html_(), Predictions([image] * 4)._repr_html_()):
        seen = Shown(markup).shown
        assert any(name in text for text in seen)
    assert Shown(page(name, *parts)).shown == [name] * (1 + 1 + 2 + 3 + 2)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "R&D", "\"quoted\" 'twice'", "a</td>"])
def test_names_of_classes_are_escaped_in_graphs_and_banks(name: str) -> None:
    import networkx

    graph = from_networkx(networkx.DiGraph([(name, "thing")]), name=name)
    assert any(name in text for text in Shown(graph._repr_html_()).shown)
    bank = ClassifierBank(ClassIndex((name,)), torch.ones(1, 2), torch.zeros(1), name)
    assert name in Shown(bank._repr_html_()).shown


@given(st.lists(st.floats(allow_nan=False)))
def test_bars_stay_within_their_place(shares: list[float]) -> None:
    widths = Shown(bars(Bar("a", share, "") for share in shares)).widths
    assert widths == [float(f"{100 * min(max(share, 0), 1):.1f}") for share in shares]


def test_facts_without_a_value_are_left_out() -> None:
    assert Shown(facts([("a", "1"), ("b", ""), ("c", "3")])).shown == ["a", "1", "c", "3"]


@pytest.mark.parametrize(
    ("texts", "shown", "expected"),
    [((), 2, ""), (("a",), 2, "a"), (("a", "b"), 2, "a, b"), (tuple("abcde"), 2, "a, b and 3 more")],
)
def test_some_of_many(texts: tuple[str, ...], shown: int, expected: str) -> None:
    assert some_of(texts, len(texts), shown) == expected


def test_a_graph_shows_itself() -> None:
    shown = Shown(toy_graph()._repr_html_()).shown
    facts_ = dict(zip(shown[1::2], shown[2::2]))
    assert shown[0] == "class graph toy" and (facts_["classes"], facts_["edges to parents"]) == ("12", "12")
    assert facts_["roots"] == "entity" and facts_["WordNet"] == "none (own class ids)" and "marks" not in facts_
    assert facts_["first classes"] == "entity, animal, tool, hoofed, bird, horse and 6 more"
    assert repr(toy_graph()) == "ClassGraph('toy', 12 classes, 12 edges)"


def test_a_bank_shows_how_long_its_rows_are() -> None:
    bank = toy_bank().select(["horse", "zebra"])  # weights (2, 0, 0) and (1.5, 0.5, 0), biases 0.1 and 0
    shown = Shown(bank._repr_html_()).shown
    facts_ = dict(zip(shown[1::2], shown[2::2]))
    other = (1.5**2 + 0.5**2) ** 0.5
    assert facts_["length of the weights"] == f"{other:.3g} to 2, mean {(2 + other) / 2:.3g}"
    assert facts_["biases"] == "0 to 0.1, mean 0.05"
    assert (facts_["classes"], facts_["dimensions"], facts_["backbone"]) == ("2", "3", "toy")
    assert repr(bank) == "ClassifierBank(2 classes, 3-d, backbone='toy', normalisation='none')"
    empty = bank.select([])
    assert "length of the weights" not in Shown(empty._repr_html_()).shown
