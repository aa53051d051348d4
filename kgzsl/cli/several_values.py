"""Options that take several values in a row: ``--classes okapi zebra`` means ``--classes okapi --classes zebra``."""

from __future__ import annotations

import typer
from typer.core import TyperCommand, TyperOption

from kgzsl.errors import InputFileError

__all__ = ["ListOptionCommand", "spread", "word_too_many"]

USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for words that fit nowhere; older versions take it from click, newer ones have their own."""


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


def word_too_many(arguments: list[str], options: set[str]) -> tuple[str, str, str] | None:
    """Return option, value and the word behind it where an option that takes one value is followed by two words.

    Args:
        arguments: the words of the command line.
        options: the options that take one value.

    Example:
        >>> word_too_many(["run", "--candidates", "okapi", "zebra"], {"--candidates"})
        ('--candidates', 'okapi', 'zebra')
    """
    for option, value, word in zip(arguments, arguments[1:], arguments[2:]):
        if option in options and not value.startswith("-") and not word.startswith("-"):
            return option, value, word
    return None


class ListOptionCommand(TyperCommand):
    """A command whose list options take all values up to the next option."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse the words after `spread` over every option that may stand several times."""
        options = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        single = {
            name
            for option in self.params
            if isinstance(option, TyperOption) and not option.multiple and not option.is_flag
            for name in option.opts
        }
        given = list(args)
        try:
            return super().parse_args(ctx, spread(args, options))
        except USAGE_ERROR as error:
            found = word_too_many(given, single)
            if "extra argument" not in str(error) or found is None:
                raise
            option, value, word = found
            raise InputFileError(
                f"{option} takes one value, found {value!r} and then {word!r}. Put what belongs together in quotes, "
                "or, where a file will do, each into a line of one."
            ) from error
