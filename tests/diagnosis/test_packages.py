"""What is said of packages that are there, missing, or too old."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgzsl.diagnosis import Finding, packages

ASKED = [
    "numpy>=1.26",
    "torch>=2.6; python_version >= '3.11'",
    "onnx>=1.19; extra == 'onnx'",
    'onnxruntime>=1.23; extra == "onnx"',
    "pytest>=8; extra == 'dev'",
    "mkdocs<2,>=1.6; extra == 'site'",
    "kgzsl[vision]; extra == 'serve'",
    "fastapi (>=0.115) ; extra == 'serve'",
]
INSTALLED = {"numpy": "2.1", "torch": "2.13.0+cpu", "onnx": "1.19.0rc1", "fastapi": "0.200"}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The packages of a machine, which may be changed."""
    installed = dict(INSTALLED)

    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "requires", lambda name: ASKED)
    monkeypatch.setattr(metadata, "version", version)
    return installed


def test_requirements_are_read() -> None:
    read = [(one.name, one.lowest, one.extra) for one in packages.requirements(ASKED)]
    assert read == [
        ("numpy", "1.26", ""),
        ("torch", "2.6", ""),
        ("onnx", "1.19", "onnx"),
        ("onnxruntime", "1.23", "onnx"),
        ("pytest", "8", "dev"),
        ("mkdocs", "1.6", "site"),
        ("kgzsl", "", "serve"),
        ("fastapi", "0.115", "serve"),
    ]


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_versions_are_compared_as_numbers(here: list[int], lowest: list[int]) -> None:
    width = max(len(here), len(lowest))
    padded = [[*numbers, *[0] * (width - len(numbers))] for numbers in (here, lowest)]
    texts = [".".join(map(str, numbers)) for numbers in (here, lowest)]
    assert packages.at_least(*texts) == (padded[0] >= padded[1])
    assert packages.at_least(f"{texts[0]}+cu126", texts[1]) == (padded[0] >= padded[1])


def test_all_is_there(machine: dict[str, str]) -> None:
    assert packages.core_packages() == Finding("core", "packages", "ok", "numpy 2.1, torch 2.13.0+cpu")
    machine["onnxruntime"] = "1.23"
    onnx, serve = packages.extras()
    assert onnx == Finding("extras", "onnx", "ok", "onnx 1.19.0rc1, onnxruntime 1.23")
    assert serve == Finding("extras", "serve", "ok", "fastapi 0.200")


def test_an_extra_without_its_package_is_missing_with_the_command(machine: dict[str, str]) -> None:
    onnx, _ = packages.extras()
    expected = ("missing", "no onnxruntime, onnx 1.19.0rc1", "pip install 'kgzsl[onnx]'")
    assert (onnx.state, onnx.found, onnx.mend) == expected


def test_the_core_without_a_package_or_with_an_old_one_is_broken(machine: dict[str, str]) -> None:
    machine["torch"] = "2.5.9"
    found = packages.core_packages()
    assert (found.state, found.found) == ("broken", "torch 2.5.9 (at least 2.6 is needed)")
    del machine["torch"], machine["numpy"]
    assert packages.core_packages().found == "no numpy, no torch"
    assert packages.core_packages().mend == "pip install --upgrade kgzsl"


def test_a_kgzsl_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    assert packages.extras() == []
    found = packages.core_packages()
    assert found.state == "missing" and found.mend.startswith("pip install -e .")


def test_an_old_python_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packages.python().state == "ok"
    monkeypatch.setattr(sys, "version_info", (3, 10, 9))
    assert packages.python().state == "broken" and "Python 3.11 or newer" in packages.python().mend
