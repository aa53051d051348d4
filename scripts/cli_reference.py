#!/usr/bin/env python
"""Write docs/reference/cli.md: every command and option, from the commands themselves.

python scripts/cli_reference.py            # after any change of a command; a test fails where it was forgotten
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from kgzsl.cli import EXIT_CODES, make_app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"
EXAMPLES = re.compile(r"^Examples?:$", re.MULTILINE)

HEAD = """# Command line

<!-- Written by scripts/cli_reference.py from the commands; change their help instead. -->

`kgzsl COMMAND --help` prints what stands here. Options that are marked with dots take several values in a row:
`--classes okapi zebra giraffe`. Everything that prints a table prints JSON with `--json`. Progress bars are shown on
terminals only; colours are off where the output is piped or `NO_COLOR` is set. `python -m kgzsl` is `kgzsl` too.

"""

COMPLETION = """## Completion

`kgzsl --install-completion` teaches the shell (bash, zsh, fish or PowerShell) to complete commands, options, and the
names of recipes, graphs, text forms and kinds of candidates; it begins with the next shell. `kgzsl --show-completion`
prints what would be installed. In the environment of a checkout, activate `.venv` first.

"""


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the words and the object of every command, groups before what is in them."""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        for name, inner in getattr(command, "commands", {}).items():
            yield (*words, name), inner
            yield from walk(inner, (*words, name))

    return walk(typer.main.get_command(make_app()), ("kgzsl",))


def examples(text: str) -> list[str]:
    """Return the command lines that stand behind ``Examples:`` in a help text, a paragraph each."""
    found = EXAMPLES.split(text)
    paragraphs = re.split(r"\n\s*\n", found[1]) if len(found) == 2 else []
    return [" ".join(one.split()) for one in paragraphs if one.strip()]


def arguments(line: str, name: str = "kgzsl") -> list[str]:
    """Return the words of an example behind the name of the program."""
    words = shlex.split(line)
    if words[0] != name:
        raise ValueError(f"{line!r} does not begin with {name}")
    return words[1:]


def usage(words: Sequence[str], command: Any) -> str:
    """Return how a command is called: required options are named, others are not."""
    if getattr(command, "commands", None):
        return " ".join((*words, "COMMAND ..."))
    given = [one for one in command.params if one.param_type_name == "argument"]
    needed = [one for one in command.params if one.param_type_name == "option" and one.required]
    named = [f"{one.opts[0]} {metavar(one)}" for one in needed]
    placed = [one.metavar or one.name.upper() for one in given]
    asked = [word if one.required else f"[{word}]" for one, word in zip(given, placed)]
    return " ".join((*words, *asked, *named, "[OPTIONS]"))


def metavar(option: Any) -> str:
    """Return the word that stands for an option's value; nothing for a switch."""
    if option.metavar:
        return str(option.metavar)
    return "" if is_switch(option) else str(option.name).upper()


def is_switch(option: Any) -> bool:
    """Say whether an option takes no value."""
    return isinstance(option.default, bool) or bool(getattr(option, "is_flag", False))


def default(option: Any) -> str:
    """Return the default that a table names: none for switches, lists and what is found out."""
    value = option.default
    if option.required:
        return "**required**"
    if value is True:
        return f"`{option.opts[0]}`"
    if value is None or is_switch(option) or callable(value) or value in ((), []):
        return ""
    return f"`{value}`"


def cell(text: str) -> str:
    """Return text for a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def option_rows(command: Any) -> Iterator[str]:
    """Yield a row for every argument and option of a command."""
    for one in command.params:
        if one.hidden or one.name == "help":
            continue
        words = [one.metavar or one.name.upper()] if one.param_type_name == "argument" else [*one.opts]
        words += getattr(one, "secondary_opts", []) if one.param_type_name == "option" else []
        value = f" {metavar(one)}" if one.param_type_name == "option" and metavar(one) else ""
        shown = ", ".join(f"`{word}`" for word in [*words[:-1], words[-1] + value])
        yield f"| {cell(shown)} | {cell(one.help or '')} | {cell(default(one))} |"


def paragraphs(text: str) -> str:
    """Return the prose of a help text, with options and quoted names as code."""
    prose = EXAMPLES.split(text)[0].strip()
    return re.sub(r"(?<![\w`-])(--[a-z][a-z-]*)", r"`\1`", prose)


def section(words: tuple[str, ...], command: Any) -> str:
    """Return one command's part of the page."""
    text = command.help or ""
    pieces = [f"{'#' * len(words)} {' '.join(words)}", f"```\n{usage(words, command)}\n```", paragraphs(text)]
    if rows := list(option_rows(command)):
        pieces.append("\n".join(("| | | default |", "|---|---|---|", *rows)))
    if shown := examples(text):
        pieces.append("```console\n" + "\n".join(f"$ {line}" for line in shown) + "\n```")
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def page() -> str:
    """Return the whole page."""
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())
    exits = f"## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}\n"
    return HEAD + exits + COMPLETION + "\n".join(section(words, command) for words, command in commands())


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE}: {len(list(commands()))} commands")


if __name__ == "__main__":
    sys.exit(main())
