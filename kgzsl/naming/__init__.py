"""Room 3, naming: from what people write to class ids.

In: names in any form (``okapi``, ``okapi.n.01``, ``n02439398``, a file of them) and the graphs that know them. Out:
class ids, or an error that lists every sense of an ambiguous name and what is near to an unknown one (`ClassResolver`,
strict: ids, class names, lemmas); ranked candidates for free text, with reasons and hints (`Linker`, `link_list`); and
names for a beginning of one (`NameSearch`).
"""

from kgzsl.naming.candidate import AMBIGUOUS, LINKED, UNKNOWN, Candidate, Link
from kgzsl.naming.hints import path_hint
from kgzsl.naming.label_list import (
    IMAGENET,
    OPEN,
    LinkedLabels,
    follows_order,
    imagenet_order,
    link_list,
    read_labels,
    write_table,
)
from kgzsl.naming.linker import Linker
from kgzsl.naming.resolver import ClassResolver, Sense, is_wnid
from kgzsl.naming.search import NameHit, NameSearch

__all__ = [
    "AMBIGUOUS",
    "IMAGENET",
    "LINKED",
    "OPEN",
    "UNKNOWN",
    "Candidate",
    "ClassResolver",
    "Link",
    "LinkedLabels",
    "Linker",
    "NameHit",
    "NameSearch",
    "Sense",
    "follows_order",
    "imagenet_order",
    "is_wnid",
    "link_list",
    "path_hint",
    "read_labels",
    "write_table",
]
