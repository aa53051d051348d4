"""``kgzsl link``: what people write, to the classes they mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.completion import GRAPHS
from kgzsl.cli.graph import SEEN_LISTS, SHIPPED
from kgzsl.cli.several_values import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.graph.class_graph import ClassGraph
    from kgzsl.naming import Candidate, ClassResolver, Link, LinkedLabels, Linker

__all__ = ["register"]

HELP = """Find the classes that names mean, and list the candidates where they could mean several.

A name may be a word, a phrase, an id, or several names of one class with commas between; plurals, British and
American spelling, hyphens and accents do not matter, and words in brackets say which sense is meant: 'crane (bird)'.
Nothing is guessed: what could mean two classes is ambiguous, and a misspelt name is unknown, with suggestions. Persons
are linked with --include-person only.

A list of labels (--file) is linked as a whole: ImageNet's order is recognised, and so is what holds for its labels.
--tsv writes a table that training takes as seen_bank.labels; a ? in it is to be filled in.

Exit code 0: every name is linked; 1: some are not; 2: bad input.

Examples:

kgzsl link okapi "great white sharks" "crane (bird)"

kgzsl link crane --within animal.n.01

kgzsl link --file labels.txt --tsv labels.tsv
"""

MARKS = (("in_graph", "in graph"), ("is_seen", "seen"), ("is_person", "person"))
LISTED, PIPED_WIDTH = 5, 240
IMAGENET_GRAPH = "imagenet21k"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("link", cls=ListOptionCommand, help=HELP)(link_command)


def link_command(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="What to link.")] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Labels: one a line, a JSON list, or a model's config.json.")
    ] = None,
    run: Annotated[Path | None, typer.Option(metavar="RUN", help="Say what a run's graph has, and has seen.")] = None,
    graph: Annotated[
        str | None,
        typer.Option(
            metavar="GRAPH", help="The same of a graph, by name or folder; else imagenet21k.", autocompletion=GRAPHS
        ),
    ] = None,
    in_graph: Annotated[
        bool, typer.Option("--in-graph", help="Only classes of the graph, not all nouns of WordNet.")
    ] = False,
    within: Annotated[
        list[str] | None, typer.Option(metavar="CLASS...", help="Only these classes and what is below them.")
    ] = None,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="The labels hold all lemmas of their classes; lists are looked at for it."),
    ] = False,
    by_name: Annotated[bool, typer.Option("--by-name", help="Do not look for ImageNet's order.")] = False,
    include_person: Annotated[bool, typer.Option("--include-person", help="Link to classes of persons too.")] = False,
    first_sense: Annotated[
        bool, typer.Option("--first-sense", help="Of several senses take WordNet's first, where it is known.")
    ] = False,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Ask on the terminal about each name that is not linked.")
    ] = False,
    tsv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a labels table; show the rest only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, an object a name.")] = False,
) -> None:
    """Link names to classes."""
    from kgzsl.errors import InputFileError
    from kgzsl.naming import LinkedLabels, imagenet_order, link_list, read_labels, write_table

    if bool(names) == (file is not None):
        raise InputFileError("Give names, or a file of labels with --file: one of the two.")
    if run is not None and graph is not None:
        raise InputFileError("Name a run, or a graph with --graph: one of the two.")
    labels = list(names or []) if file is None else read_labels(file)
    linker = _linker(run, graph, in_graph, within or [], include_person=include_person, first_sense=first_sense)
    order = () if by_name else imagenet_order(linker.graph, graph or IMAGENET_GRAPH)
    found = link_list(linker, labels, order=order, complete=complete)
    if interactive:
        found = LinkedLabels(_asked(linker, found.links), found.is_complete, found.in_graph, found.by_order)
    if tsv is not None:
        write_table(tsv, found.links)
    if as_json:
        typer.echo(json.dumps([link.to_json() for link in found.links], indent=2, ensure_ascii=False))
    else:
        _show([link for link in found.links if tsv is None or not link.is_settled])
    _say(found, tsv)
    if not all(link.is_settled for link in found.links):
        raise typer.Exit(1)


def _linker(
    run: Path | None,
    graph: str | None,
    in_graph: bool,
    within: Sequence[str],
    *,
    include_person: bool,
    first_sense: bool,
) -> Linker:
    from kgzsl.graph import find_graph, load_graph, load_split_list, split_names
    from kgzsl.naming import ClassResolver, Linker

    if run is None:
        folder = find_graph(graph or IMAGENET_GRAPH)
        classes = load_graph(folder)
        lists = [part for part in SEEN_LISTS if part in split_names(folder)]
        seen = load_split_list(folder, lists[0]) if lists else None
        resolver = ClassResolver(classes, None if in_graph else lambda: load_graph(SHIPPED))
    else:
        classes, seen, resolver = _of_run(run)
    top = [resolver.resolve(name) for name in within]
    nouns = None if in_graph else resolver.nouns
    return Linker(classes, nouns, seen=seen, within=top, include_person=include_person, first_sense=first_sense)


def _of_run(folder: Path) -> tuple[ClassGraph, tuple[str, ...], ClassResolver]:
    """Return the graph of a run with what was added to it, its seen classes, and what resolves names strictly."""
    from kgzsl.classifier import ZeroShotClassifier

    classifier = ZeroShotClassifier.load(folder)
    graph = classifier.graph_with(classifier.added.added_ids)
    return graph, classifier.split_classes("seen", include_person=True), classifier.resolver


def _asked(linker: Linker, links: Sequence[Link]) -> tuple[Link, ...]:
    """Ask about each label that is not settled, until the input ends."""
    asked: list[Link] = []
    for place, link in enumerate(links):
        try:
            asked.append(link if link.is_settled else _ask(linker, link))
        except typer.Abort:
            typer.echo("\nnote: the input ended; the names left are as they were.", err=True)
            return (*asked, *links[place:])
    return tuple(asked)


def _ask(linker: Linker, link: Link) -> Link:
    """Ask which candidate a label means; a number, an id or other words answer, nothing leaves it."""
    listed = link.possible or link.candidates
    typer.echo(f"{link.label!r} is {link.status}:", err=True)
    for number, candidate in enumerate(listed, start=1):
        typer.echo(f"  {number}. {candidate}{_beside(candidate)} [{_marks(candidate)}]", err=True)
    while True:
        answer = typer.prompt("number, id or other name (nothing: leave it)", default="", show_default=False, err=True)
        if not answer.strip():
            return link
        answer = answer.strip()
        if answer.isdecimal():  # a place in the list and nothing else: 9 is a noun as well
            if 1 <= int(answer) <= len(listed):
                return link.chosen(listed[int(answer) - 1])
        elif (other := linker.link(answer)).class_id is not None:
            return link.chosen(other.candidates[0])
        typer.echo(f"{answer!r} is neither a number from 1 to {len(listed)} nor a name of one class.", err=True)


def _beside(candidate: Candidate) -> str:
    return f", beside {', '.join(candidate.siblings)}" if candidate.siblings else ""


def _marks(candidate: Candidate) -> str:
    marks = [word for name, word in MARKS if getattr(candidate, name)]
    return ", ".join(marks) or "not in graph"


def _show(links: Sequence[Link]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not links:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("name", "status", "class", "", "why", "marks", "place"):
        table.add_column(name, overflow="fold")
    for link in links:
        for cells in _rows(link):
            table.add_row(*map(Text, cells))  # as they are: names may hold what rich takes for markup
    console = Console()
    console = console if console.is_terminal else Console(width=PIPED_WIDTH)  # a line a candidate, for other programs
    console.print(table)


def _rows(link: Link) -> list[tuple[str, ...]]:
    """Return the lines of a label: what it means, or what it could mean."""
    listed = link.possible or link.candidates[:LISTED]
    if not listed:
        return [(link.label, link.status, "-", "", link.note, "", "")]
    heads = [(link.label, link.status), *([("", "")] * (len(listed) - 1))]
    rows: list[tuple[str, ...]] = [
        (*head, one.class_id, one.text.name, one.reason, _marks(one), " < ".join((one.text.label, *one.path)))
        for head, one in zip(heads, listed)
    ]
    return [*rows, *([("", "", "", "", link.note, "", "")] if link.note else [])]


def _say(found: LinkedLabels, tsv: Path | None) -> None:
    from kgzsl.naming import AMBIGUOUS, UNKNOWN

    settled = sum(link.is_settled for link in found.links)
    counts = {"ambiguous": found.count(AMBIGUOUS), "unknown": found.count(UNKNOWN)}
    rest = "".join(f", {count:,} {status}" for status, count in counts.items() if count)
    typer.echo(f"{settled:,} of {len(found):,} linked{rest}", err=True)
    if found.by_order:
        typer.echo("note: the labels stand in ImageNet's order", err=True)
    if found.is_complete:
        typer.echo("note: taken to hold all lemmas of their classes, as the labels of several names do", err=True)
    if found.in_graph:
        typer.echo("note: every label that links alone is in the graph, so classes outside were ruled out", err=True)
    if tsv is not None and settled < len(found):
        typer.echo(f"{tsv}: put an id in the place of each ?, or - for a label to leave out", err=True)
