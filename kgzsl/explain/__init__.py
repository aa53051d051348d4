"""Room 8, explain: a classifier and a class, with or without a picture, in; the reasons for its score out.

- `explain` answers with an `Explanation`: which seen classes the classifier is made of and how much each gives to the
  score, the way through the graph, the classes whose classifiers are nearest, and the difference from the runner-up.
- Kernel regression, nearest seen, EXEM, SYNC, ESZSL and ConSE are sums over seen classes, and the parts are exact.
  Graph networks are attributed to the meanings of the classes that reach the row, by integrated gradients
  (Sundararajan et al., ICML 2017). Ensembles are the sum of their members.
- `neighbourhood_of` chooses the piece of the graph that shows it; `draw` makes a picture of that, `to_dot` a text.
"""

from kgzsl.explain.attribution import Attribution, integrated_gradients
from kgzsl.explain.contributions import Amounts, amounts_of, explained_methods
from kgzsl.explain.dot import to_dot
from kgzsl.explain.drawing import PICTURES, check_picture_file, draw, figure_of
from kgzsl.explain.explainer import explain
from kgzsl.explain.explanation import Contrast, Contribution, Explanation, NearClass
from kgzsl.explain.neighbourhood import Neighbourhood, choose_neighbourhood, neighbourhood_of
from kgzsl.explain.text import to_text

__all__ = [
    "PICTURES",
    "Amounts",
    "Attribution",
    "Contrast",
    "Contribution",
    "Explanation",
    "NearClass",
    "Neighbourhood",
    "amounts_of",
    "check_picture_file",
    "choose_neighbourhood",
    "draw",
    "explain",
    "explained_methods",
    "figure_of",
    "integrated_gradients",
    "neighbourhood_of",
    "to_dot",
    "to_text",
]
