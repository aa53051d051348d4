"""``kgzsl graph``: build class graphs, look at them, find the way from a class upward."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgzsl.cli.completion import GRAPHS

if TYPE_CHECKING:
    from kgzsl.graph.class_graph import ClassGraph

__all__ = ["build", "info", "list_classes", "path", "register"]

HELP = """Build class graphs, look at them, find the way from a class upward.

Examples:

kgzsl graph info imagenet21k

kgzsl graph path okapi

kgzsl graph list "2-hops-winter2021 - person"

kgzsl graph build --induce closed --classes my-classes.txt --out my-graph

kgzsl graph build --taxonomy parts.tsv --out parts
"""
SEEN_LISTS = ("seen", "ilsvrc2012-seen")
SHIPPED = "wordnet-nouns"

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    for command in (build, info, path):
        group.command()(command)
    group.command("list")(list_classes)
    app.add_typer(group, name="graph")


def build(
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write; without it, kgzsl's own.")] = None,
    induce: Annotated[
        str | None, typer.Option(metavar="closed|contracted|published|full", help="What to take of the full graph.")
    ] = None,
    classes: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A list of classes, a name or id a line; may be repeated.")
    ] = None,
    source: Annotated[str, typer.Option(metavar="GRAPH", help="The full graph, by name or folder.")] = SHIPPED,
    taxonomy: Annotated[Path | None, typer.Option(metavar="FILE", help="An own taxonomy, TSV or JSON.")] = None,
    wordnet: Annotated[Path | None, typer.Option(metavar="DIR", help="A folder with WordNet 3.0.")] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Let nltk download WordNet where it is missing.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Name of the new graph; its folder's where not given.")] = None,
    embeddings: Annotated[bool, typer.Option("--embeddings", help="Embed its classes too (minutes).")] = False,
    encoder: Annotated[str | None, typer.Option(metavar="NAME", help="The text encoder for --embeddings.")] = None,
    as_json: Json = False,
) -> None:
    """Build a class graph and write its folder.

    With no option but --out, --wordnet, --download and --embeddings the two graphs that kgzsl ships are built again
    from WordNet: wordnet-nouns and imagenet21k. Otherwise one graph, of listed classes or of an own taxonomy.

    Inductions: closed = the classes and all above them; contracted = the same, chains without a listed class removed;
    published = the classes and the direct hypernym edges among them (without --classes the graph of the DGP paper);
    full = everything.
    """
    if taxonomy is None and induce is None and not classes:
        built = _build_shipped(out, wordnet, download)
    else:
        full = _full_graph(taxonomy, source, wordnet, download)
        built = _build_one(full, induce or ("closed" if classes else "full"), classes or [], out, name)
    reports = [_report(graph, folder, wordnet, embeddings, encoder) for graph, folder in built]
    if as_json:
        typer.echo(json.dumps(reports, indent=2, ensure_ascii=False))
        return
    for report in reports:
        typer.echo(f"{report['folder']}: {report['classes']:,} classes, {report['edges']:,} edges{report['note']}")


def _build_shipped(out: Path | None, wordnet: Path | None, download: bool) -> list[tuple[ClassGraph, Path]]:
    from kgzsl.graph.build import IMAGENET, build_shipped
    from kgzsl.graph.wordnet import noun_graph
    from kgzsl.runtime import shipped_path

    folder = out or shipped_path("graphs", IMAGENET).parent
    graphs = build_shipped(noun_graph(wordnet, download=download), folder)
    return [(graph, folder / name) for name, graph in graphs.items()]


def _full_graph(taxonomy: Path | None, source: str, wordnet: Path | None, download: bool) -> ClassGraph:
    from kgzsl.graph import load_graph, read_taxonomy
    from kgzsl.graph.wordnet import noun_graph

    if taxonomy is not None:
        return read_taxonomy(taxonomy)
    if wordnet is not None or download:
        return noun_graph(wordnet, download=download)
    return load_graph(source)


def _build_one(
    full: ClassGraph, induction: str, classes: list[Path], out: Path | None, name: str | None
) -> list[tuple[ClassGraph, Path]]:
    from kgzsl.errors import InputFileError
    from kgzsl.graph import load_split_list, save_graph, split_names
    from kgzsl.graph.build import IMAGENET, induce
    from kgzsl.naming.resolver import ClassResolver

    if out is None:
        raise InputFileError("Where should the graph go? Name a folder with --out DIR.")
    if classes:
        resolver = ClassResolver(full)
        lists = {file.stem: resolver.resolve_file(file) for file in classes}
    elif induction != "full" and full.wordnet_version is None:
        raise InputFileError(f"Induction {induction!r} of an own taxonomy needs the wanted classes: --classes FILE.")
    else:
        lists = {}
    command = f"kgzsl graph build --induce {induction}"
    graph = induce(full, induction, lists, name=name or out.name, command=command)
    shipped = [] if lists or induction == "full" else split_names(IMAGENET)
    save_graph(graph, out, lists or {part: load_split_list(IMAGENET, part) for part in shipped})
    return [(graph, out)]


def _report(
    graph: ClassGraph, folder: Path, wordnet: Path | None, embeddings: bool, encoder: str | None
) -> dict[str, Any]:
    from kgzsl.graph.build import EMBEDDINGS, NOUNS, embeddings_fit

    report = {"name": graph.name, "folder": str(folder), "classes": graph.num_classes, "edges": len(graph.edges)}
    fits = embeddings_fit(graph, folder)
    note = "" if fits is None else f", {EMBEDDINGS} kept"
    if embeddings and graph.name != NOUNS:
        note = _embed(graph, folder / EMBEDDINGS, wordnet, encoder)
    elif fits is False:
        note = f"; {EMBEDDINGS} beside it is of other classes: make it anew with --embeddings"
    return report | {"note": note}


def _embed(graph: ClassGraph, file: Path, wordnet: Path | None, encoder: str | None) -> str:
    from kgzsl.graph.wordnet import with_definitions
    from kgzsl.semantics import DEFAULT_ENCODER, embed_graph

    graph = with_definitions(graph, wordnet)
    defined = sum(text.definition is not None for text in graph.texts)
    embed_graph(graph, encoder=encoder or DEFAULT_ENCODER).save(file, quantised=True)
    return f"; embedded, {defined:,} of the classes with their definition, the others from their names alone"


def info(
    graph: Annotated[str, typer.Argument(metavar="GRAPH", help="Name or folder.", autocompletion=GRAPHS)],
    as_json: Json = False,
) -> None:
    """Show what a class graph holds: classes, edges, roots, depth, parts, marks, lists, embeddings."""
    from kgzsl.graph import find_graph, load_graph, load_split_list, releases, split_names
    from kgzsl.graph.build import EMBEDDINGS, embeddings_fit
    from kgzsl.graph.summary import summarise
    from kgzsl.runtime import tensor_metadata

    loaded, folder = load_graph(graph), find_graph(graph)
    summary = summarise(loaded)
    facts = {field: getattr(summary, field) for field in summary.__slots__}
    facts["roots"] = [{"class": root, "name": loaded.text(root).name} for root in summary.roots]
    lists = {name: load_split_list(folder, name) for name in split_names(folder)}
    facts["lists"] = {
        name: {"classes": len(ids), "in_graph": sum(class_id in loaded.index for class_id in ids)}
        for name, ids in lists.items()
    }
    facts["releases"] = {
        release: {name: len(set(ids) - gone) for name, ids in lists.items() if not name.endswith("-removed")}
        for release, gone in releases(folder).items()
    }
    fits = embeddings_fit(loaded, folder)
    facts["embeddings"] = None
    if fits is not None:
        metadata = tensor_metadata(folder / EMBEDDINGS)
        facts["embeddings"] = {"encoder": metadata.get("encoder"), "text_form": metadata.get("text_form"), "fits": fits}
    typer.echo(json.dumps(facts, indent=2, ensure_ascii=False) if as_json else _info_text(facts))


def _info_text(facts: dict[str, Any]) -> str:
    roots = ", ".join(root["name"] for root in facts["roots"][:3])
    more = f", ... ({len(facts['roots']):,})" if len(facts["roots"]) > 3 else ""
    embedded = facts["embeddings"]
    rows = {
        "graph": facts["name"],
        "WordNet": facts["wordnet"] or "none, an own taxonomy",
        "classes": f"{facts['num_classes']:,}, {facts['several_parents']:,} with several parents",
        "edges": ", ".join(f"{count:,} {relation}" for relation, count in facts["edges"].items()) or "none",
        "roots": roots + more,
        "depth": facts["depth"],
        "components": f"{facts['num_components']:,}",
        "marked": ", ".join(f"{count:,} {mark}" for mark, count in facts["marks"].items()) or "none",
        "embeddings": f"{embedded['encoder']} of {embedded['text_form']!r}" if embedded else "none",
    }
    if embedded and not embedded["fits"]:
        rows["embeddings"] += ", of other classes than the graph's"
    for name, list_facts in facts["lists"].items():
        rows[f"list {name}"] = f"{list_facts['classes']:,} classes, {list_facts['in_graph']:,} of them in the graph"
        kept = {release: counts[name] for release, counts in facts["releases"].items() if name in counts}
        rows[f"list {name}"] += "".join(f", {count:,} in {release}" for release, count in kept.items())
    width = max(map(len, rows))
    return "\n".join(f"{key:<{width}}  {value}" for key, value in rows.items())


def list_classes(
    classes: Annotated[
        str,
        typer.Argument(
            metavar="LIST",
            help="A list beside the graph (2-hops), the same in another release (2-hops-winter2021), a mark (person), "
            'or several with " - " (without), " & " (in both) or " + " (and) between them.',
        ),
    ],
    graph: Annotated[str, typer.Option(metavar="GRAPH", help="Name or folder.", autocompletion=GRAPHS)] = "imagenet21k",
    names: Annotated[bool, typer.Option("--names", help="Print the name behind each id.")] = False,
    as_json: Json = False,
) -> None:
    """Print the ids of a class list, one a line, such as: kgzsl graph list "all-winter2021 - person" > list.txt."""
    from kgzsl.graph import load_graph, read_class_list

    loaded = load_graph(graph)
    ids = read_class_list(classes, loaded, graph)
    if as_json:
        known = {class_id: loaded.text(class_id).name if class_id in loaded.index else None for class_id in ids}
        typer.echo(json.dumps([{"class": i, "name": name} for i, name in known.items()], indent=2, ensure_ascii=False))
        return
    lines = [f"{i}\t{loaded.text(i).name}" if names and i in loaded.index else i for i in ids]
    if lines:
        typer.echo("\n".join(lines))


def path(
    name: Annotated[str, typer.Argument(metavar="CLASS", help="okapi, okapi.n.01, n02439398 or an own id.")],
    graph: Annotated[str, typer.Option(metavar="GRAPH", help="Name or folder.", autocompletion=GRAPHS)] = "imagenet21k",
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many ways upward.")] = 5,
    as_json: Json = False,
) -> None:
    """Show the ways from a class up to a root, and to the nearest seen class."""
    from kgzsl.graph import find_graph, load_graph, load_split_list, paths_to_root, shortest_path, split_names
    from kgzsl.naming.resolver import ClassResolver

    loaded = load_graph(graph)
    resolver = ClassResolver(loaded, nouns=lambda: load_graph(SHIPPED))
    class_id = resolver.resolve(name)
    here = class_id in loaded.index
    around = loaded if here or resolver.nouns is None else resolver.nouns
    lists = [part for part in SEEN_LISTS if part in split_names(find_graph(graph))]
    seen = load_split_list(graph, lists[0]) if lists else ()
    way = shortest_path(around, class_id, seen)

    def named(ids: tuple[str, ...]) -> list[dict[str, str]]:
        return [{"class": i, "name": around.text(i).name, "label": around.text(i).label} for i in ids]

    facts = named((class_id,))[0] | {
        "graph": loaded.name,
        "in_graph": here,
        "is_seen": class_id in seen if lists else None,
        "marks": sorted(mark for mark, ids in around.marks.items() if class_id in ids),
        "paths": [named(upward) for upward in paths_to_root(around, class_id, limit)],
        "nearest_seen": named(way[-1:])[0] | {"hops": len(way) - 1, "path": named(way)} if way else None,
    }
    typer.echo(json.dumps(facts, indent=2, ensure_ascii=False) if as_json else _path_text(facts))


def _path_text(facts: dict[str, Any]) -> str:
    state = [{True: "seen", False: "unseen", None: "no seen classes known"}[facts["is_seen"]], *facts["marks"]]
    if not facts["in_graph"]:
        state.append(f"not in graph {facts['graph']}, shown among all nouns")
    lines = [f"{facts['label']}  {facts['class']}  {facts['name']}  ({', '.join(state)})"]
    lines += ["  up: " + " < ".join(step["label"] for step in upward) for upward in facts["paths"]]
    nearest = facts["nearest_seen"]
    if nearest and nearest["hops"]:
        way = " - ".join(step["label"] for step in nearest["path"])
        hops = "1 hop" if nearest["hops"] == 1 else f"{nearest['hops']} hops"
        lines.append(f"  nearest seen class: {nearest['label']} ({nearest['class']}), {hops}: {way}")
    return "\n".join(lines)
