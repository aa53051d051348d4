"""What lies where: the device, shipped graphs, WordNet, the text encoder, backbones, the cache."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from kgzsl.diagnosis.finding import Finding
from kgzsl.errors import KgzslError

__all__ = ["backbones", "cache", "device", "encoder", "graph", "sample", "shipped_graphs", "wordnet"]

ASSETS = "KGZSL_ASSETS"
HOME = "KGZSL_HOME"
REINSTALL = "pip install --force-reinstall --no-deps kgzsl   (in a checkout: git checkout -- graphs)"
SHIPPED = ("imagenet21k", "wordnet-nouns")
SAMPLE = "sample/seen.safetensors"
SHOWN = 8


def device() -> Finding:
    """Look at torch, the device that is chosen by default, and the threads."""
    import torch

    threads = f"{torch.get_num_threads()} of {os.cpu_count()} threads"
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
        return Finding("core", "torch", "ok", f"{torch.__version__}, cuda ({names}), {threads}")
    return Finding("core", "torch", "ok", f"{torch.__version__}, cpu, {threads}")


def shipped_graphs() -> Iterator[Finding]:
    """Look at the graphs that kgzsl ships: every file against the sum that the graph's header holds."""
    for name in SHIPPED:
        yield graph(name)


def graph(name: str) -> Finding:
    """Look at one shipped graph."""
    from kgzsl.runtime import shipped_path

    title = f"graph {name}"
    try:
        folder = shipped_path("graphs", name)
        header = tomllib.loads((folder / "graph.toml").read_text(encoding="utf-8"))
        damaged = [file for file, digest in header["sha256"].items() if _digest(folder / file) != digest]
    except (KgzslError, OSError, KeyError, ValueError) as error:
        return Finding("core", title, "broken", _first_line(error), REINSTALL)
    if damaged:
        return Finding("core", title, "broken", f"damaged: {', '.join(damaged)} in {folder}", REINSTALL)
    vectors = sum(1 for _ in folder.glob("embeddings*.safetensors"))
    stored = f", {vectors} files of vectors" if vectors else ""
    counts = f"{header['num_classes']:,} classes, {header['num_edges']:,} edges{stored}"
    return Finding("core", title, "ok", f"{counts}, in {folder}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sample() -> Finding:
    """Look at the shipped features, which the demo and the calibrations use."""
    from kgzsl.runtime import shipped_path, tensor_metadata

    try:
        backbone = tensor_metadata(shipped_path("graphs", SAMPLE))["backbone"]
    except (KgzslError, OSError, KeyError) as error:
        return Finding("core", "sample", "broken", _first_line(error), REINSTALL)
    return Finding("core", "sample", "ok", f"features of {backbone}")


def wordnet() -> Finding:
    """Look for WordNet's files, which hold the definitions of nouns that are in no shipped file."""
    from kgzsl.graph.wordnet import find_wordnet

    place = find_wordnet()
    if place is not None:
        return Finding("data", "WordNet", "ok", f"in {place}")
    told = "not here: nouns outside the shipped graphs are known by their names alone, not by definitions"
    return Finding("data", "WordNet", "missing", told, "python -m nltk.downloader wordnet")


def encoder() -> Finding:
    """Look for the default text encoder: in its package, else in the cache of the hub's client."""
    from kgzsl.semantics.model_folder import INSTALL, cached_model
    from kgzsl.semantics.sentences import DEFAULT_ENCODER, local_encoder

    name = f"text encoder {DEFAULT_ENCODER.rpartition('/')[2]}"
    place = local_encoder(DEFAULT_ENCODER) or cached_model(DEFAULT_ENCODER)
    if place is not None:
        return Finding("data", name, "ok", f"in {place}")
    told = "not here: it is fetched from the hub when texts of new classes are first encoded"
    return Finding("data", name, "missing", told, INSTALL.replace('"', "'"))


def backbones() -> Finding:
    """Look for the backbones below ``KGZSL_ASSETS``."""
    root = os.environ.get(ASSETS)
    advice = f"export {ASSETS}=FOLDER   (a folder that holds backbones/NAME/, each as transformers saves it)"
    if not root:
        told = f"{ASSETS} is not set: backbones are named by folder, or fetched from the hub"
        return Finding("data", "backbones", "missing", told, advice)
    folder = Path(root) / "backbones"
    names = sorted(path.parent.name for path in folder.glob("*/config.json"))
    if not names:
        return Finding("data", "backbones", "missing", f"{ASSETS} is {root}, and {folder} holds none", advice)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return Finding("data", "backbones", "ok", f"{', '.join(names[:SHOWN])}{more}, in {folder}")


def cache() -> Finding:
    """Look at the cache folder: whether it can be written, and how large it is."""
    from kgzsl.runtime import cache_home

    folder = cache_home()
    standing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        told = f"{folder} cannot be written; vectors of texts are computed anew each time"
        return Finding("data", "cache", "missing", told, f"export {HOME}=FOLDER   (one that can be written)")
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return Finding("data", "cache", "ok", f"{folder}, {len(sizes):,} files, {sum(sizes) / 1e6:,.1f} MB")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
