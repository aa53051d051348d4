"""Room 8, expectation: how well a class will be told, and what it will be taken for, before there is an image of it.

In: a classifier whose run was calibrated, the classes to speak of, the candidates they compete with. Out: an
`Expectation` a class. Evidence (what is known of a class without images) and simulation (pictures drawn around where a
kernel expects them) are joined by a logistic regression. All of it is learned on seen classes that were hidden; no
image of an unseen class is looked at.
"""

from kgzsl.expectation.evidence import EVIDENCE, Pool, evidence_of
from kgzsl.expectation.fit import fit_expectation
from kgzsl.expectation.forecast import Confusion, Expectation, expect
from kgzsl.expectation.logistic import LogisticRegression
from kgzsl.expectation.pictures import ExpectedPictures
from kgzsl.expectation.queries import Query, draw_queries
from kgzsl.expectation.simulation import Tally, tally

__all__ = [
    "EVIDENCE",
    "Confusion",
    "Expectation",
    "ExpectedPictures",
    "LogisticRegression",
    "Pool",
    "Query",
    "Tally",
    "draw_queries",
    "evidence_of",
    "expect",
    "fit_expectation",
    "tally",
]
