"""Room 6, additions: classes that a run did not know are added, taken out, renamed and updated, without training.

In: names of nouns, own classes with parents or a description, tables and taxonomies of them. Out: classes with a place
in the graph and a classifier of their own; what was there stays as it is, to the bit. A class is placed by WordNet, by
the parents given, or by its words (`DescriptionPlacer`). Every change is logged with who made it, when and how,
can be undone, and is kept in the run folder (``additions/``).
"""

from kgzsl.additions.added_class import AddedClass, Likeness, NamedClass
from kgzsl.additions.additions import Additions
from kgzsl.additions.asked_classes import PlacedClass
from kgzsl.additions.change import VERBS, Change
from kgzsl.additions.class_changes import ClassChanges
from kgzsl.additions.paths import path_to_seen
from kgzsl.additions.picture_update import UpdatedClass, row_prior_of, update_by_pictures
from kgzsl.additions.placement import DescriptionPlacer, Placement, PlacementRule
from kgzsl.additions.requests import ClassRequest, request_of

__all__ = [
    "VERBS",
    "AddedClass",
    "Additions",
    "Change",
    "ClassChanges",
    "ClassRequest",
    "DescriptionPlacer",
    "Likeness",
    "NamedClass",
    "PlacedClass",
    "Placement",
    "PlacementRule",
    "UpdatedClass",
    "path_to_seen",
    "request_of",
    "row_prior_of",
    "update_by_pictures",
]
