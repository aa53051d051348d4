"""Room 9, the command line: one file per command, each thin; bad input is one line and exit code 2.

Command files import only typer and the standard library at the top; the rooms they need are imported inside the
command, so that ``kgzsl --help`` stays quick. Where a command is called, its file alone is read.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence

import typer

from kgzsl import __version__
from kgzsl.errors import KgzslError

__all__ = ["COMMANDS", "EXIT_CODES", "main", "make_app"]

COMMANDS = (
    "graph",
    "embed",
    "extract",
    "import_gbu",
    "train",
    "fine_tune",
    "cross_validate",
    "calibrate",
    "link",
    "add",
    "changes",
    "predict",
    "explain",
    "expect",
    "update",
    "evaluate",
    "compare",
    "shift",
    "plot",
    "export",
    "share",
    "serve",
    "bulk",
    "list_options",
    "doctor",
)
"""Command files in this folder, in the order of the help; each has a ``register(app)``."""

EXIT_CODES = {
    0: "done",
    1: "done, but not all is as asked: `kgzsl link` could not link every name, `kgzsl doctor` found something broken; "
    "also a fault in kgzsl itself, which shows a traceback",
    2: "bad input: one line on standard error says what was found, what was expected, what to do",
    130: "stopped with Ctrl-C; what was finished is kept",
}
"""What the program's end says to a script."""

HELP = """Teach a trained image classifier new classes without new images.

Examples:

kgzsl train dgp --out runs/dgp

kgzsl predict photo.jpg --classes okapi zebra giraffe

kgzsl predict --help
"""

ARGUMENT = re.compile(r" \(\w+=(\w+|\.\.\.)\)")
"""What a message says to Python behind the name of an option: ``--overwrite (overwrite=True)``."""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kgzsl {__version__}")
        raise typer.Exit


def make_app(asked: str | None = None) -> typer.Typer:
    """Return the command line as a typer application.

    Args:
        asked: the only command that is needed; where there is no such command, or none is named, all of them are there.
    """
    own = (asked or "").replace("-", "_")
    if own in COMMANDS:
        app = _app_of((own,))
        if asked in {*(one.name for one in app.registered_commands), *(one.name for one in app.registered_groups)}:
            return app
    return _app_of(COMMANDS)


def _app_of(files: Sequence[str]) -> typer.Typer:
    app = typer.Typer(
        name="kgzsl",
        help=HELP,
        epilog="Exit codes: 0 done; 1 done, but not all is as asked; 2 bad input; 130 stopped with Ctrl-C.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        version: bool = typer.Option(
            False, "--version", callback=_show_version, is_eager=True, help="Show the version."
        ),
    ) -> None:
        pass

    for name in files:
        importlib.import_module(f"kgzsl.cli.{name}").register(app)
    return app


def main() -> None:
    """Run the command line; a KgzslError becomes one line on standard error and exit code 2."""
    try:
        make_app(sys.argv[1] if len(sys.argv) > 1 else None)()
    except KgzslError as error:
        print(f"kgzsl: {' '.join(ARGUMENT.sub('', str(error)).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        _say_stopped()
        sys.exit(130)
    except SystemExit as ended:
        if ended.code == 130:  # typer's own answer to Ctrl-C inside a command, without a word
            _say_stopped()
        raise


def _say_stopped() -> None:
    print("kgzsl: stopped; what was finished is kept, run the same command again to go on.", file=sys.stderr)
