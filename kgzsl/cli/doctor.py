"""``kgzsl doctor``: what is installed, found and missing, with the command that mends each."""

from __future__ import annotations

import json
from typing import Annotated

import typer

__all__ = ["register"]

HELP = """Tell what is installed, found and missing on this machine, each with the command that mends it.

ok is there, -- is something optional that is not, !! is something without which kgzsl does not work; then the exit code
is 1. Nothing is fetched or changed.

Examples:

kgzsl doctor

kgzsl doctor --json
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("doctor", help=HELP)(doctor_command)


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Tell what is installed, found and missing."""
    from kgzsl import __version__
    from kgzsl.diagnosis import diagnose, to_text

    findings = diagnose()
    works = all(finding.state != "broken" for finding in findings)
    if as_json:
        told = {"kgzsl": __version__, "works": works, "findings": [finding.to_json() for finding in findings]}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"kgzsl {__version__}\n{to_text(findings)}")
        missing = sum(finding.state == "missing" for finding in findings)
        things = "1 optional thing is" if missing == 1 else f"{missing} optional things are"
        optional = f"; {things} missing" if missing else ""
        typer.echo(f"{'kgzsl works' if works else 'kgzsl does not work here; mend what is marked !!'}{optional}.")
    if not works:
        raise typer.Exit(1)
