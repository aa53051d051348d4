"""The zero-shot classifier: pictures or features and any class names in, ranked predictions out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgzsl.additions import Additions, ClassChanges, path_to_seen
from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.classes import ClassText
from kgzsl.errors import BackboneMismatchError, InputFileError
from kgzsl.features import NO_CLASS, FeatureSet
from kgzsl.graph.class_graph import PERSON_MARK, ClassGraph
from kgzsl.graph.storage import load_graph
from kgzsl.naming import ClassResolver
from kgzsl.prediction import ImagePrediction, PathStep, Prediction, Predictions
from kgzsl.prepared_query import PreparedQuery
from kgzsl.run_folder import RunFolder
from kgzsl.scoring import Caution, HedgedAnswer
from kgzsl.semantics import SemanticEncoder
from kgzsl.types import ClassId, ClassIds, PathLike

if TYPE_CHECKING:
    from kgzsl.vision import Backbone

__all__ = ["SPLITS", "ZeroShotClassifier"]

SPLITS = ("seen", "unseen", "all")
NOUNS = "wordnet-nouns"


class ZeroShotClassifier(ClassChanges):
    """A trained run that answers for any class: those of its graph, and any other WordNet synset.

    A class that was in no training graph is added when it is asked for, with the ancestors that its graph lacks:
    embedded, and propagated from the stored rows of what was there, which stay as they are. Its classifier depends on
    the run and the class alone, never on what else was asked (but for the rounding of a text encoder, which depends
    on the texts it is given together). What adds classes for good, renames, removes and updates them is inherited from
    `kgzsl.additions.ClassChanges`.

    Args:
        run: the run folder.
        backbone: what turns pictures into features; by default the one that the run names, loaded when first needed.
        encoder: what turns the words of new classes into vectors; by default the one that the run names.

    Raises:
        BackboneMismatchError: the backbone is not the run's.
        SemanticsError: the encoder is not the run's.

    Example:
        >>> classifier = ZeroShotClassifier.load("runs/dgp")  # doctest: +SKIP
        >>> classifier.predict(["photo.jpg"], ["okapi", "zebra", "giraffe"])[0].predictions[0].name  # doctest: +SKIP
        'okapi'
    """

    def __init__(
        self, run: RunFolder, backbone: Backbone | None = None, encoder: SemanticEncoder | None = None
    ) -> None:
        self.run = run
        self.graph = run.graph
        self.scorer = run.scorer
        self._backbone: Backbone | None = None
        if backbone is not None:
            self.use_backbone(backbone)
        if encoder is not None:
            run.semantics.check_encoder(encoder.id)
        self.added = Additions.load(run, lambda: self.resolver, encoder)
        self._seen = frozenset(run.split.seen)
        self._paths: dict[ClassId, tuple[PathStep, ...]] = {}
        self._last: tuple[tuple[Any, ...], object, PreparedQuery] | None = None

    @classmethod
    def load(
        cls, folder: PathLike, backbone: Backbone | None = None, encoder: SemanticEncoder | None = None
    ) -> ZeroShotClassifier:
        """Open a run folder.

        Raises:
            InputFileError, CorruptFileError: it is no whole run folder.
            BackboneMismatchError, SemanticsError: the backbone or the encoder is not the run's.
        """
        return cls(RunFolder(Path(folder)), backbone=backbone, encoder=encoder)

    @classmethod
    def from_pretrained(cls, name: PathLike, **options: Any) -> ZeroShotClassifier:
        """Open a folder or a repository of the Hugging Face hub; see `kgzsl.hub.from_pretrained`."""
        from kgzsl.hub import from_pretrained

        return from_pretrained(name, **options)

    def save_pretrained(self, folder: PathLike, **card: Any) -> Path:
        """Write what is shared, with a model card, into a new folder; see `kgzsl.hub.save_pretrained`."""
        from kgzsl.hub import save_pretrained

        return save_pretrained(self, folder, **card)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Make or renew a repository on the Hugging Face hub; return its address; see `kgzsl.hub.push_to_hub`."""
        from kgzsl.hub import push_to_hub

        return push_to_hub(self, repo_id, **options)

    @cached_property
    def resolver(self) -> ClassResolver:
        """Finds the class that a written name means."""
        return ClassResolver(self.graph, lambda: load_graph(NOUNS), lambda name: self.added.senses(name))

    @property
    def backbone(self) -> Backbone:
        """The backbone that the run names, from a local folder or a hub."""
        if self._backbone is None:
            from kgzsl.vision import load_backbone

            self._backbone = load_backbone(self.scorer.backbone)
        return self._backbone

    @property
    def has_backbone(self) -> bool:
        """Whether a backbone was given, or loaded before."""
        return self._backbone is not None

    def use_backbone(self, backbone: Backbone) -> None:
        """Take a backbone instead of the one that the run names.

        Raises:
            BackboneMismatchError: it is another one than the run was trained on.
        """
        if backbone.id != self.scorer.backbone:
            raise BackboneMismatchError(
                f"The run was trained on backbone {self.scorer.backbone!r}, not {backbone.id!r}; use the run's "
                "backbone, or name the folder's id with --backbone-id when extracting."
            )
        self._backbone = backbone

    def resolve(self, names: Iterable[str], *, include_person: bool = False) -> tuple[ClassId, ...]:
        """Return the classes that names mean, each once.

        Args:
            names: class ids, class names (``okapi.n.01``) or lemmas.
            include_person: let classes of persons be candidates.

        Raises:
            UnknownClassError, AmbiguousClassError: a name means no class, or several; the message lists them.
            InputFileError: a class is one of persons and ``include_person`` is not set.
        """
        class_ids = self.resolver.resolve_all(names)
        self.added.check_present(class_ids)
        if not include_person:
            for class_id in class_ids:
                if self._is_person(class_id):
                    raise InputFileError(
                        f"{class_id!r} ({self.added.text(class_id).label}) is a class of persons, which are left out "
                        "by default; ask for it with --include-person (include_person=True)."
                    )
        return class_ids

    def _is_person(self, class_id: ClassId) -> bool:
        return PERSON_MARK in self.added.marks(class_id)

    def text(self, class_id: ClassId) -> ClassText:
        """Return the words of a class of the run, of an added one, or of any noun; its new name if it was renamed."""
        return self.added.text(class_id)

    def split_classes(self, split: str, *, include_person: bool = False) -> tuple[ClassId, ...]:
        """Return the ``seen``, ``unseen`` or ``all`` classes of the run, persons left out unless asked for.

        Added classes count as unseen; those that were removed are left out.
        """
        lists = {"seen": self.run.split.seen, "unseen": (*self.run.split.unseen, *self.added.added_ids)}
        lists["all"] = lists["seen"] + lists["unseen"]
        if split not in lists:
            raise InputFileError(f"No split is called {split!r}; choose one of {', '.join(SPLITS)}.")
        present = [class_id for class_id in dict.fromkeys(lists[split]) if not self.added.is_removed(class_id)]
        persons = frozenset() if include_person else self.added.marked(PERSON_MARK)
        return tuple(class_id for class_id in present if class_id not in persons)

    def scorer_of(self, class_ids: ClassIds) -> StoredScorer:
        """Return a scorer of classes in the order given; those the run lacks are synthesized.

        Raises:
            UnknownClassError: a class is neither in the run's graph nor among the nouns of its WordNet version, or
                the run's method cannot place new classes.
        """
        return self.added.scorer_of(class_ids)

    def bank_of(self, class_ids: ClassIds) -> ClassifierBank:
        """Return what `scorer_of` returns, where it is a bank.

        Raises:
            InputFileError: the run's method makes no linear classifiers.
            UnknownClassError: as `scorer_of`.
        """
        bank = self.scorer_of(class_ids)
        return bank if isinstance(bank, ClassifierBank) else self.run.bank

    def graph_with(self, class_ids: ClassIds) -> ClassGraph:
        """Return the run's graph with classes appended that it lacks, and the ancestors they bring along.

        Raises:
            UnknownClassError: a class cannot be added; see `scorer_of`.
        """
        return self.added.graph_with(class_ids)

    def features(self, paths: Iterable[PathLike], batch_size: int = 32) -> tuple[FeatureSet, list[tuple[str, str]]]:
        """Turn pictures into features.

        Returns:
            The features of the pictures that could be read, and path and reason of those that could not.

        Raises:
            InputFileError: none could be read.
            BackboneError, MissingDependencyError: the run's backbone cannot be loaded.
        """
        from kgzsl.vision.pictures import picture_features

        return picture_features(self.backbone, [Path(path) for path in paths], batch_size)

    def predict(
        self,
        images: FeatureSet | Iterable[PathLike],
        classes: Iterable[str] | None = None,
        *,
        top: int = 5,
        include_person: bool = False,
        reject: float | None = None,
        back_off: float | None = None,
    ) -> Predictions:
        """Rank classes for every picture; with probabilities where the run was calibrated (``kgzsl calibrate``).

        Args:
            images: features, or paths of pictures (every one must be readable; see `features` to skip bad ones).
            classes: names or ids of the candidate classes; by default all classes of the run's split but persons.
            top: how many classes to return for each picture, at most.
            include_person: let classes of persons be candidates.
            reject: refuse pictures that seem to be of no candidate, at the cost of this share of those that are of one.
            back_off: name the most specific class whose confidence reaches this level, a candidate or one above some.

        Raises:
            UnknownClassError, AmbiguousClassError: a name means no class, or several.
            BackboneMismatchError: the features are of another backbone than the run's.
            InputFileError: a picture cannot be read, a class is one of persons, or the run was not calibrated for what
                is asked.
        """
        names = None if classes is None else tuple(classes)
        query = self._query(names, include_person, reject, back_off)
        return self._rank(self._readable(images), query, top)

    def _query(
        self, names: tuple[str, ...] | None, include_person: bool, reject: float | None, back_off: float | None
    ) -> PreparedQuery:
        """Prepare a question; where the last one is asked again, what was prepared for it is there still."""
        asked = (names, include_person, reject, back_off, self.run.scoring_version)
        state = self.added.state
        if self._last is None or self._last[0] != asked or self._last[1] is not state:
            if names is None:
                class_ids = self.split_classes("all", include_person=include_person)
            else:
                class_ids = self.resolve(names, include_person=include_person)
            if not class_ids:
                raise InputFileError("There is no class to choose from; name at least one.")
            caution = self._caution(class_ids, reject, back_off)
            query = PreparedQuery(class_ids, self.scorer_of(class_ids), caution)
            self._last = asked, state, query
        return self._last[2]

    def _forget(self) -> None:
        self._paths.clear()

    def _readable(self, images: FeatureSet | Iterable[PathLike]) -> FeatureSet:
        """Return features as they are, and those of pictures, every one of which must be readable."""
        if isinstance(images, FeatureSet):
            return images
        images, skipped = self.features(images)
        if skipped:
            raise InputFileError(f"{len(skipped)} of the pictures could not be read; the first: {skipped[0][1]}")
        return images

    def _caution(self, class_ids: tuple[ClassId, ...], reject: float | None, back_off: float | None) -> Caution:
        graph, seen, run = self.graph_with(class_ids), self.run.split.seen, str(self.run.path)
        return Caution.of(
            self.run.scoring, graph, class_ids, self.scorer, seen, reject=reject, back_off=back_off, run=run
        )

    def _rank(self, images: FeatureSet, query: PreparedQuery, top: int) -> Predictions:
        self.scorer.check_backbone(images)
        ranked = Predictions()
        names = images.paths or tuple(f"row {row}" for row in range(len(images)))
        for rows, scores, columns, found in query.ranked(images, top):
            for row, chosen, values, judged in zip(
                range(rows.start, rows.stop), columns.tolist(), scores.tolist(), found
            ):
                predictions = tuple(
                    self._prediction(query.class_ids[column], score, rank, probability)
                    for rank, (column, score, probability) in enumerate(zip(chosen, values, judged.probabilities), 1)
                )
                hedged = None if judged.hedged is None else self._hedged(judged.hedged)
                true_class = _true_class(images, row)
                ranked.append(ImagePrediction(names[row], true_class, predictions, judged.is_unknown, hedged))
        return ranked

    def _prediction(self, class_id: ClassId, score: float, rank: int, probability: float | None) -> Prediction:
        source = self.added.source_of(class_id)
        label, path = self.added.text(class_id).label, self.path(class_id)
        return Prediction(class_id, label, score, rank, class_id in self._seen, source, path, probability)

    def _hedged(self, answer: HedgedAnswer) -> Prediction:
        prediction = self._prediction(answer.class_id, answer.score, 1, answer.confidence)
        return replace(prediction, information=answer.information)

    def path(self, class_id: ClassId) -> tuple[PathStep, ...]:
        """Return a shortest way from a class to a seen one, up and down the graph; its own step for a seen class.

        A class that was added begins with the way up to the graph. Where no seen class can be reached the way ends
        there.
        """
        if class_id not in self._paths:
            self._paths[class_id] = path_to_seen(self.added, class_id, self._seen)
        return self._paths[class_id]


def _true_class(images: FeatureSet, row: int) -> ClassId | None:
    label = int(images.labels[row])
    return None if label == NO_CLASS else images.index[label]
