"""docs/performance.md and docs/scale.md: the templates beside this file, with a table in the place of ``{{item}}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarking.blocks import BLOCKS
from benchmarking.items import ITEMS
from benchmarking.paper import NEEDS, SCALE_BLOCKS
from benchmarking.paper import TEMPLATE as SCALE_TEMPLATE

__all__ = ["TEMPLATE", "page", "scale_page"]

TEMPLATE = Path(__file__).with_name("page.md")
PLACE = re.compile(r"^\{\{([\w-]+)\}\}$", re.MULTILINE)


def page(kept: Mapping[str, Any], template: str | None = None) -> str:
    """Return the page from what was measured; an item that was not is told with its command."""
    text = TEMPLATE.read_text(encoding="utf-8") if template is None else template
    return PLACE.sub(lambda place: _block(place[1], kept), text)


def scale_page(kept: Mapping[str, Any]) -> str:
    """Return docs/scale.md: measured costs, carried on."""

    def block(name: str) -> str:
        if missing := [item for item in NEEDS[name] if item not in kept]:
            return f"Not measured yet: `scripts/bench --items {' '.join(missing)}`."
        return SCALE_BLOCKS[name](kept)

    return PLACE.sub(lambda place: block(place[1]), SCALE_TEMPLATE.read_text(encoding="utf-8"))


def _block(name: str, kept: Mapping[str, Any]) -> str:
    if name == "where":
        return _where(kept)
    if name not in kept:
        return f"Not measured yet: `scripts/bench --items {name}`."
    try:
        return f"`{kept[name]['command']}`\n\n{BLOCKS[name](kept[name]['found'])}"
    except (KeyError, IndexError, TypeError):
        return f"What is kept was measured by another version: `scripts/bench --items {name}`."


def _where(kept: Mapping[str, Any]) -> str:
    """Say on which machine the items were measured, and how busy it was."""
    machines = {name: one["machine"] for name, one in kept.items()}
    if not machines:
        return "Nothing was measured yet."
    kinds: dict[tuple[Any, ...], list[str]] = {}
    for name, one in machines.items():
        kinds.setdefault((one["cpu"], one["cores"], one["memory_gb"], one["torch"]), []).append(name)
    lines = [
        f"Machine{'' if len(kinds) == 1 else ' of ' + ', '.join(names)}: {cores} cores ({cpu}), {memory} GiB, torch "
        f"{version} on the CPU."
        for (cpu, cores, memory, version), names in kinds.items()
    ]
    busy = [f"{name} {one['load']}" for name, one in machines.items() if one["load"] > one["cores"] + 1]
    if busy:
        lines.append(f"Other programs ran beside these (load of the machine): {', '.join(busy)}.")
    if missing := [name for name in ITEMS if name not in kept]:
        lines.append(f"Not measured yet: {', '.join(missing)}.")
    return "\n".join(lines)
