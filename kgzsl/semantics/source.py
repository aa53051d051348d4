"""Where the semantics of classes come from, in one line.

| written                                     | means                                                            |
|---------------------------------------------|------------------------------------------------------------------|
| ``shipped``                                 | the vectors beside the graph, what they lack encoded with MiniLM |
| ``lemmas``, ``lemmas: definition | photo``  | a text form: stored vectors where they fit, the rest encoded      |
| ``FILE.safetensors``                        | what ``kgzsl embed`` wrote                                       |
| ``sentences:NAME``                          | a sentence-transformers model, hub name or folder                |
| ``clip:NAME``, ``siglip:NAME``              | the text tower of a vision-language model, hub name or folder    |
| ``word-vectors:FILE``                       | GloVe, word2vec or fastText vectors                              |
| ``attributes:FILE``                         | a TSV, a CSV or a folder of attributes                           |

A text form stands behind an encoder with "as": ``clip:openai/clip-vit-base-patch32 as photo + parent``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError, RecipeError, SemanticsError, UnknownVariantError
from kgzsl.registry import choose
from kgzsl.semantics.assembly import DEFINITION, FILLED, GIVEN, NAMES, AssembledSemantics, assemble_semantics
from kgzsl.semantics.attributes import read_attributes
from kgzsl.semantics.embed import embed_known
from kgzsl.semantics.embedding import SemanticEmbedding
from kgzsl.semantics.encoder import ENCODERS, open_encoder, split_kind
from kgzsl.semantics.lineage import ClassTexts, Definer, lineages
from kgzsl.semantics.sentences import DEFAULT_ENCODER
from kgzsl.semantics.text_form import DEFAULT_TEXT_FORM, read_text_form, uses_definition
from kgzsl.types import ClassIds, PathLike

__all__ = ["ATTRIBUTES", "FILE", "MISSING_RULES", "SHIPPED", "SemanticSource", "fill_gaps"]

SHIPPED, FILE, ATTRIBUTES = "shipped", "file", "attributes"
WORD_VECTORS = "word-vectors"
WORD_FORM = "lemmas"
KINDS = (SHIPPED, FILE, *ENCODERS, ATTRIBUTES)
MISSING_RULES = ("raise", "mean", "below")
"""What is done about a class without a vector: refuse, take the mean of all, or of those below it in the graph."""

AS = " as "
LONGEST_PATH = 250


@dataclass(frozen=True, slots=True)
class SemanticSource:
    """Where vectors come from.

    Args:
        kind: ``shipped``, ``file``, ``attributes`` or a key of `ENCODERS`.
        place: the file, folder or name of a model; nothing for ``shipped``.
        text_form: how classes are put into words, where they are.

    Raises:
        UnknownVariantError, RecipeError: there is no such kind or text form, or a kind that has no text got a form.
    """

    kind: str = SHIPPED
    place: str = ""
    text_form: str = ""

    def __post_init__(self) -> None:
        choose(dict.fromkeys(KINDS), self.kind, "kind of semantics")
        if self.kind in (FILE, ATTRIBUTES):
            if self.text_form:
                raise RecipeError(
                    f"Text form {self.text_form!r} does not go with {self}: its vectors are given as they are; leave "
                    "it out."
                )
            return
        form = self.text_form or (WORD_FORM if self.kind == WORD_VECTORS else DEFAULT_TEXT_FORM)
        object.__setattr__(self, "text_form", read_text_form(form))

    def __str__(self) -> str:
        """Return the source as it is written, without its text form."""
        return self.place if self.kind == FILE else self.kind + (f":{self.place}" if self.place else "")

    def line(self, place: str | None = None) -> str:
        """Return the line that `read` takes, with its text form; or that of the same thing in another place."""
        named = str(self if place is None else replace(self, place=place))
        return f"{named}{AS}{self.text_form}" if self.text_form else named

    @classmethod
    def read(
        cls, text: str, text_form: str | None = None, locate: Callable[[str], PathLike] | None = None
    ) -> SemanticSource:
        """Read a source from one line.

        Args:
            text: see the head of this module.
            text_form: the text form, where the line holds none.
            locate: finds the path that a place means, such as one relative to a recipe.

        Raises:
            InputFileError: it names a file that is not there.
            UnknownVariantError, RecipeError: it is none of these, or holds a text form beside ``text_form``.

        Example:
            >>> SemanticSource.read("clip:openai/clip-vit-base-patch32 as photo")
            SemanticSource(kind='clip', place='openai/clip-vit-base-patch32', text_form='photo')
            >>> SemanticSource.read("lemmas | photo")
            SemanticSource(kind='shipped', place='', text_form='lemmas | photo')
        """
        if text_form:
            read_text_form(text_form)
        find = locate or Path
        before, found_as, behind = text.partition(AS)
        if found_as and (source := _named(before.strip(), find)):
            form = behind.strip()
        elif source := _named(text.strip(), find):
            form = None
        else:
            source, form = (SHIPPED, ""), _form(text)
        if form and text_form:
            raise RecipeError(
                f"{text!r} and text form {text_form!r} both say how classes are put into words; leave one."
            )
        return cls(*source, form or text_form or "")

    def embed(
        self,
        graph: ClassTexts,
        *,
        stored: Sequence[SemanticEmbedding] = (),
        define: Definer | None = None,
        missing: str = "raise",
        missing_value: float | None = None,
    ) -> AssembledSemantics:
        """Return a vector for every class of a graph.

        Args:
            graph: the class graph.
            stored: embeddings to take vectors from, where encoder and text form fit.
            define: looks up definitions, such as ``kgzsl.graph.wordnet.definitions``.
            missing: one of `MISSING_RULES`, for classes without a vector.
            missing_value: a number that means "not known" in a table of attributes; such cells take the mean of their
                column where ``missing`` is not ``raise``.

        Raises:
            SemanticsError: a class has no vector and ``missing`` does not fill it.
            KgzslError: the file, model or encoder is not on this machine or damaged; see the readers.
        """
        choose(dict.fromkeys(MISSING_RULES), missing, "rule for missing vectors")
        if self.kind not in (FILE, ATTRIBUTES, WORD_VECTORS):
            encoder = DEFAULT_ENCODER if self.kind == SHIPPED else f"{self.kind}:{self.place}"
            return assemble_semantics(graph, encoder=encoder, stored=stored, define=define, text_form=self.text_form)
        sources = {}
        if self.kind == FILE:
            found = SemanticEmbedding.load(self.place)
        elif self.kind == ATTRIBUTES:
            cells = "raise" if missing == "raise" else "mean"
            found = read_attributes(self.place, missing_value=missing_value, missing=cells)
        else:
            lines = lineages(graph, graph.index.ids, self.text_form, define)
            found = embed_known(lines, open_encoder(str(self)), self.text_form)
            sources = {
                one: DEFINITION if uses_definition(line[0], self.text_form) else NAMES for one, line in lines.items()
            }
        sources = {one: sources.get(one, GIVEN) if one in found.index else FILLED for one in graph.index}
        return AssembledSemantics(fill_gaps(found, graph, missing), sources)


def _named(text: str, find: Callable[[str], PathLike]) -> tuple[str, str] | None:
    """Return kind and place of a source without a text form; None where a text names none."""
    if text == SHIPPED:
        return SHIPPED, ""
    kind, place = split_kind(text, KINDS)
    if kind is None and ("{" in text or len(text) > LONGEST_PATH):
        return None
    path = Path(find(place))
    if kind in (None, FILE):
        if path.is_file():
            return FILE, str(path)
        if kind or Path(text).suffix == ".safetensors":
            raise InputFileError(f"Semantics name {text!r}: no such file. Check the path, or make it with kgzsl embed.")
        return None
    if kind in (WORD_VECTORS, ATTRIBUTES) and not path.exists():
        raise InputFileError(f"Semantics name {text!r}: there is no {place!r}. Check the path.")
    return str(kind), str(path) if path.exists() else place


def _form(text: str) -> str:
    try:
        return read_text_form(text)
    except UnknownVariantError as error:
        kinds = ", ".join(f"{kind}:..." for kind in KINDS if kind not in (SHIPPED, FILE))
        raise UnknownVariantError(
            f"{text!r} names no semantics; expected {SHIPPED}, a file of kgzsl embed, {kinds}, or a text form. {error}"
        ) from error


def fill_gaps(embedding: SemanticEmbedding, graph: ClassTexts, missing: str) -> SemanticEmbedding:
    """Return the vectors of a graph's classes, in its order, with those that are missing filled in.

    Args:
        embedding: the vectors there are.
        graph: the class graph.
        missing: one of `MISSING_RULES`. With ``below`` a class takes the mean over all classes with a vector that are
            below it, each counted once.

    Raises:
        SemanticsError: a class has no vector and cannot be filled so.
    """
    ids = graph.index.ids
    index = ClassIndex(ids, graph.index.owner)
    if missing == "below" and embedding.missing(ids):
        embedding = embedding.concat(_from_below(embedding, graph))
    return replace(embedding.select(ids, missing="mean" if missing == "mean" else "raise"), index=index)


def _from_below(embedding: SemanticEmbedding, graph: ClassTexts) -> SemanticEmbedding:
    """Return vectors of classes that have none: the mean of those below."""
    below: dict[str, list[str]] = {class_id: [] for class_id in embedding.missing(graph.index.ids)}
    for class_id in graph.index:
        for above in _ancestors(graph, class_id) if class_id in embedding.index else ():
            if above in below:
                below[above].append(class_id)
    if bare := [class_id for class_id, held in below.items() if not held]:
        raise SemanticsError(
            f"{len(bare)} classes have no vector and none below them has ({bare[0]!r} first); give them one, or fill "
            'the gaps with missing = "mean".'
        )
    vectors = [embedding.vectors[torch.from_numpy(embedding.index.rows(held))].mean(dim=0) for held in below.values()]
    return replace(embedding, index=ClassIndex(tuple(below), "filled classes"), vectors=torch.stack(vectors))


def _ancestors(graph: ClassTexts, class_id: str) -> ClassIds:
    found: dict[str, None] = {}
    waiting = list(graph.parents(class_id))
    while waiting:
        above = waiting.pop()
        if above not in found:
            found[above] = None
            waiting += graph.parents(above)
    return tuple(found)
