"""What the shell completes beside commands, options and files: names that kgzsl knows.

A shell waits while a name is completed, so nothing heavy is imported here: tables that stand in other rooms are written
down again, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import kgzsl

__all__ = [
    "DEVICES",
    "ENGINES",
    "GRAPHS",
    "KINDS_OF_CANDIDATES",
    "KINDS_OF_OPTIONS",
    "RECIPES",
    "SPLITS",
    "TEXT_FORMS",
    "TRANSDUCED_BY",
    "names_of",
    "shipped_names",
]

Completion = Callable[[str], list[str]]

PACKAGE = Path(kgzsl.__file__).parent


def shipped_names(kind: str) -> list[str]:
    """Return the names of the recipes or graphs that kgzsl ships, installed or in a checkout.

    Args:
        kind: ``recipes`` or ``graphs``.
    """
    checkout = PACKAGE.parent / ("scripts/recipes" if kind == "recipes" else kind)
    pattern = "*.toml" if kind == "recipes" else "*/graph.toml"
    found = {path for folder in (PACKAGE / kind, checkout) for path in folder.glob(pattern)}
    return sorted({path.stem if kind == "recipes" else path.parent.name for path in found})


def names_of(*names: str, kind: str | None = None) -> Completion:
    """Return what completes names: the ones given, or those of a kind that kgzsl ships.

    Example:
        >>> names_of("unrelated", "unseen", "all")("un")
        ['unrelated', 'unseen']
    """

    def complete(incomplete: str) -> list[str]:
        known = list(names) if kind is None else shipped_names(kind)
        return [name for name in known if name.startswith(incomplete)]

    return complete


RECIPES, GRAPHS = names_of(kind="recipes"), names_of(kind="graphs")
DEVICES = names_of("auto", "cpu", "cuda")
ENGINES = names_of("torch", "onnxruntime")
SPLITS = names_of("seen", "unseen", "all")
KINDS_OF_CANDIDATES = names_of("own", "unrelated", "generalised", "unseen", "all")
KINDS_OF_OPTIONS = names_of(
    *("methods", "networks", "objectives", "seen-banks", "text-forms", "encoders", "inductions", "transducers"),
    *("remedies", "recipes"),
)
TRANSDUCED_BY = names_of(
    *("recipe", "agreement", "prototypes", "gaussian", "self-training", "balanced", "propagation"),
    *("local-scaling", "inverted-softmax", "centring"),
)
TEXT_FORMS = names_of("lemmas", "name", "definition", "photo")
"""Those that are one word; the others need quotes, which shells do not complete alike."""
