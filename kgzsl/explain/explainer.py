"""Explain a class of a classifier: its classifier by itself, or its score of one picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import InputFileError, NotAvailableError
from kgzsl.explain.asked import AskedClass, placement_of, source_of
from kgzsl.explain.attribution import STEPS
from kgzsl.explain.contributions import Amounts, amounts_of, explained_methods
from kgzsl.explain.explanation import (
    ATTRIBUTED,
    EXACT,
    UNEXPLAINED,
    Contrast,
    Contribution,
    Explanation,
    NearClass,
)
from kgzsl.features import FeatureSet
from kgzsl.methods import ConvexCombination
from kgzsl.types import ClassId, Float, Tensor

__all__ = ["explain"]

NEAR = 5
EXACT_NOTE = "the parts are the method's own sum over seen classes and add up to the score"
ATTRIBUTED_NOTE = (
    "attributed to the meanings of classes by integrated gradients, from a start where all classes mean the same; the "
    "parts add up to the score but for the gap"
)

UPDATED_NOTE = "; the class was given pictures of its own, and the gap is what they add"


def explain(
    classifier: ZeroShotClassifier,
    name: str | None = None,
    *,
    image: FeatureSet | None = None,
    classes: Iterable[str] | None = None,
    against: str | None = None,
    top: int = 10,
    steps: int = STEPS,
    include_person: bool = False,
) -> Explanation:
    """Say why a class has the classifier, or the score of a picture, that it has.

    Args:
        classifier: a trained classifier.
        name: the class; by default the one that the picture is taken for.
        image: features of one picture; without it the classifier of the class is explained.
        classes: names of the candidates; by default all classes of the run but persons.
        against: another class, why it is not that one; by default, where there is a picture, the best other candidate.
        top: how many contributions are listed, at most.
        steps: of the integrated gradients of graph networks.
        include_person: let classes of persons be named and compete.

    Raises:
        UnknownClassError, AmbiguousClassError: a name means no class, or several.
        InputFileError: neither class nor picture is given, or not one picture; see also `ZeroShotClassifier.resolve`.
        BackboneMismatchError: the features are of another backbone than the run's.
    """
    if image is None and name is None:
        raise InputFileError("There is nothing to explain; name a class, give a picture, or both.")
    if image is not None and len(image) != 1:
        raise InputFileError(f"One picture is explained at a time, found {len(image)}; choose one row.")
    given = [one for one in (name, against) if one is not None]
    asked = dict(zip(given, (classifier.resolve([one], include_person=include_person)[0] for one in given)))
    if len(asked) < len(given) or len(set(asked.values())) < len(asked):
        raise InputFileError(f"A class cannot be explained against itself; {name!r} and {against!r} are one class.")
    if classes is None:
        candidates = classifier.split_classes("all", include_person=include_person)
    else:
        candidates = classifier.resolve(classes, include_person=include_person)
    field = _Field.of(classifier, tuple(dict.fromkeys([*candidates, *asked.values()])), image)
    chosen = asked[name] if name is not None else field.best()
    other = asked[against] if against is not None else field.best(without=chosen)
    return _Explainer(field, steps, top).explanation(chosen, other)


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """The candidates, and their scores of the picture where there is one."""

    classifier: ZeroShotClassifier
    scorer: StoredScorer
    image: FeatureSet | None
    scores: Float[Tensor, "C"] | None

    @classmethod
    def of(cls, classifier: ZeroShotClassifier, class_ids: tuple[ClassId, ...], image: FeatureSet | None) -> _Field:
        if image is not None:
            classifier.scorer.check_backbone(image)
        scorer = classifier.scorer_of(class_ids)
        return cls(classifier, scorer, image, None if image is None else scorer.score(image)[0])

    def best(self, without: ClassId | None = None) -> ClassId | None:
        """Return the class with the best score, of all others where one is to be left out; None without a picture."""
        if self.scores is None or len(self.scores) < 2 - (without is None):
            return None
        scores = self.scores.clone()
        if without is not None:
            scores[self.scorer.index.row(without)] = -torch.inf
        return self.scorer.index[int(scores.argmax())]

    def score(self, class_id: ClassId) -> float | None:
        """Return the score of a class; None without a picture."""
        return None if self.scores is None else float(self.scores[self.scorer.index.row(class_id)])

    def rank(self, class_id: ClassId) -> int | None:
        """Return the place of a class; equal scores take the earlier candidate first, as in a prediction."""
        if self.scores is None:
            return None
        row = self.scorer.index.row(class_id)
        ahead = (self.scores > self.scores[row]).sum() + (self.scores[:row] == self.scores[row]).sum()
        return int(ahead) + 1

    def rows(self) -> Float[Tensor, "C O"]:
        """Return what classes are compared by: rows [w, b], or semantic vectors where the method makes no rows."""
        if isinstance(self.scorer, ClassifierBank):
            return torch.cat([self.scorer.weights, self.scorer.biases[:, None]], dim=1)
        assert isinstance(self.scorer, ConvexCombination)
        return self.scorer.vectors


class _Explainer:
    """Makes explanations over one field of candidates."""

    def __init__(self, field: _Field, steps: int, top: int) -> None:
        self.field, self.steps, self.top = field, steps, top
        self.classifier = field.classifier
        self._kin = dict[ClassId, tuple[set[ClassId], set[ClassId]]]()

    def explanation(self, class_id: ClassId | None, other: ClassId | None) -> Explanation:
        assert class_id is not None
        classifier, field = self.classifier, self.field
        direction = self._direction(class_id, None)
        amounts, note = self._amounts(class_id, direction)
        score = field.score(class_id)
        value = 1.0 if score is None else score
        listed = self._listed(class_id, amounts)
        rest = 0.0 if amounts is None else sum(amounts.by_class.values()) - sum(one.amount for one in listed)
        method = str(classifier.run.manifest.get("method"))
        return Explanation(
            class_id=class_id,
            name=self._label(class_id),
            is_seen=class_id in classifier.run.split.seen,
            semantics=source_of(classifier, class_id),
            placement=placement_of(classifier, class_id),
            method=method,
            image=None if field.image is None else (field.image.paths or ("row 0",))[0],
            score=value,
            rank=field.rank(class_id),
            num_candidates=len(field.scorer.index),
            how=UNEXPLAINED if amounts is None else (EXACT if amounts.is_exact else ATTRIBUTED),
            note=note,
            contributions=listed,
            rest=rest,
            num_rest=0 if amounts is None else _num_used(amounts) - len(listed),
            start=0.0 if amounts is None else amounts.start,
            gap=0.0 if amounts is None else value - amounts.total,
            path=classifier.path(class_id),
            near=self._near(class_id),
            against=None if other is None else self._contrast(class_id, other, amounts),
        )

    def _label(self, class_id: ClassId) -> str:
        return self.classifier.added.text(class_id).label

    def _direction(self, class_id: ClassId, other: ClassId | None) -> Tensor | None:
        """Return [x, 1] of the picture, or what the row itself is 1 along; None where the method makes no rows."""
        field = self.field
        if not isinstance(field.scorer, ClassifierBank):
            return None
        if field.image is not None:
            features = field.image.features[0].double()
            return torch.cat([features, features.new_ones(1)])
        rows = field.rows().double()
        row = rows[field.scorer.index.row(class_id)]
        if other is not None:
            row = row - rows[field.scorer.index.row(other)]
        return row / row.square().sum().clamp(min=torch.finfo(row.dtype).tiny)

    def _amounts(self, class_id: ClassId, direction: Tensor | None) -> tuple[Amounts | None, str]:
        """Return what classes add and what that is, or None and the reason."""
        scorer, image = self.field.scorer, self.field.image
        if isinstance(scorer, ConvexCombination):
            if image is None:
                return None, "conse knows what seen classes say of a picture only; give one to have it explained"
            amounts = scorer.contributions(class_id, image)[0]
            used = {one: amount for one, amount in zip(scorer.head.index, amounts.tolist()) if amount}
            return Amounts(used), EXACT_NOTE
        assert direction is not None
        run = self.classifier.run
        if run.method is None:
            return None, f"only runs of these methods are explained by seen classes: {', '.join(explained_methods())}"
        try:
            asked = AskedClass.of(self.classifier, class_id)
            found = amounts_of(run.method, asked, direction, sorted(run.split.seen), self.steps)
        except NotAvailableError as error:
            return None, str(error)
        note = EXACT_NOTE if found.is_exact else ATTRIBUTED_NOTE
        return found, note + (UPDATED_NOTE if class_id in self.classifier.added.state.replaced else "")

    def _listed(self, class_id: ClassId, amounts: Amounts | None) -> tuple[Contribution, ...]:
        """Return the classes that add or take most; of equal ones the smaller id first."""
        if amounts is None:
            return ()
        whole = sum(abs(amount) for amount in amounts.by_class.values()) or 1.0
        ordered = sorted(amounts.by_class.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
        return tuple(
            Contribution(
                one,
                self._label(one),
                self._relation(one, class_id),
                amount,
                amount / whole,
                amounts.weights.get(one),
            )
            for one, amount in ordered[: self.top]
            if amount
        )

    def _relation(self, class_id: ClassId, asked: ClassId) -> str:
        if class_id == asked:
            return "itself"
        if class_id in self.classifier.run.split.seen:
            return "seen"
        if asked not in self._kin:
            graph = self.classifier.graph_with([asked])
            self._kin[asked] = (graph.ancestors([asked]), graph.descendants([asked]))
        above, below = self._kin[asked]
        return "ancestor" if class_id in above else ("descendant" if class_id in below else "other")

    def _near(self, class_id: ClassId) -> tuple[NearClass, ...]:
        """Return the candidates whose rows are nearest by angle, the class itself left out."""
        rows = torch.nn.functional.normalize(self.field.rows(), dim=1)
        own = self.field.scorer.index.row(class_id)
        cosines = rows @ rows[own]
        cosines[own] = -torch.inf
        order = cosines.argsort(descending=True, stable=True)[: min(NEAR, len(cosines) - 1)]
        ids = [(self.field.scorer.index[row], float(cosines[row])) for row in order.tolist()]
        seen = self.classifier.run.split.seen
        return tuple(NearClass(one, self._label(one), cos, one in seen, self.field.score(one)) for one, cos in ids)

    def _contrast(self, class_id: ClassId, other: ClassId, own: Amounts | None) -> Contrast | None:
        """Split the difference from another class over the classes that make it."""
        mine, its = self.field.score(class_id), self.field.score(other)
        difference = 1.0 if mine is None or its is None else mine - its
        direction = self._direction(class_id, other)
        if mine is None and own is not None:  # along the difference of the rows, not along the row
            own, _ = self._amounts(class_id, direction)
        others, _ = self._amounts(other, direction)
        if own is None or others is None:
            return Contrast(other, self._label(other), difference, 0.0, (), 0.0)
        amounts = own.minus(others)
        listed = self._listed(class_id, amounts)
        rest = sum(amounts.by_class.values()) - sum(one.amount for one in listed)
        return Contrast(other, self._label(other), difference, amounts.start, listed, rest)


def _num_used(amounts: Amounts) -> int:
    return sum(1 for amount in amounts.by_class.values() if amount)
