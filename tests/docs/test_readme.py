"""What the README says works: its links, its commands' names, its Python."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_there_are_exactly_two_set_up_commands_and_they_can_be_run() -> None:
    block = README.split("## Two commands")[1].split("```")[1]
    commands = [line.split()[0] for line in block.strip().splitlines()]
    assert commands == ["scripts/demo", "scripts/test"]
    assert all((ROOT / command).stat().st_mode & 0o111 for command in commands)


def test_every_command_named_exists() -> None:
    from kgzsl.cli import COMMANDS

    named = re.findall(r"\bkgzsl ([a-z]+(?:-[a-z]+)*)", "\n".join(README.split("```")[1::2]))
    assert named and {name.replace("-", "_") for name in named} <= set(COMMANDS)


def test_the_python_runs_after_the_demo() -> None:
    if not (ROOT / "runs" / "demo" / "run" / "manifest.json").is_file():
        pytest.skip("needs the run of scripts/demo in runs/demo")
    code = re.search(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert code is not None
    done = subprocess.run([sys.executable, "-c", code.group(1)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 3 and all("because" in line for line in lines)
