"""Room 2, the meaning of classes: from class texts to a vector a class.

In: class texts (lemmas, definitions), word vector files, attribute tables. Out: a `SemanticEmbedding`, rows chosen by
class id, with the encoder and text form that made it.

Variants, in the table `ENCODERS`: sentence embeddings (Reimers and Gurevych, EMNLP 2019; the default, definitions help
names a lot), the text towers of CLIP and SigLIP, word vectors averaged over lemmas (as GCNZ, CVPR 2018). Attribute
matrices through `read_attributes` have no text to encode. How a class is put into words: `TEXT_FORMS`. One line picks
among all: `SemanticSource`.
"""

from kgzsl.quantisation import quantise
from kgzsl.semantics.assembly import SOURCES, AssembledSemantics, assemble_semantics, is_stored
from kgzsl.semantics.attributes import read_attributes
from kgzsl.semantics.coverage import Coverage, coverage
from kgzsl.semantics.embed import average, embed_classes, embed_graph, embed_known, embed_lineages, side_by_side
from kgzsl.semantics.embedding import SemanticEmbedding, same_encoder
from kgzsl.semantics.encoder import ENCODERS, SemanticEncoder, open_encoder, recorded_encoder
from kgzsl.semantics.lineage import ClassTexts, Lineages, lineages
from kgzsl.semantics.sentences import DEFAULT_ENCODER, SentenceEncoder
from kgzsl.semantics.shipped import EMBEDDINGS_FILE, has_shipped, load_shipped, shipped_embeddings
from kgzsl.semantics.source import MISSING_RULES, SemanticSource, fill_gaps
from kgzsl.semantics.text_form import (
    DEFAULT_TEXT_FORM,
    TEXT_FORMS,
    needs_definitions,
    parts_of,
    read_text_form,
    write_class,
)
from kgzsl.semantics.text_towers import TOWERS, TextTower
from kgzsl.semantics.word_vectors import WordVectors

__all__ = [
    "DEFAULT_ENCODER",
    "DEFAULT_TEXT_FORM",
    "EMBEDDINGS_FILE",
    "ENCODERS",
    "MISSING_RULES",
    "SOURCES",
    "TEXT_FORMS",
    "TOWERS",
    "AssembledSemantics",
    "ClassTexts",
    "Coverage",
    "Lineages",
    "SemanticEmbedding",
    "SemanticEncoder",
    "SemanticSource",
    "SentenceEncoder",
    "TextTower",
    "WordVectors",
    "assemble_semantics",
    "average",
    "coverage",
    "embed_classes",
    "embed_graph",
    "embed_known",
    "embed_lineages",
    "fill_gaps",
    "has_shipped",
    "is_stored",
    "lineages",
    "load_shipped",
    "needs_definitions",
    "open_encoder",
    "parts_of",
    "quantise",
    "read_attributes",
    "read_text_form",
    "recorded_encoder",
    "same_encoder",
    "shipped_embeddings",
    "side_by_side",
    "write_class",
]
