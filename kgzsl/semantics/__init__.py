"""Room 2, the meaning of classes: from class texts to a vector a class.

In: class texts (lemmas, definitions), word vector files, attribute tables. Out: a `SemanticEmbedding`, rows chosen by
class id, with the encoder and text form that made it.

Variants: sentence embeddings (Reimers and Gurevych, EMNLP 2019; the default, definitions help names a lot), word
vectors averaged over lemmas (as GCNZ, CVPR 2018), and given attribute matrices through `read_attributes`, which have
no text to encode.
"""

from collections.abc import Callable

from kgzsl.quantisation import quantise
from kgzsl.semantics.assembly import SOURCES, AssembledSemantics, assemble_semantics, is_stored
from kgzsl.semantics.attributes import read_attributes
from kgzsl.semantics.coverage import Coverage, coverage
from kgzsl.semantics.embedding import SemanticEmbedding, same_encoder
from kgzsl.semantics.encoder import (
    SemanticEncoder,
    average,
    embed_classes,
    embed_graph,
    embed_lineages,
    open_encoder,
    side_by_side,
)
from kgzsl.semantics.lineage import ClassTexts, Lineages, lineages
from kgzsl.semantics.sentences import DEFAULT_ENCODER, SentenceEncoder
from kgzsl.semantics.shipped import EMBEDDINGS_FILE, has_shipped, load_shipped, shipped_embeddings
from kgzsl.semantics.text_form import DEFAULT_TEXT_FORM, TEXT_FORMS, parts_of, read_text_form, write_class
from kgzsl.semantics.word_vectors import WordVectors

ENCODERS: dict[str, Callable[[str], SemanticEncoder]] = {"sentences": SentenceEncoder, "word-vectors": WordVectors}
"""Encoders by name; each is built from a model's name or folder, or a file."""

__all__ = [
    "DEFAULT_ENCODER",
    "DEFAULT_TEXT_FORM",
    "EMBEDDINGS_FILE",
    "ENCODERS",
    "SOURCES",
    "TEXT_FORMS",
    "AssembledSemantics",
    "ClassTexts",
    "Coverage",
    "Lineages",
    "SemanticEmbedding",
    "SemanticEncoder",
    "SentenceEncoder",
    "WordVectors",
    "assemble_semantics",
    "average",
    "coverage",
    "embed_classes",
    "embed_graph",
    "embed_lineages",
    "has_shipped",
    "is_stored",
    "lineages",
    "load_shipped",
    "open_encoder",
    "parts_of",
    "quantise",
    "read_attributes",
    "read_text_form",
    "same_encoder",
    "shipped_embeddings",
    "side_by_side",
    "write_class",
]
