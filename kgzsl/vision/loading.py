"""Load a backbone that transformers knows: from a folder, the local assets, or a hub id."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from kgzsl.errors import BackboneError, InputFileError, KgzslError, MissingDependencyError, MissingResourceError
from kgzsl.runtime import asset_path, read_json
from kgzsl.semantics.model_folder import quiet_loading
from kgzsl.types import PathLike
from kgzsl.vision.backbone import Backbone, find_head
from kgzsl.vision.onnx_engine import with_engine
from kgzsl.vision.preprocess import Preprocessor

__all__ = ["find_backbone", "load_backbone"]


def find_backbone(name: PathLike) -> Path | None:
    """Return the folder of a backbone on this machine, or None where only a hub can have it.

    A folder is itself; a hub id ``owner/model`` is looked for as ``$KGZSL_ASSETS/backbones/model``, which counts
    only where its config.json records no other id.

    Raises:
        InputFileError: the name reads as a path but no folder is there.
    """
    text = str(name)
    if Path(text).is_dir():
        return Path(text)
    if Path(text).exists() or text.startswith((".", "/", "~")) or text.count("/") > 1:
        raise InputFileError(f"{text} is no folder of a backbone; give a folder with config.json, or a hub id.")
    folder = asset_path("backbones", text.rsplit("/", 1)[-1])
    if folder is None or not folder.is_dir():
        return None
    recorded = recorded_id(folder)
    return folder if recorded is None or recorded == text or "/" not in text else None


def recorded_id(folder: Path) -> str | None:
    """Return the id that config.json records as ``_name_or_path``; None where it records a path or nothing.

    Transformers overwrites the field in memory with the path it loaded from, so the file is read.

    Raises:
        BackboneError: the folder has no config.json.
    """
    if not (folder / "config.json").is_file():
        raise BackboneError(f"{folder} has no config.json; give a folder that transformers saved a classifier in.")
    config = read_json(folder / "config.json")
    name = config.get("_name_or_path") if isinstance(config, dict) else None
    is_path = not name or name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1 or Path(name).exists()
    return None if is_path else str(name)


def load_backbone(
    name: PathLike,
    *,
    backbone_id: str | None = None,
    device: torch.device | str = "cpu",
    engine: str = "torch",
) -> Backbone:
    """Load an image classifier that transformers knows.

    Its id is ``backbone_id``, else the id its folder records, else the hub id, else ``local:`` and the first 12 digits
    of the sha256 of its weights. Weights are read from safetensors alone: nothing is unpickled, no code of a hub runs.

    Args:
        name: a folder, or a hub id (looked for under ``$KGZSL_ASSETS/backbones`` first).
        backbone_id: id that overrides the recorded one.
        device: where it shall compute.
        engine: what computes the features, ``torch`` or ``onnxruntime``.

    Raises:
        BackboneError: the model has no trained head, two heads, or no linear head at all; or the engine gives other
            features than torch.
        MissingResourceError: neither this machine nor the hub has it.
        MissingDependencyError: transformers, pillow or the engine is not installed.
    """
    folder = find_backbone(name)
    place, is_folder = str(folder or name), folder is not None
    model = _load_model(place, is_folder)
    labels = _labels(model.config)
    _, head = find_head(model, len(labels))
    preprocess = Preprocessor.from_processor(_load_processor(place, is_folder))
    chosen = backbone_id or (_folder_id(folder) if folder is not None else str(name))
    return with_engine(Backbone(model, head, preprocess, labels, chosen).to(device), engine)


def _folder_id(folder: Path) -> str:
    if recorded := recorded_id(folder):
        return recorded
    digest = hashlib.sha256()
    for weights in sorted(folder.glob("*.safetensors")):
        digest.update(weights.read_bytes())
    return f"local:{digest.hexdigest()[:12]}"


def _labels(config: Any) -> tuple[str, ...]:
    # by row: id2label may hold equal texts, so label2id is never asked
    names = {int(row): str(label) for row, label in config.id2label.items()}
    return tuple(names.get(row, f"LABEL_{row}") for row in range(config.num_labels))


def _load_model(name: str, is_folder: bool) -> Any:
    try:
        import PIL  # noqa: F401
        from transformers import AutoModelForImageClassification
    except ImportError as error:
        message = "Backbones need transformers and pillow; install them with: pip install 'kgzsl[vision]'"
        raise MissingDependencyError(message) from error
    with quiet_loading():
        try:
            model, info = AutoModelForImageClassification.from_pretrained(
                name,
                use_safetensors=True,
                output_loading_info=True,
                dtype=torch.float32,
                local_files_only=is_folder,
            )
        except Exception as error:  # transformers raises OSError, ValueError, RuntimeError, SafetensorError, ...
            raise _refusal(name, is_folder, error) from error
    _check_loaded(name, model, info)
    return model


def _load_processor(name: str, is_folder: bool) -> Any:
    from transformers import AutoImageProcessor

    with quiet_loading():
        try:
            return AutoImageProcessor.from_pretrained(name, backend="pil", local_files_only=is_folder)
        except Exception as error:  # as above
            raise _refusal(name, is_folder, error) from error


def _check_loaded(name: str, model: Any, info: dict[str, Any]) -> None:
    missing = sorted(info["missing_keys"])
    if not missing:
        return
    heads = [key for key, layer in model.named_modules() if getattr(layer, "out_features", None) == model.num_labels]
    untrained = [key for key in missing if key.rpartition(".")[0] in heads]
    if untrained:
        raise BackboneError(
            f"{name} has no trained head: its weights lack {', '.join(untrained)}, which would be random numbers. "
            "Give a model that was trained as an image classifier."
        )
    raise BackboneError(
        f"The weights of {name} lack {len(missing)} of the model's parameters ({missing[0]} first); "
        "save the model again whole."
    )


def _refusal(name: str, is_folder: bool, error: Exception) -> KgzslError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if not is_folder and isinstance(error, OSError):
        return MissingResourceError(
            f"Backbone {name!r} is neither a folder, nor under $KGZSL_ASSETS/backbones, nor could it be had from the "
            f"hub ({reason}). Give a folder, or download it where there is a network; features made elsewhere need "
            "none (--features)."
        )
    return BackboneError(
        f"{name} could not be loaded as an image classifier ({reason}). It needs config.json, model.safetensors and "
        "preprocessor_config.json of a classifier that transformers knows."
    )
