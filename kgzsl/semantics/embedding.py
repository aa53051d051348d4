"""Semantic embeddings: a vector a class, by name, with the encoder that made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError, SemanticsError
from kgzsl.quantisation import expand, is_finite, quantise
from kgzsl.runtime import load_tensors, save_tensors
from kgzsl.semantics.text_form import BESIDE, parts_of
from kgzsl.types import ClassIds, Float, PathLike, Tensor

__all__ = ["SemanticEmbedding", "same_encoder"]


def same_encoder(first: str, second: str) -> bool:
    """Say whether two encoder ids mean the same weights: equal, or with equal digits behind ``@``.

    Example:
        >>> same_encoder("sentence-transformers/all-MiniLM-L6-v2@53aa51172d14", "local@53aa51172d14")
        True
    """
    digits = [encoder.rpartition("@")[2] if "@" in encoder else None for encoder in (first, second)]
    return first == second or (digits[0] is not None and digits[0] == digits[1])


@dataclass(frozen=True, slots=True, eq=False)
class SemanticEmbedding:
    """Vectors of classes, chosen by name; a class without a vector is absent, never zero.

    Args:
        index: the classes that have a vector.
        vectors: (C, S) float32.
        encoder: id of the encoder, such as ``sentence-transformers/all-MiniLM-L6-v2``; vectors of
            different encoders never mix.
        text_form: how a class was put into words, such as ``lemmas: definition``; where several parts are joined by
            `` | `` their vectors stand side by side, see `parts`.

    Raises:
        SemanticsError: shapes do not fit, a value is not finite.
    """

    index: ClassIndex
    vectors: Float[Tensor, "C S"]
    encoder: str
    text_form: str = ""

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.index):
            shape = tuple(self.vectors.shape)
            raise SemanticsError(f"{len(self.index)} classes need vectors ({len(self.index)}, S), found {shape}.")
        if not is_finite(self.vectors):
            row = int((~torch.isfinite(self.vectors).all(dim=1)).nonzero()[0])
            raise SemanticsError(f"The vector of class {self.index[row]!r} holds a value that is not finite.")
        if self.dim % (count := len(parts_of(self.text_form))):
            raise SemanticsError(
                f"Vectors of {self.dim} numbers cannot hold {count} parts of one width ({self.text_form!r}); make them "
                "anew with kgzsl embed."
            )

    @property
    def dim(self) -> int:
        """The semantic dimension S."""
        return self.vectors.shape[1]

    def parts(self) -> dict[str, Float[Tensor, "C _"]]:
        """Return the vectors of each part by its form, (C, S / P) each; one part where the text form has no `` | ``.

        Example:
            >>> both = SemanticEmbedding(ClassIndex(("okapi",)), torch.tensor([[1.0, 0, 0, 1]]), "toy", "name | photo")
            >>> both.parts()["photo"].tolist()
            [[0.0, 1.0]]
        """
        forms = parts_of(self.text_form)
        return dict(zip(forms, self.vectors.chunk(len(forms), dim=1)))

    def select_parts(self, forms: Sequence[str]) -> SemanticEmbedding:
        """Return an embedding of some of the parts, in the order given.

        Raises:
            SemanticsError: there is no such part.

        Example:
            >>> both = SemanticEmbedding(ClassIndex(("okapi",)), torch.tensor([[1.0, 0, 0, 1]]), "toy", "name | photo")
            >>> both.select_parts(["photo"]).vectors.tolist()
            [[0.0, 1.0]]
        """
        parts = self.parts()
        if strangers := [form for form in forms if form not in parts]:
            raise SemanticsError(
                f"The vectors have no part {strangers[0]!r}; their parts are {', '.join(map(repr, parts))}."
            )
        chosen = torch.cat([parts[form] for form in forms], dim=1)
        return replace(self, vectors=chosen, text_form=BESIDE.join(forms))

    def missing(self, class_ids: ClassIds) -> tuple[str, ...]:
        """Return those of the classes that have no vector, in order."""
        return tuple(class_id for class_id in class_ids if class_id not in self.index)

    def select(self, class_ids: ClassIds, missing: str = "raise") -> SemanticEmbedding:
        """Return the vectors of some classes, in the order given.

        Args:
            class_ids: the wanted classes.
            missing: for classes without a vector ``raise``, or ``mean`` for the mean of all vectors.

        Raises:
            SemanticsError: a class has no vector and ``missing`` is ``raise``.
        """
        gaps = set(self.missing(class_ids))
        if gaps and missing != "mean":
            first = ", ".join(sorted(gaps)[:5])
            raise SemanticsError(
                f"{len(gaps)} of {len(class_ids)} classes have no semantic vector ({first}, ...); "
                "embed them with kgzsl embed, or fill the gaps with missing='mean'."
            )
        index = ClassIndex(tuple(class_ids), self.index.owner)
        present = [number for number, class_id in enumerate(class_ids) if class_id not in gaps]
        vectors = (
            self.vectors.mean(dim=0).expand(len(index), -1).clone()
            if gaps
            else self.vectors.new_empty(len(index), self.dim)
        )
        vectors[present] = self.vectors[self.index.rows(class_ids[number] for number in present)]
        return replace(self, index=index, vectors=vectors)

    def check_encoder(self, encoder: str) -> None:
        """Refuse vectors of another encoder with a SemanticsError; the weights' digits behind ``@`` decide."""
        if not same_encoder(encoder, self.encoder):
            raise SemanticsError(
                f"Vectors of encoder {encoder!r} cannot join those of {self.encoder!r}; use the encoder that made the "
                "stored ones."
            )

    def concat(self, other: SemanticEmbedding) -> SemanticEmbedding:
        """Return an embedding with the rows of another behind; SemanticsError where the encoders differ."""
        self.check_encoder(other.encoder)
        vectors = torch.cat([self.vectors, other.vectors.to(self.vectors)])
        return replace(self, index=self.index.appended(other.index), vectors=vectors)

    def save(self, path: PathLike, quantised: bool = False) -> None:
        """Write one safetensors file: float32 ``vectors``, or int8 ``codes`` with ``scales`` where quantised."""
        metadata = {"classes": self.index.to_json(), "encoder": self.encoder, "text_form": self.text_form}
        if quantised:
            codes, scales = quantise(self.vectors)
            save_tensors(path, {"codes": codes, "scales": scales}, metadata)
        else:
            save_tensors(path, {"vectors": self.vectors}, metadata)

    @classmethod
    def load(cls, path: PathLike) -> SemanticEmbedding:
        """Read what `save` wrote, expanding int8 codes.

        Raises:
            InputFileError: the file is missing or holds no embeddings.
            CorruptFileError: it is truncated or its metadata is damaged.
        """
        tensors, metadata = load_tensors(path)
        quantised = {"codes", "scales"} <= tensors.keys()
        if not (quantised or "vectors" in tensors) or not {"classes", "encoder"} <= metadata.keys():
            raise InputFileError(f"{path} holds no semantic embeddings; make them with kgzsl embed.")
        vectors = expand(tensors["codes"], tensors["scales"]) if quantised else tensors["vectors"]
        index = ClassIndex.from_json(metadata["classes"], f"embedding file {path}")
        return cls(index, vectors.float(), metadata["encoder"], metadata.get("text_form", ""))
