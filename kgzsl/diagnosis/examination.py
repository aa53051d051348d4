"""All that is looked at, in order, and the findings as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from kgzsl.diagnosis import packages, places
from kgzsl.diagnosis.finding import Finding, State

__all__ = ["diagnose", "to_text"]

Look = Callable[[], Finding | Iterable[Finding]]

LOOKS: dict[str, tuple[str, Look]] = {
    "python": ("core", packages.python),
    "packages": ("core", packages.core_packages),
    "torch": ("core", places.device),
    "graphs": ("core", places.shipped_graphs),
    "sample": ("core", places.sample),
    "extras": ("extras", packages.extras),
    "WordNet": ("data", places.wordnet),
    "text encoder": ("data", places.encoder),
    "backbones": ("data", places.backbones),
    "cache": ("data", places.cache),
}
"""What is looked at: name to its part and what looks."""

SIGNS: dict[State, str] = {"ok": "ok", "missing": "--", "broken": "!!"}
REINSTALL = "pip install --upgrade --force-reinstall kgzsl"


def diagnose() -> list[Finding]:
    """Look at everything and return what was found; a look that fails is a finding as well.

    Example:
        >>> {finding.state for finding in diagnose() if finding.part == "core"}
        {'ok'}
    """
    return [finding for name, (part, look) in LOOKS.items() for finding in _findings(part, name, look)]


def _findings(part: str, name: str, look: Look) -> Sequence[Finding]:
    try:
        found = look()
        return [found] if isinstance(found, Finding) else list(found)
    except Exception as error:  # a package that cannot be imported may raise anything
        told = f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no reason given'])[0]}"
        return [Finding(part, name, "broken" if part == "core" else "missing", told, REINSTALL)]


def to_text(findings: Iterable[Finding]) -> str:
    """Return findings by part: a sign (``ok``, ``--`` optional and missing, ``!!`` broken), name, what was found."""
    lines: list[str] = []
    for part, group in groupby(findings, key=lambda one: one.part):
        members = list(group)
        width = max(len(one.name) for one in members)
        lines.append(part)
        for one in members:
            lines.append(f"  {SIGNS[one.state]}  {one.name:<{width}}  {one.found}")
            if one.mend:
                lines.append(f"      {'':<{width}}  mend: {one.mend}")
    return "\n".join(lines)
