"""The HTML by which results show themselves in a notebook: facts, tables and bars, without scripts.

Every text that comes in is escaped; what comes out is `Html`, and only `page` joins such parts. Styles stand in the
elements: text keeps the colour of the page and bars are see-through, so that light and dark pages show both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import NewType

__all__ = ["Bar", "Html", "bars", "facts", "page", "paragraph", "some_of", "table"]

Html = NewType("Html", str)
"""Markup that was made here: texts in it are escaped."""

CELL = "padding:.1em .6em;text-align:"
PLAIN = "background:none;color:inherit"
FAINT = "opacity:.75"
BLUE, GREY = "rgba(64,132,244,.55)", "rgba(128,128,128,.45)"
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One ranked bar.

    Args:
        name: what it is of.
        share: its length, 0 to 1; what lies outside is cut.
        value: its number, as text.
        note: what stands behind it, smaller.
        strong: written bold.
        grey: in grey instead of blue.
    """

    name: str
    share: float
    value: str
    note: str = ""
    strong: bool = False
    grey: bool = False


def page(title: str, *parts: Html) -> Html:
    """Return parts below each other, under a bold title.

    Example:
        >>> page("R&D", paragraph("a < b")).count("&lt;")
        1
    """
    return Html(f'<div style="margin:.5em 0;color:inherit"><strong>{escape(title)}</strong>{"".join(parts)}</div>')


def paragraph(text: str) -> Html:
    """Return a line of text in smaller letters."""
    return Html(f'<div style="font-size:90%;margin:.3em 0;{FAINT}">{escape(text)}</div>')


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Return a table of two columns: what, and its value. Pairs without a value are left out."""
    rows = "".join(
        f'<tr style="{PLAIN}"><th scope="row" style="{CELL}left;font-weight:normal;{FAINT}">'
        f'{escape(name)}</th><td style="{CELL}left">{escape(value)}</td></tr>'
        for name, value in pairs
        if value
    )
    return Html(f'<table style="border-collapse:collapse;margin:.3em 0">{rows}</table>')


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1, title: str = "") -> Html:
    """Return a table.

    Args:
        head: the names of the columns.
        rows: the cells, as many as there are columns.
        left: so many first columns are words, at the left; the others are numbers, at the right.
        title: what stands above it.
    """
    heads = _cells("th", head, left, ' scope="col"')
    body = "".join(f'<tr style="{PLAIN}">{_cells("td", row, left)}</tr>' for row in rows)
    caption = (
        f'<caption style="caption-side:top;text-align:left;color:inherit">{escape(title)}</caption>' if title else ""
    )
    shape = "border-collapse:collapse;margin:.3em 0;font-variant-numeric:tabular-nums"
    return Html(f'<table style="{shape}">{caption}<tr style="{PLAIN}">{heads}</tr>{body}</table>')


def _cells(tag: str, texts: Sequence[str], left: int, attribute: str = "") -> str:
    sides = ("left" if column < left else "right" for column in range(len(texts)))
    return "".join(f'<{tag}{attribute} style="{CELL}{side}">{escape(text)}</{tag}>' for side, text in zip(sides, texts))


def bars(ranked: Iterable[Bar]) -> Html:
    """Return bars below each other: name, bar, number, note. The number says what the bar shows."""
    shape = "border-collapse:collapse;margin:.2em 0;font-variant-numeric:tabular-nums"
    return Html(f'<table style="{shape}">{"".join(map(_bar, ranked))}</table>')


def _bar(bar: Bar) -> str:
    weight = "bold" if bar.strong else "normal"
    percent = 100 * min(max(bar.share, 0.0), 1.0)
    drawn = f"width:{percent:.1f}%;height:.8em;background:{GREY if bar.grey else BLUE};border-radius:.2em"
    return (
        f'<tr style="{PLAIN}"><td style="{CELL}left;white-space:nowrap;font-weight:{weight}">{escape(bar.name)}</td>'
        f'<td style="{CELL}left;width:12em"><div aria-hidden="true" style="{drawn}"></div></td>'
        f'<td style="{CELL}right">{escape(bar.value)}</td>'
        f'<td style="{CELL}left;font-size:85%;{FAINT}">{escape(bar.note)}</td></tr>'
    )


def some_of(texts: Iterable[str], total: int, shown: int = SHOWN) -> str:
    """Return the first few texts and how many more there are.

    Example:
        >>> some_of(["zebra", "okapi", "owl"], 3, shown=2)
        'zebra, okapi and 1 more'
    """
    first = list(islice(texts, shown))
    return ", ".join(first) + (f" and {total - len(first):,} more" if total > len(first) else "")
