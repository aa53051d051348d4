"""The text towers of vision-language models, CLIP and SigLIP, through transformers.

What they know of a class comes from pictures with captions; prompts such as ``a photo of a {name}`` are the form that
they were made for. Only the text tower is loaded.

References:
    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021 (CLIP).
    Zhai, Mustafa, Kolesnikov and Beyer, "Sigmoid Loss for Language Image Pre-Training", ICCV 2023 (SigLIP).
    Tschannen et al., "SigLIP 2: Multilingual Vision-Language Encoders", arXiv 2025.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from kgzsl.errors import InputFileError, MissingDependencyError, MissingResourceError
from kgzsl.registry import choose
from kgzsl.runtime import choose_device, read_json
from kgzsl.semantics.model_folder import (
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

__all__ = ["TOWERS", "TextTower", "clip_text", "siglip_text"]

BATCH = 32
TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model")
INSTALL = 'pip install "kgzsl[vision]"'


@dataclass(frozen=True, slots=True)
class _Family:
    """How the models of a family are loaded and asked.

    Args:
        classes: model type in config.json to the class of transformers that is its text tower.
        output: the field of the answer that holds a vector a text.
        width: the field of the configuration that holds how many numbers it has.
        padding: how the tokenizer fills up short texts, as the models were trained.
    """

    classes: Mapping[str, str]
    output: str
    width: str
    padding: str


TOWERS: dict[str, _Family] = {
    "clip": _Family(
        dict.fromkeys(("clip", "clip_text_model"), "CLIPTextModelWithProjection"),
        "text_embeds",
        "projection_dim",
        "longest",
    ),
    "siglip": _Family(
        dict.fromkeys(("siglip", "siglip_text_model"), "SiglipTextModel")
        | dict.fromkeys(("siglip2", "siglip2_text_model"), "Siglip2TextModel"),
        "pooler_output",
        "projection_size",
        "max_length",
    ),
}
"""Families of vision-language models by name."""


def clip_text(name: str) -> TextTower:
    """Return the text tower of a CLIP model; see `TextTower`."""
    return TextTower("clip", name)


def siglip_text(name: str) -> TextTower:
    """Return the text tower of a SigLIP or SigLIP 2 model; see `TextTower`."""
    return TextTower("siglip", name)


class TextTower:
    """Encodes texts with the text half of a vision-language model; loads it only when a text is not in the cache.

    A text longer than the model's context (77 tokens for CLIP, 64 for SigLIP) is cut at its end.

    Args:
        family: a key of `TOWERS`.
        name: a local folder that transformers saved the whole model or its text half in, or a hub name. A recorded
            id's part behind the family, ``name@digits``, is taken too: other weights are then refused.
        device: ``auto``, ``cpu``, ``cuda``.
        cache: keep vectors by content in the cache folder.

    Raises:
        UnknownVariantError: there is no such family.

    Example:
        >>> TextTower("clip", "openai/clip-vit-base-patch32").encode(["a photo of an okapi"])  # doctest: +SKIP
    """

    def __init__(self, family: str, name: str, device: str = "auto", cache: bool = True) -> None:
        self._tower = choose(TOWERS, family, "family of text towers")
        self.family = family
        self.name, self._recorded = split_recorded(name)
        self._device = device
        self._keeps = cache

    @cached_property
    def folder(self) -> Path:
        """The folder that the model is loaded from."""
        return Path(self.name) if Path(self.name).is_dir() else fetch_model(self.name)

    @cached_property
    def id(self) -> str:
        """``clip/`` or ``siglip/``, its hub name or ``local``, ``@``, 12 hex digits of its weights' sha256."""
        digits = check_digits(self.name, weights_digest(self.folder), self._recorded)
        name = LOCAL if self.folder == Path(self.name) else self.name
        return f"{self.family}/{name}@{digits}"

    @property
    def dim(self) -> int:
        """The semantic dimension S, that of the space which pictures and texts share."""
        return int(getattr(self._model.config, self._tower.width))

    @cached_property
    def _class_name(self) -> str:
        if not (self.folder / "config.json").is_file():
            raise InputFileError(
                f"{self.folder} holds no config.json; give a folder that transformers saved a model in."
            )
        config = read_json(self.folder / "config.json")
        found = config.get("model_type") if isinstance(config, dict) else None
        if found not in self._tower.classes:
            fitting = next((family for family, tower in TOWERS.items() if found in tower.classes), None)
            advice = f"name it as {fitting}:{self.name}" if fitting else f"give a {self.family} model"
            raise InputFileError(
                f"{self.name} holds a model of type {found!r}, no {self.family} model "
                f"({', '.join(self._tower.classes)}); {advice}."
            )
        return self._tower.classes[str(found)]

    @cached_property
    def _model(self) -> Any:
        try:
            import transformers
        except ImportError as error:
            raise MissingDependencyError(f"Encoder {self.name!r} needs transformers: {INSTALL}.") from error
        weights_digest(self.folder)
        model_class = getattr(transformers, self._class_name)
        with quiet_loading():
            try:
                model, info = model_class.from_pretrained(
                    str(self.folder),
                    use_safetensors=True,
                    output_loading_info=True,
                    dtype=torch.float32,
                    local_files_only=True,
                )
            except Exception as error:  # transformers raises OSError, ValueError, RuntimeError, SafetensorError, ...
                raise self._refusal("text tower", error) from error
        if missing := sorted(info["missing_keys"]):
            raise InputFileError(
                f"The weights in {self.folder} lack {len(missing)} of the text tower's parameters ({missing[0]} "
                "first), which would be random numbers; save the model again whole."
            )
        return model.eval().to(choose_device(self._device))

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        if not any((self.folder / name).is_file() for name in TOKENIZER_FILES):  # else an empty one would be made up
            raise MissingResourceError(
                f"{self.folder} holds no tokenizer ({', '.join(TOKENIZER_FILES)}); save the model's beside its weights."
            )
        with quiet_loading():
            try:
                return AutoTokenizer.from_pretrained(str(self.folder), local_files_only=True)
            except ImportError as error:
                reason = (str(error).strip().splitlines() or [""])[0][:200]
                raise MissingDependencyError(
                    f"The tokenizer of {self.name!r} needs a package that is not installed ({reason}); for SigLIP: "
                    "pip install sentencepiece protobuf."
                ) from error
            except Exception as error:  # as above
                raise self._refusal("tokenizer", error) from error

    def _refusal(self, what: str, error: Exception) -> MissingResourceError:
        cause = (str(error).strip().splitlines() or [""])[0][:200]
        return MissingResourceError(
            f"The {what} in {self.folder} cannot be loaded ({type(error).__name__}: {cause}). Give a folder or hub "
            f"name of a whole {self.family} model, with its tokenizer."
        )

    @cached_property
    def _cache(self) -> VectorCache | None:
        return VectorCache(self.id) if self._keeps else None

    def encode(self, texts: Sequence[str]) -> Float[Tensor, "C S"]:
        """Encode texts: unit rows ``v / |v|``, one a text, in the order given; see `encode_in_chunks`.

        Raises:
            MissingDependencyError, MissingResourceError, InputFileError: the model is not to be had or not whole.
            SemanticsError: there is no text, or a text got no direction.
        """
        return encode_in_chunks(texts, self._encode_fresh, self._cache)

    def _encode_fresh(self, texts: list[str]) -> Tensor:
        model, tokenizer = self._model, self._tokenizer
        length = int(model.config.max_position_embeddings)
        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                tokens = tokenizer(
                    texts[start : start + BATCH],
                    padding=self._tower.padding,
                    max_length=length,
                    truncation=True,
                    return_tensors="pt",
                )
                given = {
                    name: tokens[name].to(model.device) for name in ("input_ids", "attention_mask") if name in tokens
                }
                if self._tower.padding == "max_length":
                    given.pop("attention_mask", None)  # trained without: padding is read as any token
                parts.append(getattr(model(**given), self._tower.output).float().cpu())
        return unit_rows(torch.cat(parts), texts, self.id)
