"""``kgzsl embed``: a semantic vector for every class of a graph."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgzsl.cli.completion import GRAPHS, TEXT_FORMS

if TYPE_CHECKING:
    from kgzsl.graph.class_graph import ClassGraph
    from kgzsl.semantics import SemanticEmbedding, SemanticSource

__all__ = ["register"]

HELP = """Embed the classes of a graph: text encoders, word vectors or given attributes.

Vectors stored beside the graph are used where encoder and text form fit; other classes are encoded now, with their own
description, else WordNet's definition where WordNet is installed, else from their names alone.

Examples:

kgzsl embed --graph my-graph --out my-graph/embeddings.safetensors

kgzsl embed --graph imagenet21k --text-form 'lemmas: definition | lemmas' --out both.safetensors

kgzsl embed --graph imagenet21k --semantics clip:openai/clip-vit-base-patch32 --text-form photo --out clip.safetensors
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("embed", help=HELP)(embed_command)


def embed_command(
    graph: Annotated[
        str,
        typer.Option(metavar="NAME|DIR", help="A graph that kgzsl ships, or a graph folder.", autocompletion=GRAPHS),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the embeddings (.safetensors).")],
    semantics: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="What makes the vectors: sentences:NAME, clip:NAME, siglip:NAME, word-vectors:FILE or "
            "attributes:FILE; the default is the sentence encoder MiniLM.",
        ),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="The same as --semantics sentences:NAME.")
    ] = None,
    word_vectors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The same as --semantics word-vectors:FILE.")
    ] = None,
    attributes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The same as --semantics attributes:FILE.")
    ] = None,
    text_form: Annotated[
        str | None,
        typer.Option(
            metavar="FORM",
            help="How a class is put into words: a form's name ('lemmas', 'photo + parent'), a template "
            "('a {name}, a kind of {parent}'), averages ('photo & lemmas'), parts side by side "
            "('lemmas: definition | lemmas'). See kgzsl list-options text-forms.",
            autocompletion=TEXT_FORMS,
        ),
    ] = None,
    wordnet: Annotated[
        Path | None, typer.Option(metavar="DIR", help="WordNet 3.0, for definitions, where it is in no usual place.")
    ] = None,
    missing: Annotated[
        str,
        typer.Option(
            metavar="raise|mean|below",
            help="Classes without a vector: refuse, or take the mean of all, or of the classes below them.",
        ),
    ] = "raise",
    missing_value: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="A number among attributes that means: not known.")
    ] = None,
    stored: Annotated[bool, typer.Option(help="Take vectors that are stored beside a graph, where they fit.")] = True,
    quantised: Annotated[
        bool, typer.Option("--quantised", help="Write int8 with a scale a row: a quarter of the size.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Embed the classes of a graph."""
    from kgzsl.graph.storage import load_graph

    given = {"--semantics": semantics, "--encoder": encoder, "--word-vectors": word_vectors, "--attributes": attributes}
    source = _source(given, text_form, missing_value)
    classes = load_graph(graph)
    found = source.embed(
        classes,
        stored=_stored(graph, classes, source.text_form) if stored else (),
        define=_definer(classes, wordnet),
        missing=missing,
        missing_value=missing_value,
    )
    embedding = found.embedding
    embedding.save(out, quantised=quantised)
    report: dict[str, Any] = {"graph": classes.name, "num_classes": classes.num_classes}
    report |= {"encoder": embedding.encoder, "text_form": embedding.text_form, "dim": embedding.dim}
    bare = [class_id for class_id, origin in found.sources.items() if origin == "names"]
    report |= {"sources": found.counts, "from_names_alone": bare, "out": str(out)}
    typer.echo(json.dumps(report, indent=2) if as_json else _in_words(report))


def _source(given: dict[str, str | Path | None], text_form: str | None, missing_value: float | None) -> SemanticSource:
    """Return the one source that the options name."""
    from kgzsl.errors import RecipeError
    from kgzsl.semantics import SemanticSource

    chosen = {name: str(value) for name, value in given.items() if value is not None}
    if len(chosen) > 1:
        raise RecipeError(
            f"{' and '.join(chosen)} stand side by side; vectors come from one of them, leave others out."
        )
    kinds = {"--encoder": "sentences", "--word-vectors": "word-vectors", "--attributes": "attributes"}
    option, value = next(iter(chosen.items()), ("--semantics", "shipped"))
    has_kind = option == "--semantics" or value.partition(":")[0] in ("sentences", "clip", "siglip")
    source = SemanticSource.read(value if has_kind else f"{kinds[option]}:{value}", text_form)
    if missing_value is not None and source.kind != "attributes":
        raise RecipeError("--missing-value speaks of --attributes, and there are none; leave it out.")
    return source


def _definer(graph: ClassGraph, wordnet: Path | None) -> Callable[[Sequence[str]], dict[str, str]] | None:
    from kgzsl.graph.wordnet import definitions

    if graph.wordnet_version is None:
        return None
    return lambda class_ids: definitions(class_ids, wordnet, required=wordnet is not None)


def _stored(name: str, graph: ClassGraph, text_form: str) -> list[SemanticEmbedding]:
    """Read the vectors beside the graph, and those that kgzsl ships where the graph is WordNet's."""
    from kgzsl.semantics import shipped_embeddings

    places = [name, *(["imagenet21k"] if graph.wordnet_version == "3.0" else [])]
    return [embedding for place in dict.fromkeys(places) for embedding in shipped_embeddings(place, text_form)]


def _in_words(report: dict[str, Any]) -> str:
    words = {
        "stored": "stored beside a graph",
        "definition": "encoded now, with a definition",
        "names": "encoded now, from their names alone (no definition was found)",
        "given": "as the file has them",
        "filled": "filled from other classes",
    }
    lines = [f"{report['num_classes']:,} classes of graph {report['graph']!r}, {report['dim']} numbers each"]
    lines += [f"  {count:>8,}  {words.get(source, source)}" for source, count in report["sources"].items() if count]
    lines += [f"encoder    {report['encoder']}", f"text form  {report['text_form']}", f"written to {report['out']}"]
    return "\n".join(lines)
