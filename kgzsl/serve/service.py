"""What the service does, without HTTP: predict, search, add and explain with one classifier shared by all requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from io import BytesIO
from typing import Any

import torch

from kgzsl.additions.storage import AdditionsFolder
from kgzsl.classes import ClassIndex, ClassText
from kgzsl.classifier import ZeroShotClassifier
from kgzsl.errors import (
    AmbiguousClassError,
    BackboneError,
    InputFileError,
    KgzslError,
    MissingDependencyError,
    MissingResourceError,
    UnknownClassError,
)
from kgzsl.explain import choose_neighbourhood, explain, neighbourhood_of
from kgzsl.explain.asked import placement_of
from kgzsl.features import NO_CLASS, FeatureSet
from kgzsl.graph.class_graph import PERSON_MARK
from kgzsl.naming.search import NameHit, NameSearch
from kgzsl.serve.batching import FeatureBatcher
from kgzsl.serve.failures import RequestError
from kgzsl.serve.limits import Limits
from kgzsl.serve.metrics import Metrics
from kgzsl.types import ClassId, Tensor
from kgzsl.vision import Backbone, load_image

__all__ = ["Query", "Service", "Upload"]


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture as it came: its name and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """What a prediction is asked for beside the pictures.

    Args:
        classes: names or ids of the candidates; none: all classes of the run.
        top_k: answers for a picture.
        include_person: let classes of persons be candidates.
        refuse, back_off: as `ZeroShotClassifier.predict` takes ``reject`` and ``back_off``.
    """

    classes: tuple[str, ...] = ()
    top_k: int = 5
    include_person: bool = False
    refuse: float | None = None
    back_off: float | None = None


class Service:
    """One classifier for many requests; safe to call from several threads.

    Args:
        classifier: the run that answers.
        limits: what a request may ask for.
        samples: features that can be asked about by name where nobody has a picture at hand.
    """

    def __init__(self, classifier: ZeroShotClassifier, limits: Limits, samples: FeatureSet | None = None) -> None:
        self.classifier, self.limits = classifier, limits
        self.metrics = Metrics()
        self.samples = samples
        if samples is not None:
            classifier.scorer.check_backbone(samples)
        self._lock = threading.RLock()
        self._batcher: FeatureBatcher | None = None
        self.no_backbone = ""
        self._folder = AdditionsFolder(classifier.run.path)
        self._note_added()

    @contextmanager
    def exclusive(self) -> Iterator[ZeroShotClassifier]:
        """Give the classifier to one request at a time; the backbone and the decoding of pictures need no turn."""
        with self._lock:
            yield self.classifier

    def open(self) -> None:
        """Load what the first request would wait for: the backbone where it is there, and all nouns."""
        try:
            backbone = self.classifier.backbone
        except (BackboneError, MissingDependencyError, MissingResourceError, InputFileError) as error:
            self.no_backbone = str(error)
        else:
            self._batcher = self._batch(backbone)
        with self.exclusive() as classifier:
            classifier.resolver.senses("entity")
            _ = self._names

    def close(self) -> None:
        """Finish what waits."""
        if self._batcher is not None:
            self._batcher.close()

    def _batch(self, backbone: Backbone) -> FeatureBatcher:
        return FeatureBatcher(
            lambda pixels: backbone.features(pixels).cpu(),
            batch_size=self.limits.batch_size,
            waiting=self.limits.waiting_pictures,
            observe=self.metrics.batch.observe,
        )

    @property
    def takes_pictures(self) -> bool:
        """Whether the run's backbone is here."""
        return self._batcher is not None

    @property
    def num_waiting(self) -> int:
        """How many pictures wait for the backbone."""
        return 0 if self._batcher is None else self._batcher.num_waiting

    def facts(self) -> dict[str, Any]:
        """Return what is served."""
        with self.exclusive() as classifier:
            run = classifier.run
            return {
                "run": run.path.name,
                "method": run.manifest.get("method"),
                "backbone": classifier.scorer.backbone,
                "takes_pictures": self.takes_pictures,
                "no_backbone": self.no_backbone,
                "graph": {"name": run.graph.name, "classes": run.graph.num_classes},
                "seen": len(run.split.seen),
                "unseen": len(run.split.unseen),
                "calibrated": "rejection" in run.scoring,
                "feature_dim": self._dim,
                "samples": 0 if self.samples is None else len(self.samples),
                "added": [{"class_id": one, "name": classifier.text(one).label} for one in classifier.added.added_ids],
            }

    @cached_property
    def _dim(self) -> int | None:
        return getattr(self.classifier.scorer, "dim", None)

    def features_of(self, uploads: Sequence[Upload]) -> FeatureSet:
        """Decode pictures and return their features.

        Raises:
            InputFileError: one cannot be decoded or is too large; its name is told.
            BackboneError: the run's backbone is not here.
            BusyError: too many pictures wait.
        """
        if self._batcher is None:
            raise BackboneError(
                "This service has no backbone and takes no pictures; send features, or ask about a sample. "
                f"{self.no_backbone}".strip()
            )
        preprocess = self.classifier.backbone.preprocess
        pixels = []
        for upload in uploads:
            picture = load_image(BytesIO(upload.content), upload.name, self.limits.pixels)
            pixels.append(preprocess.one(picture).float())
        self.metrics.pictures.inc(len(uploads))
        rows = self._batcher(pixels)
        return self._feature_set(rows, tuple(upload.name for upload in uploads))

    def given_features(self, rows: Sequence[Sequence[float]]) -> FeatureSet:
        """Take features that a client computed.

        Raises:
            InputFileError: the rows are not of one length, or not finite.
            BackboneMismatchError: they are not as long as the run's.
        """
        if len({len(row) for row in rows}) > 1:
            raise InputFileError("The feature rows are of different lengths; send rows of one backbone.")
        features = torch.tensor(rows, dtype=torch.float32)
        images = self._feature_set(features, tuple(f"features {number}" for number in range(1, len(rows) + 1)))
        self.classifier.scorer.check_backbone(images)
        return images

    def sample_features(self, names: Sequence[str]) -> FeatureSet:
        """Return the features of samples by name.

        Raises:
            UnknownClassError: there is no such sample.
        """
        known = {} if self.samples is None else {name: row for row, name in enumerate(self.sample_names())}
        if missing := [name for name in names if name not in known]:
            raise UnknownClassError(f"There is no sample {missing[0]!r}; GET /api/samples lists those there are.")
        assert self.samples is not None
        found = self.samples.rows(torch.tensor([known[name] for name in names]))
        return self._feature_set(found.features.float(), tuple(names))

    def sample_names(self) -> list[str]:
        """Return the names of the samples: the label of the class and a number."""
        if self.samples is None:
            return []
        counts = dict[str, int]()
        names = []
        for class_id in self.samples.class_ids():
            label = "unknown" if class_id is None else self._label(class_id)
            counts[label] = counts.get(label, 0) + 1
            names.append(f"{label} {counts[label]}")
        return names

    def _label(self, class_id: str) -> str:
        try:
            return self.classifier.text(class_id).label
        except KgzslError:
            return class_id

    def _feature_set(self, features: Tensor, names: tuple[str, ...]) -> FeatureSet:
        labels = torch.full((len(features),), NO_CLASS, dtype=torch.int64)
        return FeatureSet(features, labels, ClassIndex((), "pictures"), self.classifier.scorer.backbone, names)

    @cached_property
    def _names(self) -> NameSearch:
        classifier = self.classifier
        return NameSearch(classifier.graph, classifier.resolver.nouns, seen=classifier.run.split.seen)

    def search(self, beginning: str, limit: int) -> list[dict[str, Any]]:
        """Return classes with a name that begins so: those that were added first, then those of the run, then nouns."""
        added = [candidate for text, candidate in self._added if _begins(text, beginning)]
        theirs = {one["class_id"] for one in added}
        hits = [hit for hit in self._names.search(beginning, limit) if hit.class_id not in theirs]
        return (added + [_hit(hit) for hit in hits])[:limit]

    def _note_added(self) -> None:
        """Note the classes that were added, so that a search waits for no other request."""
        classifier = self.classifier
        self._revision = self._folder.revision()
        self._added = [(classifier.text(one), self._candidate(one)) for one in classifier.added.added_ids]

    def _follow(self) -> None:
        """Load the run again where another program changed its classes meanwhile: a change is made to what is there."""
        if self._folder.revision() != self._revision:
            old = self.classifier
            self.classifier = ZeroShotClassifier.load(old.run.path, old.backbone if old.has_backbone else None)
            self._note_added()

    def _candidate(self, class_id: ClassId) -> dict[str, Any]:
        classifier = self.classifier
        text = classifier.text(class_id)
        above = classifier.path(class_id)[1:4]
        path = " < ".join(step.name for step in above if step.direction == "up")
        is_seen = class_id in classifier.run.split.seen
        in_run = class_id in classifier.graph.index or class_id in classifier.added.added_ids
        return {
            **{"class_id": class_id, "name": text.name, "label": text.label, "path": path},
            **{"in_run": in_run, "is_seen": is_seen},
        }

    def place(self, name: str) -> dict[str, Any]:
        """Return what is known of a class: where it stands, how it came there, and what stands around it.

        Raises:
            UnknownClassError, AmbiguousClassError: the name means no class, or several.
        """
        with self.exclusive() as classifier:
            (class_id,) = self._resolve([name])
            path = classifier.path(class_id)
            graph = classifier.graph_with([class_id])
            piece = choose_neighbourhood(
                graph,
                class_id,
                seen=classifier.run.split.seen,
                added=graph.index.ids[classifier.graph.num_classes :],
                path=[step.class_id for step in path],
            )
            steps = [asdict(one) for one in path]
            told = {"steps": steps, "why": placement_of(classifier, class_id), "neighbourhood": asdict(piece)}
            return {**self._candidate(class_id), **told}

    def explain(self, images: FeatureSet, query: Query, name: str) -> dict[str, Any]:
        """Say why a class has its score for one image; errors as `kgzsl.explain.explain`."""
        with self.exclusive() as classifier:
            asked = self._resolve(query.classes, query.include_person) or None
            (target,) = self._resolve([name], query.include_person)
            found = explain(classifier, target, image=images, classes=asked, include_person=query.include_person)
            text = classifier.text(target)
            told = {"unique_name": text.name, "definition": text.definition}
            return {**found.to_json(), **told, "neighbourhood": asdict(neighbourhood_of(classifier, found))}

    def add(self, name: str, parents: Sequence[str], description: str) -> dict[str, Any]:
        """Add a class and keep it in the run folder before anybody is told.

        Raises:
            KgzslError: it cannot be added (`ZeroShotClassifier.add_class`), or not be kept; then it is not there.
        """
        with self.exclusive():
            self._follow()
            classifier = self.classifier
            before = len(classifier.changes)
            above = self._resolve(parents, include_person=True)
            added = classifier.add_class(name, parents=above or None, description=description or None)
            if len(classifier.changes) > before:
                self._keep()
                self._note_added()
            return added.to_json()

    def remove(self, name: str) -> dict[str, Any]:
        """Take an added class back out, and keep that; errors as `add`."""
        with self.exclusive():
            self._follow()
            classifier = self.classifier
            (class_id,) = self._resolve([name], include_person=True)
            if class_id not in classifier.added.added_ids:
                raise InputFileError(f"{name!r} was not added; only classes that were added can be taken out here.")
            classifier.remove_class(class_id)
            self._keep()
            self._note_added()
            return {"class_id": class_id}

    def _keep(self) -> None:
        """Save the last change; where that fails it is taken back."""
        try:
            self.classifier.save()
        except KgzslError:
            self.classifier.undo()
            raise

    def _resolve(self, names: Sequence[str], include_person: bool = False) -> list[ClassId]:
        """Return the classes that names mean; an ambiguous one raises a RequestError that holds what it could mean."""
        found: list[ClassId] = []
        for name in names:
            try:
                found += self.classifier.resolve([name], include_person=include_person)
            except AmbiguousClassError as error:
                senses = [
                    sense
                    for sense in self.classifier.resolver.senses(name)
                    if include_person or PERSON_MARK not in self.classifier.added.marks(sense.class_id)
                ]
                raise RequestError(
                    str(error),
                    code="ambiguous_class",
                    name=name,
                    candidates=[self._candidate(sense.class_id) | {"path": sense.hint} for sense in senses],
                ) from error
        return found

    def predict(self, images: FeatureSet, query: Query) -> list[dict[str, Any]]:
        """Rank classes for images; errors as `ZeroShotClassifier.predict`."""
        with self.exclusive() as classifier:
            asked = self._resolve(query.classes, query.include_person) or None
            found = classifier.predict(
                images,
                asked,
                top=query.top_k,
                include_person=query.include_person,
                reject=query.refuse,
                back_off=query.back_off,
            )
            return [one.to_json() for one in found]


def _begins(text: ClassText, beginning: str) -> bool:
    """Say whether a class is called so, or has a word that begins so."""
    wanted = beginning.casefold().strip()
    names = [name.replace("_", " ").casefold() for name in (text.name, *text.lemmas)]
    return bool(wanted) and any(name.startswith(wanted) or f" {wanted}" in name for name in names)


def _hit(hit: NameHit) -> dict[str, Any]:
    told = {"class_id": hit.class_id, "name": hit.text.name, "label": hit.lemma.replace("_", " ")}
    return {**told, "path": " < ".join(hit.path), "in_run": hit.in_graph, "is_seen": bool(hit.is_seen)}
