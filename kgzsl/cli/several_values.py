"""Options that take several values in a row: ``--classes okapi zebra`` means ``--classes okapi --classes zebra``."""

from __future__ import annotations

import typer
from typer.core import TyperCommand

__all__ = ["ListOptionCommand", "spread"]


def spread(arguments: list[str], options: set[str]) -> list[str]:
    """Repeat a list option before each of the values that follow it, up to the next option.

    Args:
        arguments: the words of the command line.
        options: the options that take several values.

    Example:
        >>> spread(["photo.jpg", "--classes", "okapi", "zebra", "--json"], {"--classes"})
        ['photo.jpg', '--classes', 'okapi', '--classes', 'zebra', '--json']
    """
    spreaded: list[str] = []
    current: str | None = None
    taken = 0
    for word in arguments:
        if word.startswith("-") and word != "-":
            current, taken = (word, 0) if word in options else (None, 0)
        elif current is not None:
            spreaded += [current] if taken else []
            taken += 1
        spreaded.append(word)
    return spreaded


class ListOptionCommand(TyperCommand):
    """A command whose list options take all values up to the next option."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse the words after `spread` over every option that may stand several times."""
        options = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        return super().parse_args(ctx, spread(args, options))
