"""What the help promises: examples that parse, exit codes, completion, light imports, no colours in pipes."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from kgzsl.cli import COMMANDS, EXIT_CODES, completion, make_app
from kgzsl.errors import KgzslError

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

import cli_reference

ALL = dict(cli_reference.commands())
LEAVES = {words: command for words, command in ALL.items() if not getattr(command, "commands", None)}
ROOT = typer.main.get_command(make_app())


def every_example() -> Iterator[str]:
    for command in (ROOT, *ALL.values()):
        yield from cli_reference.examples(command.help or "")


def parsed(line: str) -> tuple[str, ...]:
    """Parse a command line as the program does, without running it; return the words of the command that it names."""
    words = cli_reference.arguments(line)
    command, context, named = ROOT, None, ("kgzsl",)
    while getattr(command, "commands", None) and words and not words[0].startswith("-"):
        named = (*named, words[0])
        assert words[0] in command.commands, f"{line}: there is no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    if words != ["--help"]:
        context = command.make_context(named[-1], list(words))
        assert context.args == [], f"{line}: nobody takes {context.args}"
    return named


@pytest.mark.parametrize("line", sorted(set(every_example())))
def test_examples_parse(line: str) -> None:
    assert parsed(line) in {("kgzsl",), *LEAVES}


def test_every_command_has_an_example() -> None:
    assert set(LEAVES) == {parsed(line) for line in every_example()} & set(LEAVES), "add examples to their help"


def test_a_wrong_example_is_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        parsed("kgzsl train dgp --out runs/dgp --nonsense")
    with pytest.raises(Exception, match=r"(?i)missing"):
        parsed("kgzsl train dgp")
    with pytest.raises(AssertionError, match="no command 'trian'"):
        parsed("kgzsl trian dgp")


def test_every_option_says_what_it_does() -> None:
    silent = [
        f"{' '.join(words)} {one.name}" for words, command in ALL.items() for one in command.params if not one.help
    ]
    assert silent == []


def test_no_help_is_taken_for_markup() -> None:
    """rich leaves ``[word]`` out of what it prints, as a tag that it does not know."""
    texts = [text for one in (ROOT, *ALL.values()) for text in (one.help, *(option.help for option in one.params))]
    assert [text for text in texts if re.search(r"\[[a-z#/@][^\[\]]*\]", text or "")] == []


def test_exit_codes_are_told(kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert kgzsl("--help") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert all(f"{code} " in told.partition("Exit codes:")[2] for code in EXIT_CODES)
    assert set(EXIT_CODES) == {0, 1, 2, 130}
    assert kgzsl("nonsense") == 2 and kgzsl("predict", "--nonsense") == 2 and kgzsl("predict") == 2


@pytest.mark.parametrize("argument", ["overwrite=True", "column=..."])
def test_messages_leave_out_what_is_for_python(
    argument: str, kgzsl: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise KgzslError(f"Name one with --this ({argument}): a, b.")

    monkeypatch.setattr("kgzsl.recipe.Recipe.load", refused)
    assert kgzsl("train", "kernel", "--out", "run") == 2
    assert capsys.readouterr().err == "kgzsl: Name one with --this: a, b.\n"


def test_stopping_exits_with_130(
    kgzsl: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kgzsl.cli.make_app", lambda asked: stopped)
    assert kgzsl("train") == 130
    assert "stopped" in capsys.readouterr().err


def test_stopping_inside_a_command_says_so_once(
    kgzsl: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kgzsl.recipe.Recipe.load", stopped)
    assert kgzsl("train", "kernel", "--out", "run") == 130
    assert capsys.readouterr().err.count("stopped") == 1


def test_help_and_completion_import_nothing_heavy() -> None:
    code = """
import json, os, sys
from kgzsl.cli import main, make_app
make_app()
before = sorted(sys.modules)
for words, environment in (
    (["--help"], {}),
    ([], {"_KGZSL_COMPLETE": "complete_bash", "COMP_WORDS": "kgzsl train k", "COMP_CWORD": "2"}),
):
    sys.argv = ["kgzsl", *words]
    os.environ.update(environment)
    try:
        main()
    except SystemExit:
        pass
