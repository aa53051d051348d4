"""Where things live: the cache (``KGZSL_HOME``), local models and data (``KGZSL_ASSETS``), what kgzsl ships."""

from __future__ import annotations

import os
from pathlib import Path

from kgzsl.errors import MissingResourceError
from kgzsl.registry import closest

__all__ = ["asset_path", "cache_home", "shipped_path"]

PACKAGE = Path(__file__).resolve().parents[1]


def cache_home() -> Path:
    """Return the cache folder: ``$KGZSL_HOME``, else ``$XDG_CACHE_HOME/kgzsl``, else ``~/.cache/kgzsl``."""
    if home := os.environ.get("KGZSL_HOME"):
        return Path(home)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kgzsl"


def asset_path(*parts: str) -> Path | None:
    """Return a path below ``$KGZSL_ASSETS`` that exists, or None (an empty variable means none)."""
    root = os.environ.get("KGZSL_ASSETS")
    if not root:
        return None
    path = Path(root).joinpath(*parts)
    return path if path.exists() else None


def shipped_path(kind: str, name: str) -> Path:
    """Return a file or folder that kgzsl ships: in the installed package, else in the checkout.

    Args:
        kind: ``graphs`` or ``recipes``.
        name: the path below it.

    Raises:
        MissingResourceError: neither place holds it; the message lists what there is.
    """
    checkout = PACKAGE.parent / ("scripts/recipes" if kind == "recipes" else kind)
    for folder in (PACKAGE / kind, checkout):
        if (folder / name).exists():
            return folder / name
    places = [path for folder in (PACKAGE / kind, checkout) if folder.is_dir() for path in folder.iterdir()]
    known = sorted({path.stem for path in places if path.is_dir() or path.suffix == ".toml"})
    asked = name.removesuffix(".toml")
    raise MissingResourceError(
        f"kgzsl ships no {kind} called {asked!r}, and no such path was found; it ships {', '.join(known) or 'none'}."
        f"{closest(asked, known)}"
    )
