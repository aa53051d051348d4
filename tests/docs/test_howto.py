"""Every block of the how-to pages runs, in order, in an empty folder, and prints what the page shows.

A ``console`` block holds commands behind ``$ `` and, below each, lines of what it prints; ``...`` stands for anything.
``python`` blocks of a page share their names, as in one session; ``expression  # -> value`` shows a value. A block
with a file name behind its language is that file. A page that begins with `IN_CHECKOUT` runs in a copy of this
checkout.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

IN_CHECKOUT = "<!-- runs in a checkout -->"
COPIED = ("kgzsl", "tests", "scripts")
DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted((DOCS / "howto").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@dataclass(frozen=True)
class Block:
    """A fenced block and the line of the page that it begins in."""

    language: str
    file: str | None
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    content = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(content):
        yield Block(match[1], match[2], match[3], content.count("\n", 0, match.start()) + 1)


def words(text: str) -> str:
    return " ".join(text.split())


def run_console(block: Block, place: str) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"COLUMNS": "200", "KGZSL_ASSETS": ""}
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = re.sub(r"\\\n\s*", "", part).partition("\n")
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, env=environment, timeout=300, check=False
        )
        printed = done.stdout + done.stderr
        expected = [words(line) for line in shown.splitlines() if line.strip()]
        if not any(line.startswith("kgzsl:") for line in expected):
            assert done.returncode == 0, f"{place}: {command}\n{printed}"
        rest = words(printed)
        for line in expected:
            for piece in filter(None, (piece.strip() for piece in line.split("..."))):
                assert piece in rest, f"{place}: {command}\nshown {piece!r} is not in\n{printed}"
                rest = rest[rest.index(piece) + len(piece) :]


def run_python(block: Block, names: dict[str, Any], place: str) -> None:
    exec(compile(block.text, place, "exec"), names)
    for expression, shown in re.findall(r"^(\S.*?)  # -> (.*)$", block.text, flags=re.MULTILINE):
        found = repr(eval(expression.rpartition(" = ")[2], names))
        assert found == shown, f"{place}: {expression} is {found}"


def copy_checkout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a copy of the checkout into a folder, from which kgzsl is then imported by every command."""
    for name in COPIED:
        shutil.copytree(DOCS.parent / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(DOCS.parent / "pyproject.toml", folder)
    (folder / "graphs").symlink_to(DOCS.parent / "graphs")
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # other packages may warn; a page may run them
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KGZSL_ASSETS", "")
    if page.read_text(encoding="utf-8").startswith(IN_CHECKOUT):
        copy_checkout(tmp_path, monkeypatch)
    names: dict[str, Any] = {"__name__": "page"}
    run = list(blocks(page))
    assert any(block.language in ("console", "python") for block in run), f"{page.name} shows nothing that runs"
    for block in run:
        place = f"{page.name} line {block.line}"
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            run_console(block, place)
        elif block.language == "python":
            run_python(block, names, place)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.relative_to(DOCS)} links to {target}, which is not there"