print(json.dumps([before, sorted(sys.modules)]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = json.loads(done.stdout.splitlines()[-1])
    heavy = {"torch", "numpy", "scipy", "networkx", "nltk", "jaxtyping", "safetensors", "transformers", "fastapi"}
    assert not heavy & set(after)
    assert "rich" not in before  # typer needs it to draw a page of help, and for nothing else
    assert {f"kgzsl.cli.{name}" for name in COMMANDS} <= set(after)
    assert not [name for name in after if name.startswith("kgzsl.") and not name.startswith(("kgzsl.cli", "kgzsl.err"))]
    assert done.stdout.splitlines()[-2] == "kernel"


def suggested(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str) -> list[str]:
    """Return what bash is told where Tab is pressed at the end of a line."""
    monkeypatch.setenv("_KGZSL_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    monkeypatch.setattr(sys, "argv", ["kgzsl"])
    with pytest.raises(SystemExit):
        make_app()(prog_name="kgzsl")  # else click names it after what runs the tests
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kgzsl pre", ["predict"]),
        ("kgzsl graph in", ["info"]),
        ("kgzsl predict --sp", ["--split"]),
        ("kgzsl predict --split un", ["unseen"]),
        ("kgzsl train ke", ["kernel"]),
        ("kgzsl compare kernel dg", ["dgp"]),
        ("kgzsl graph info ", ["imagenet21k", "wordnet-nouns"]),
        ("kgzsl embed --text-form le", ["lemmas"]),
        ("kgzsl evaluate run --candidates u", ["unrelated", "unseen"]),
        ("kgzsl list-options re", ["remedies", "recipes"]),
        ("kgzsl evaluate run --transduce lo", ["local-scaling"]),
    ],
)
def test_completion(
    line: str, expected: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suggested(monkeypatch, capsys, line) == expected


def test_completion_can_be_installed() -> None:
    assert {"--install-completion", "--show-completion"} <= {word for one in ROOT.params for word in one.opts}


def test_what_completion_knows_is_what_there_is() -> None:
    from kgzsl.classifier import SPLITS
    from kgzsl.cli.list_options import _tables
    from kgzsl.cli.measured_run import FROM_RECIPE
    from kgzsl.evaluation import KINDS
    from kgzsl.graph import find_graph
    from kgzsl.semantics import TEXT_FORMS
    from kgzsl.vision import ENGINES

    tables = _tables()
    assert completion.shipped_names("recipes") == sorted(tables["recipes"])
    assert [find_graph(name).name for name in completion.shipped_names("graphs")] == ["imagenet21k", "wordnet-nouns"]
    assert completion.KINDS_OF_OPTIONS("") == list(tables)
    assert sorted(completion.KINDS_OF_CANDIDATES("")) == sorted(KINDS)
    assert completion.TRANSDUCED_BY("") == [FROM_RECIPE, *tables["transducers"], *tables["remedies"]]
    assert completion.SPLITS("") == list(SPLITS)
    assert completion.ENGINES("") == list(ENGINES)
    assert completion.TEXT_FORMS("") == [name for name in TEXT_FORMS if " " not in name]


class Terminal(io.StringIO):
    """A terminal that keeps what it is shown."""

    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, file: io.StringIO, **environment: str) -> str:
    """Return what `rich`, as commands call it, writes of bold text into a file."""
    from rich.console import Console
    from rich.text import Text

    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", file)
    Console().print(Text("okapi", style="bold red"))
    return file.getvalue()


def test_no_colours_in_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(monkeypatch, io.StringIO()) == "okapi\n"
    assert "\x1b[1;31m" in printed(monkeypatch, Terminal())
    assert "31m" not in printed(monkeypatch, Terminal(), NO_COLOR="1")


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_leave_colours_to_rich(name: str) -> None:
    """No command forces colours, nor writes escape codes itself."""
    import kgzsl.cli

    text = (Path(kgzsl.cli.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    assert not any(word in text for word in ("force_terminal", "color_system", "\\x1b", "\\033"))


def test_the_page_of_the_command_line_is_new() -> None:
    kept = cli_reference.PAGE.read_text(encoding="utf-8")
    assert kept == cli_reference.page(), "docs/reference/cli.md is stale; run: python scripts/cli_reference.py"


def test_the_page_tells_of_every_command_and_option() -> None:
    text = cli_reference.PAGE.read_text(encoding="utf-8")
    for words, command in ALL.items():
        part: Any = text.partition(f"{'#' * len(words)} {' '.join(words)}\n")[2].partition("\n#")[0]
        missing = [one.opts[0] for one in command.params if one.name != "help" and f"`{one.opts[0]}" not in part]
        assert [name for name in missing if name.startswith("-")] == [], words


def test_words_of_the_page() -> None:
    text = "Do it with --top-k 5.\n\nExamples:\n\nkgzsl train dgp --out runs/dgp\n"
    assert cli_reference.paragraphs(text) == "Do it with `--top-k` 5."
    assert cli_reference.examples(text) == ["kgzsl train dgp --out runs/dgp"]
    assert cli_reference.cell("a | b\nc") == "a \\| b c"
    train = LEAVES[("kgzsl", "train")]
    assert cli_reference.usage(("kgzsl", "train"), train) == "kgzsl train RECIPE --out RUN [OPTIONS]"
    rows = list(cli_reference.option_rows(train))
    assert rows[0] == "| `RECIPE` | A recipe file, or the name of a shipped one. | **required** |"
    assert "| `--device DEVICE` | auto, cpu, cuda or cuda:N. | `auto` |" in rows
