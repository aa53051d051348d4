"""One thing that was looked at: whether it is there, what was found, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Finding", "State"]

State = Literal["ok", "missing", "broken"]
"""``missing`` is something optional that is not there; ``broken`` is something without which kgzsl does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        part: ``core``, ``extras`` or ``data``.
        name: what was looked at.
        state: ``ok``, ``missing`` or ``broken``.
        found: what is there, in words.
        mend: the command, or else what to do, where the state is not ``ok``.

    Example:
        >>> Finding("extras", "onnx", "missing", "onnx", "pip install 'kgzsl[onnx]'").to_json()["state"]
        'missing'
    """

    part: str
    name: str
    state: State
    found: str
    mend: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what programs read."""
        return {
            "part": self.part,
            "name": self.name,
            "state": self.state,
            "found": self.found,
            "mend": self.mend or None,
        }
