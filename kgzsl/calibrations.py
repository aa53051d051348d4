"""What a run can be calibrated for on its seen classes, section by section of its ``scoring.json``.

A section is fitted by one function of `CalibrationData`: seen classes that play unseen, and images of them. It returns
plain JSON, which the room that the section is for reads again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kgzsl.bank import ClassifierBank
from kgzsl.errors import InputFileError
from kgzsl.expectation.fit import fit_expectation
from kgzsl.export import fit_matching
from kgzsl.few_images import RowPrior
from kgzsl.hidden_classes import CalibrationData
from kgzsl.registry import choose
from kgzsl.run_folder import FEW_IMAGES, SCORING
from kgzsl.runtime import write_json
from kgzsl.scoring import SeenQueries, fit_back_off, fit_probabilities, fit_rejection

__all__ = ["CALIBRATIONS", "calibrate"]

FORMAT = 1

CALIBRATIONS: dict[str, Callable[[CalibrationData], Mapping[str, Any]]] = {
    "matching": fit_matching,
    "probabilities": lambda data: fit_probabilities(seen_queries(data)),
    "rejection": lambda data: fit_rejection(seen_queries(data)),
    "back_off": lambda data: fit_back_off(seen_queries(data), data.run.graph),
    "expectation": fit_expectation,
    "few_images": lambda data: fit_few_images(data),
}
"""Section of ``scoring.json`` to what fits it, in the order in which they are fitted."""


def calibrate(data: CalibrationData, sections: Sequence[str] = ()) -> dict[str, Any]:
    """Fit sections and write them into the run folder; the others stay as they are.

    Args:
        data: the run, its seen classes as if unseen, and images of them.
        sections: names of `CALIBRATIONS`; all of them where none is named.

    Returns:
        The whole content of ``scoring.json``.

    Raises:
        UnknownVariantError: there is no such section.
        InputFileError: the images do not suffice for one.
        StorageError: the folder cannot be written.
    """
    for name in sections:
        choose(CALIBRATIONS, name, "calibration")
    fitted = {name: _plain(fit(data)) for name, fit in CALIBRATIONS.items() if not sections or name in sections}
    if not fitted:
        raise InputFileError("There is nothing to calibrate.")
    facts = {"images": len(data.images), "classes": len(set(data.images.class_ids())), "format": FORMAT}
    content = {**data.run.scoring, **fitted, "fitted_on": facts}
    write_json(data.run.path / SCORING, content)
    return content


def seen_queries(data: CalibrationData) -> SeenQueries:
    """Return queries made of seen classes that play unseen."""
    return SeenQueries.draw(data.hidden, data.run.scorer, data.images, data.run.graph)


def fit_few_images(data: CalibrationData) -> dict[str, Any]:
    """Learn what a predicted classifier is worth in pictures, and keep it in the run folder.

    Returns:
        What was learned in plain numbers; nothing where the run's method makes no linear classifiers.
    """
    if not isinstance(data.hidden, ClassifierBank):
        return {}
    prior = RowPrior.fit(data.run.seen_bank, data.hidden, data.images)
    prior.save(data.run.path / FEW_IMAGES)
    return prior.summary()


def _plain(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section as it will be read again: lists in the place of tuples."""
    content: dict[str, Any] = json.loads(json.dumps(dict(section)))
    return content
