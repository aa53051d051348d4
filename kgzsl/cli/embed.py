"""``kgzsl embed``: a semantic vector for every class of a graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kgzsl.graph.class_graph import ClassGraph
    from kgzsl.semantics import AssembledSemantics, SemanticEmbedding

__all__ = ["register"]

MISSING_RULES = ("raise", "mean")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("embed")(embed_command)


def embed_command(
    graph: Annotated[str, typer.Option(metavar="NAME|DIR", help="A graph that kgzsl ships, or a graph folder.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the embeddings (.safetensors).")],
    encoder: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR", help="A sentence-transformers model: hub name or folder (default: MiniLM)."),
    ] = None,
    word_vectors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="GloVe, word2vec or fastText .vec vectors instead.")
    ] = None,
    attributes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TSV or CSV of attributes instead: class id, then numbers.")
    ] = None,
    text_form: Annotated[
        str,
        typer.Option(
            metavar="FORM",
            help="How a class is put into words: a form's name ('lemmas', 'photo + parent'), a template "
            "('a {name}, a kind of {parent}'), averages ('photo & lemmas'), parts side by side "
            "('lemmas: definition | lemmas').",
        ),
    ] = "lemmas: definition",
    wordnet: Annotated[
        Path | None, typer.Option(metavar="DIR", help="WordNet 3.0, for definitions, where it is in no usual place.")
    ] = None,
    missing: Annotated[
        str, typer.Option(metavar="raise|mean", help="What to do about classes without a vector.")
    ] = "raise",
    missing_value: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="A number in --attributes that means: not known.")
    ] = None,
    stored: Annotated[bool, typer.Option(help="Take vectors that are stored beside a graph, where they fit.")] = True,
    quantised: Annotated[
        bool, typer.Option("--quantised", help="Write int8 with a scale a row: a quarter of the size.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Embed the classes of a graph: sentence embeddings, word vectors or given attributes.

    Vectors stored beside the graph are used where encoder and text form fit; other classes are encoded now, with
    their own description, else WordNet's definition where WordNet is installed, else from their names alone.
    """
    from kgzsl.graph.storage import load_graph

    _check_options(encoder, word_vectors, attributes, missing, missing_value)
    classes = load_graph(graph)
    report: dict[str, Any] = {"graph": classes.name, "num_classes": classes.num_classes}
    bare: list[str] = []
    if word_vectors is None and attributes is None:
        found = _sentences(graph, classes, encoder, text_form, wordnet, stored)
        embedding, sources = found.embedding, found.counts
        bare = [class_id for class_id, source in found.sources.items() if source == "names"]
    else:
        embedding, sources = _given(classes, word_vectors, attributes, missing, missing_value)
    report |= {"encoder": embedding.encoder, "text_form": embedding.text_form, "dim": embedding.dim}
    report |= {"sources": sources, "from_names_alone": bare, "out": str(out)}
    embedding.save(out, quantised=quantised)
    typer.echo(json.dumps(report, indent=2) if as_json else _in_words(report))


def _check_options(
    encoder: str | None, word_vectors: Path | None, attributes: Path | None, missing: str, missing_value: float | None
) -> None:
    from kgzsl.errors import RecipeError
    from kgzsl.registry import choose

    given = {"--encoder": encoder, "--word-vectors": word_vectors, "--attributes": attributes}
    if len(chosen := [name for name, value in given.items() if value is not None]) > 1:
        raise RecipeError(
            f"{' and '.join(chosen)} stand side by side; vectors come from one of them, leave the others out."
        )
    if missing_value is not None and attributes is None:
        raise RecipeError("--missing-value speaks of --attributes, and there are none; leave it out.")
    choose(dict.fromkeys(MISSING_RULES), missing, "rule for missing vectors")


def _sentences(
    name: str,
    graph: ClassGraph,
    encoder: str | None,
    text_form: str,
    wordnet: Path | None,
    stored: bool,
) -> AssembledSemantics:
    from kgzsl.graph.wordnet import definitions
    from kgzsl.semantics import DEFAULT_ENCODER, assemble_semantics, read_text_form

    text_form = read_text_form(text_form)
    return assemble_semantics(
        graph,
        encoder=encoder or DEFAULT_ENCODER,
        stored=_stored(name, graph, text_form) if stored else (),
        define=(lambda ids: definitions(ids, wordnet, required=wordnet is not None)) if graph.wordnet_version else None,
        text_form=text_form,
    )


def _stored(name: str, graph: ClassGraph, text_form: str) -> list[SemanticEmbedding]:
    """Read the vectors beside the graph, and those that kgzsl ships where the graph is WordNet's."""
    from kgzsl.semantics import shipped_embeddings

    places = [name, *(["imagenet21k"] if graph.wordnet_version == "3.0" else [])]
    return [embedding for place in dict.fromkeys(places) for embedding in shipped_embeddings(place, text_form)]


def _given(
    graph: ClassGraph,
    word_vectors: Path | None,
    attributes: Path | None,
    missing: str,
    missing_value: float | None,
) -> tuple[SemanticEmbedding, dict[str, int]]:
    from kgzsl.semantics import WordVectors, coverage, read_attributes

    if word_vectors is not None:
        found = WordVectors(word_vectors).embed(dict(zip(graph.index, graph.texts)))
    else:
        assert attributes is not None
        found = read_attributes(attributes, missing_value=missing_value, missing=missing)
    gaps = len(coverage(found, graph.index.ids).missing)
    kind = "word vectors" if word_vectors is not None else "attributes"
    return found.select(graph.index.ids, missing), {kind: graph.num_classes - gaps, "mean of all": gaps}


def _in_words(report: dict[str, Any]) -> str:
    words = {
        "stored": "stored beside a graph",
        "definition": "encoded now, with a definition",
        "names": "encoded now, from their names alone (no definition was found)",
        "mean of all": "filled with the mean of all",
    }
    lines = [f"{report['num_classes']:,} classes of graph {report['graph']!r}, {report['dim']} numbers each"]
    lines += [f"  {count:>8,}  {words.get(source, source)}" for source, count in report["sources"].items() if count]
    lines += [f"encoder    {report['encoder']}", f"text form  {report['text_form']}", f"written to {report['out']}"]
    return "\n".join(lines)
