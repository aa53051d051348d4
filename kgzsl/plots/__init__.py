"""Room 9, pictures of a run: maps of classifiers, hits by distance, curves, confusions, neighbourhoods, trainings.

In: a run, reports, labelled features. Out: plain data (``..._data``), drawn (``draw_...``) into a `Picture`, which is
written as PNG, SVG or one HTML file that answers to the pointer. One picture a file; the data is there without any
drawing, and needs no matplotlib.
"""

from kgzsl.plots.branches import coloured_branches
from kgzsl.plots.classifier_map import ClassifierMap, MapPoint, chosen_classes, map_data, rows_of_map
from kgzsl.plots.confusion import Confusion, ConfusionAt, confusion_data, draw_confusion
from kgzsl.plots.curve import curve_data, draw_curves
from kgzsl.plots.hops import HitsByHops, HitsOfHop, draw_hops, hops_data
from kgzsl.plots.map_drawing import draw_map
from kgzsl.plots.neighbourhood import NamedNeighbourhood, draw_neighbourhood, neighbourhood_data
from kgzsl.plots.picture import ENDINGS, Picture, check_out
from kgzsl.plots.training import TrainingCurves, draw_training, training_data

__all__ = [
    "ENDINGS",
    "ClassifierMap",
    "Confusion",
    "ConfusionAt",
    "HitsByHops",
    "HitsOfHop",
    "MapPoint",
    "NamedNeighbourhood",
    "Picture",
    "TrainingCurves",
    "check_out",
    "chosen_classes",
    "coloured_branches",
    "confusion_data",
    "curve_data",
    "draw_confusion",
    "draw_curves",
    "draw_hops",
    "draw_map",
    "draw_neighbourhood",
    "draw_training",
    "hops_data",
    "map_data",
    "neighbourhood_data",
    "rows_of_map",
    "training_data",
]
