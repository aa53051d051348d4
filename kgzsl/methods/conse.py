"""ConSE: an image is described by the seen classes that it is taken for, weighted by how surely.

After M. Norouzi et al., Zero-shot learning by convex combination of semantic embeddings, ICLR 2014. The seen head's
probabilities p of an image are kept for the T most probable classes and weight their semantic vectors,

    f(x) = 1/Z  sum over the T best c of  p_c(x) s_c,    Z = sum of these p_c,

and classes are ranked by the cosine of their vector with f(x). Nothing is learned; the head does all the work. f(x) is
no linear function of x, so this is the method of the field whose scorer is no bank.

Deviations from the paper:
- Classes that are as probable as the T-th all count, so that no order of classes decides a tie.
- Semantic vectors have length one before they are combined; the paper takes word vectors as they are and the cosine
  at the end.
- ``temperature`` divides the head's scores. The paper's head is a softmax, temperature 1; rows that are fitted on
  features and scaled to length one (``[seen_bank] features``) need a small one, or all probabilities are alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.errors import BackboneMismatchError, CorruptFileError, InputFileError, RecipeError
from kgzsl.features import FeatureSet
from kgzsl.methods.context import FitContext
from kgzsl.methods.semantic_method import LearnedTensors, SemanticMethod
from kgzsl.methods.semantic_space import unit_rows
from kgzsl.runtime import load_tensors, save_tensors
from kgzsl.supervision import Supervision
from kgzsl.types import ClassId, ClassIds, Float, PathLike, Tensor

__all__ = ["ConSE", "ConvexCombination"]

KIND = "convex-combination"


@dataclass(frozen=True, slots=True, eq=False)
class ConvexCombination:
    """Scores images by the cosine of class vectors with the combination of the seen ones.

    Args:
        index: the classes that are scored.
        vectors: (C, S) their vectors, of length one.
        head: the classifiers of the K seen classes.
        seen_vectors: (K, S) the vectors of the head's classes, of length one.
        top: T, how many seen classes describe an image.
        temperature: what the head's scores are divided by.

    Raises:
        InputFileError: shapes do not fit.

    Example:
        >>> head = ClassifierBank(ClassIndex(("a", "b")), torch.eye(2), torch.zeros(2), "toy")
        >>> vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> scorer = ConvexCombination(head.index, vectors, head, vectors, top=1)
        >>> images = FeatureSet(torch.tensor([[3.0, 1.0]]), torch.tensor([0]), ClassIndex(("a",)), "toy")
        >>> scorer.score(images).tolist()
        [[1.0, 0.0]]
    """

    index: ClassIndex
    vectors: Float[Tensor, "C S"]
    head: ClassifierBank
    seen_vectors: Float[Tensor, "K S"]
    top: int
    temperature: float = 1.0

    def __post_init__(self) -> None:
        width = self.seen_vectors.shape[1]
        if self.vectors.shape != (len(self.index), width) or len(self.seen_vectors) != len(self.head.index):
            shapes = f"{tuple(self.vectors.shape)} and {tuple(self.seen_vectors.shape)}"
            raise InputFileError(
                f"{len(self.index)} classes and {len(self.head.index)} seen ones need vectors of one width, found "
                f"{shapes}."
            )

    @property
    def backbone(self) -> str:
        """Id of the backbone whose features it takes."""
        return self.head.backbone

    def check_backbone(self, images: FeatureSet) -> None:
        """Refuse features of another backbone, or of another width, with a BackboneMismatchError."""
        self.head.check_backbone(images)

    def combine(self, logits: Float[Tensor, "N K"]) -> Float[Tensor, "N S"]:
        """Return f(x) of images, given the head's scores; its length says how well the T classes agree."""
        kept = self._kept(logits)
        return kept @ self.seen_vectors / kept.sum(dim=1, keepdim=True)

    def _kept(self, logits: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """Return the probabilities of the T best classes, 0 elsewhere."""
        probabilities = torch.softmax(logits / self.temperature, dim=1)
        least = probabilities.topk(min(self.top, logits.shape[1]), dim=1).values[:, -1:]
        kept: Tensor = torch.where(probabilities >= least, probabilities, 0)
        return kept

    def score(self, images: FeatureSet) -> Float[Tensor, "N C"]:
        """Score images: the cosine of f(x) and the class's vector.

        Raises:
            BackboneMismatchError: the features come from another backbone.
        """
        return unit_rows(self.combine(self.head.score(images))) @ self.vectors.T

    def contributions(self, class_id: ClassId, images: FeatureSet) -> Float[Tensor, "N K"]:
        """Return what each seen class adds to the scores of a class: its probability times the cosine of the two.

        ``score = sum over the T best s of  p_s / (Z |f(x)|) s_s . s_c``; float64, 0 for all other classes.

        Raises:
            BackboneMismatchError: the features come from another backbone.
            UnknownClassError: the class is not scored.
        """
        kept = self._kept(self.head.score(images).double())
        combined = kept @ self.seen_vectors.double()
        likeness = self.seen_vectors.double() @ self.vectors[self.index.row(class_id)].double()
        amounts: Tensor = kept * likeness / combined.norm(dim=1, keepdim=True)
        return amounts

    def select(self, class_ids: ClassIds) -> ConvexCombination:
        """Return a scorer of some of the classes, in the order given; UnknownClassError where one is missing."""
        rows = torch.from_numpy(self.index.rows(class_ids))
        return replace(self, index=ClassIndex(tuple(class_ids), self.index.owner), vectors=self.vectors[rows])

    def concat(self, other: ConvexCombination) -> ConvexCombination:
        """Return a scorer with the classes of another behind.

        Raises:
            BackboneMismatchError: the other has another head.
            GraphError: a class stands in both.
        """
        if other.head.index != self.head.index or not torch.equal(other.head.weights, self.head.weights):
            raise BackboneMismatchError("Cannot join scorers that describe images by different heads.")
        return replace(self, index=self.index.appended(other.index), vectors=torch.cat([self.vectors, other.vectors]))

    def save(self, path: PathLike) -> None:
        """Write one safetensors file."""
        head = {"head_weights": self.head.weights, "head_biases": self.head.biases}
        metadata = {"kind": KIND, "classes": self.index.to_json(), "seen": self.head.index.to_json()}
        metadata |= {"backbone": self.backbone, "top": str(self.top), "temperature": repr(self.temperature)}
        save_tensors(path, {"vectors": self.vectors, "seen_vectors": self.seen_vectors, **head}, metadata)

    @classmethod
    def load(cls, path: PathLike) -> ConvexCombination:
        """Read what `save` wrote.

        Raises:
            InputFileError: the file is missing.
            CorruptFileError: it is truncated, or holds something else.
        """
        tensors, metadata = load_tensors(path)
        try:
            seen = ClassIndex.from_json(metadata["seen"], f"scorer {path}")
            head = ClassifierBank(seen, tensors["head_weights"], tensors["head_biases"], metadata["backbone"])
            index = ClassIndex.from_json(metadata["classes"], f"scorer {path}")
            top, temperature = int(metadata["top"]), float(metadata["temperature"])
            return cls(index, tensors["vectors"], head, tensors["seen_vectors"], top, temperature)
        except (KeyError, ValueError) as error:
            raise CorruptFileError(f"{path} holds no whole convex combination ({error}); train it again.") from error


class ConSE(SemanticMethod):
    """Convex combination of semantic embeddings; it uses the seen head alone, images or not.

    Args:
        top: T, how many seen classes describe an image.
        temperature: what the head's scores are divided by before the softmax.

    Raises:
        RecipeError: a value is out of range.

    Example:
        >>> from kgzsl.toy import toy_features, toy_supervision
        >>> scorer = ConSE().fit(toy_supervision()).synthesize(["okapi", "owl"])
        >>> scorer.score(toy_features())[:5].argmax(dim=1).tolist()
        [0, 0, 0, 1, 1]
    """

    def __init__(self, *, top: int = 10, temperature: float = 1.0) -> None:
        super().__init__()
        if top < 1 or not temperature > 0:
            raise RecipeError(
                f"top is at least 1 and temperature greater than 0, found top = {top!r}, temperature = {temperature!r}."
            )
        self.top, self.temperature = top, float(temperature)

    def parameters(self) -> dict[str, Any]:
        """Return the hyper-parameters as a plain dictionary."""
        return {"top": self.top, "temperature": self.temperature}

    def learn(self, supervision: Supervision, context: FitContext) -> LearnedTensors:
        """Keep the head and the vectors of its classes, in the order of class ids."""
        head = supervision.seen_bank.select(sorted(supervision.seen_bank.index))
        seen = unit_rows(supervision.semantics.select(head.index.ids).vectors.double())
        tensors = {"head_weights": head.weights, "head_biases": head.biases, "seen_vectors": seen.float()}
        return LearnedTensors(tensors, head.backbone, {"seen": list(head.index)})

    def scorer(self, learned: LearnedTensors, class_ids: ClassIds, vectors: Float[Tensor, "C S"]) -> ConvexCombination:
        """Return the scorer of classes with these vectors."""
        seen = ClassIndex(tuple(learned.chosen["seen"]), "head of ConSE")
        head = ClassifierBank(seen, learned["head_weights"], learned["head_biases"], learned.backbone)
        index = ClassIndex(tuple(class_ids), "scorer of ConSE")
        rows = unit_rows(vectors).float()
        return ConvexCombination(index, rows, head, learned["seen_vectors"], self.top, self.temperature)
