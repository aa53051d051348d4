"""What each class adds to a number that is linear in a class's row, by whatever the run's method allows.

Such a number is the score of a picture, ``[w, b] . [x, 1]``, and in general the product of the row with a direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

from kgzsl.errors import NotAvailableError
from kgzsl.explain.asked import AskedClass
from kgzsl.explain.attribution import STEPS, integrated_gradients
from kgzsl.methods import METHODS, Ensemble
from kgzsl.methods.contributions import ContributingMethod, SeenContributions
from kgzsl.methods.row_function import PropagatingMethod
from kgzsl.types import ClassId, ClassIds, Float, Tensor

__all__ = ["Amounts", "amounts_of", "explained_methods"]


@dataclass(frozen=True, slots=True)
class Amounts:
    """What classes add to a number.

    Args:
        by_class: class id to what it adds.
        weights: how much of each seen class is in the row, where one weight says that.
        start: what there is before any class adds.
        is_exact: whether the parts are the method's own sum; else they are attributed.
    """

    by_class: Mapping[ClassId, float]
    weights: Mapping[ClassId, float] = field(default_factory=dict)
    start: float = 0.0
    is_exact: bool = True

    @property
    def total(self) -> float:
        """The start and all parts."""
        return self.start + sum(self.by_class.values())

    def minus(self, other: Amounts) -> Amounts:
        """Return what classes add to the difference from another number."""
        ids = dict.fromkeys([*self.by_class, *other.by_class])
        parts = {one: self.by_class.get(one, 0.0) - other.by_class.get(one, 0.0) for one in ids}
        return Amounts(parts, {}, self.start - other.start, self.is_exact and other.is_exact)


def explained_methods() -> tuple[str, ...]:
    """Return the names of the methods that can be explained by seen classes."""
    explained = ("contributions", "row_function", "fitted_members")
    return tuple(
        sorted(
            name for name, method in METHODS.items() if name == "conse" or any(hasattr(method, n) for n in explained)
        )
    )


def amounts_of(
    method: object, asked: AskedClass, direction: Float[Tensor, "O"], seen: ClassIds, steps: int = STEPS
) -> Amounts:
    """Return what classes add to ``row . direction`` of a class.

    Args:
        method: a fitted method, or what a run folder has in its place.
        asked: the class.
        direction: (D + 1,) float64; ``[x, 1]`` for the score of a picture.
        seen: the seen classes, over which members of an ensemble are centred.
        steps: of the integrated gradients, where there are any.

    Raises:
        NotAvailableError: the method cannot be explained so; the message lists those that can.
    """
    if isinstance(method, Ensemble):
        return _of_ensemble(method, asked, direction, seen, steps)
    if isinstance(method, ContributingMethod):
        parts = _contributions(method, asked)
        weights = dict(zip(parts.seen, parts.weights[0].tolist()))
        return Amounts(dict(zip(parts.seen, parts.amounts(direction)[0].tolist())), weights)
    if isinstance(method, PropagatingMethod):
        function = method.row_function(asked.class_id, asked.extension, asked.vectors)
        found = integrated_gradients(function, lambda row: row.double() @ direction, steps)
        return Amounts(dict(zip(found.nodes, found.amounts.tolist())), {}, found.start, False)
    raise NotAvailableError(
        f"{type(method).__name__} does not tell what each seen class gives; methods that do are "
        f"{', '.join(explained_methods())}."
    )


def _contributions(method: ContributingMethod, asked: AskedClass) -> SeenContributions:
    if asked.extension is None:
        return method.contributions([asked.class_id])
    return method.contributions([], [asked.extension], asked.vectors)


def _of_ensemble(
    ensemble: Ensemble, asked: AskedClass, direction: Float[Tensor, "O"], seen: ClassIds, steps: int
) -> Amounts:
    """Add up the members: each gives the deviation of its row from its mean over the seen classes."""
    combination = ensemble.combination
    through = combination.seen_through(direction)
    members = [
        _Member.of(member, _for_member(ensemble, number, asked))
        for number, member in enumerate(ensemble.fitted_members)
    ]
    scales = combination.scales([one.row.float() for one in members], ensemble.weights, ensemble.spread)
    parts = [
        one.amounts(float(scale), mean.double(), through, seen, steps)
        for one, scale, mean in zip(members, scales, combination.means)
    ]
    summed = dict[ClassId, float]()
    for part in parts:
        for class_id, amount in part.by_class.items():
            summed[class_id] = summed.get(class_id, 0.0) + amount
    return Amounts(summed, {}, sum(part.start for part in parts), all(part.is_exact for part in parts))


def _for_member(ensemble: Ensemble, number: int, asked: AskedClass) -> AskedClass:
    vectors = None if asked.vectors is None else ensemble.parts_of(number, asked.vectors)
    return AskedClass(asked.class_id, asked.extension, vectors)


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """One member of an ensemble and its row of the class."""

    method: Any
    asked: AskedClass
    row: Float[Tensor, "O"]

    @classmethod
    def of(cls, method: object, asked: AskedClass) -> _Member:
        if isinstance(method, ContributingMethod):
            return cls(method, asked, _contributions(method, asked).whole()[0])
        if isinstance(method, PropagatingMethod):
            function = method.row_function(asked.class_id, asked.extension, asked.vectors)
            with torch.no_grad():
                return cls(method, asked, function.row(function.inputs).double())
        raise NotAvailableError(
            f"A member of the ensemble, {type(method).__name__}, does not tell what each seen class gives; methods "
            f"that do are {', '.join(explained_methods())}."
        )

    def amounts(
        self, scale: float, mean: Float[Tensor, "O"], direction: Float[Tensor, "O"], seen: ClassIds, steps: int
    ) -> Amounts:
        """Return what classes add to ``scale (row - mean) . direction``."""
        if isinstance(self.method, ContributingMethod):
            own = _contributions(self.method, self.asked)
            centre = self.method.contributions(seen).amounts(direction).mean(dim=0)
            amounts = scale * (own.amounts(direction)[0] - centre)
            return Amounts(dict(zip(own.seen, amounts.tolist())))
        length = float((self.row - mean).norm())
        function = self.method.row_function(self.asked.class_id, self.asked.extension, self.asked.vectors)

        def value_of(row: Tensor) -> Tensor:
            return scale * length * functional.normalize(row.double() - mean, dim=0) @ direction

        found = integrated_gradients(function, value_of, steps)
        return Amounts(dict(zip(found.nodes, found.amounts.tolist())), {}, found.start, False)
