"""Which packages are installed, against what kgzsl's own metadata asks for; none of them is imported."""

from __future__ import annotations

import platform
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata

from kgzsl.diagnosis.finding import Finding

__all__ = ["Requirement", "at_least", "core_packages", "extras", "python", "requirements"]

PACKAGE = "kgzsl"
FOR_CONTRIBUTORS = ("dev", "site", "load")
PYTHON = (3, 11)
NAME = re.compile(r"[\w.-]+")
EXTRA = re.compile(r"\bextra\s*==\s*[\"']([^\"']+)")
LOWEST = re.compile(r">=\s*(\d+(?:\.\d+)*)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package that kgzsl asks for.

    Args:
        name: the package.
        lowest: the lowest version, ``""`` where any will do.
        extra: the extra that it belongs to, ``""`` for the core.
    """

    name: str
    lowest: str = ""
    extra: str = ""

    def found(self) -> tuple[bool, str]:
        """Return whether it is installed in a version that will do, and that in words."""
        try:
            version = metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return False, f"no {self.name}"
        if self.lowest and not at_least(version, self.lowest):
            return False, f"{self.name} {version} (at least {self.lowest} is needed)"
        return True, f"{self.name} {version}"


def at_least(version: str, lowest: str) -> bool:
    """Whether a version is not below another; what follows the numbers is not looked at.

    Example:
        >>> at_least("2.13.0+cpu", "2.6"), at_least("2.5.1", "2.6")
        (True, False)
    """
    here, needed = _numbers(version), _numbers(lowest)
    width = max(len(here), len(needed))
    return here + [0] * (width - len(here)) >= needed + [0] * (width - len(needed))


def _numbers(version: str) -> list[int]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return [int(number) for number in found[0].split(".")] if found else []


def requirements(lines: Sequence[str]) -> Iterator[Requirement]:
    """Read requirements as a package's metadata holds them; other markers than ``extra`` are taken as met.

    Example:
        >>> next(requirements(["onnx>=1.19; extra == 'onnx'"]))
        Requirement(name='onnx', lowest='1.19', extra='onnx')
    """
    for line in lines:
        wanted, _, marker = line.partition(";")
        name, lowest, extra = NAME.match(wanted.strip()), LOWEST.search(wanted), EXTRA.search(marker)
        if name:
            yield Requirement(name[0], lowest[1] if lowest else "", extra[1] if extra else "")


def _own() -> list[Requirement] | None:
    """Return what kgzsl asks for, or None where it runs without being installed."""
    try:
        return list(requirements(metadata.requires(PACKAGE) or []))
    except metadata.PackageNotFoundError:
        return None


def python() -> Finding:
    """Look at the Python that runs."""
    version = platform.python_version()
    if sys.version_info >= PYTHON:
        return Finding("core", "python", "ok", version)
    wanted = ".".join(map(str, PYTHON))
    return Finding("core", "python", "broken", version, f"install Python {wanted} or newer, and kgzsl into it")


def core_packages() -> Finding:
    """Look at the packages that kgzsl does not work without."""
    own = _own()
    if own is None:
        told = "kgzsl runs from its source and is not installed, so that nothing says which packages it needs"
        return Finding("core", "packages", "missing", told, "pip install -e .   (in the checkout)")
    looked = [one.found() for one in own if not one.extra]
    wrong = [text for there, text in looked if not there]
    if wrong:
        return Finding("core", "packages", "broken", ", ".join(wrong), f"pip install --upgrade {PACKAGE}")
    return Finding("core", "packages", "ok", ", ".join(text for _, text in looked))


def extras() -> list[Finding]:
    """Look at the packages of every extra, contributors' own left out."""
    by_extra: dict[str, list[Requirement]] = defaultdict(list)
    for one in _own() or ():
        if one.extra and one.extra not in FOR_CONTRIBUTORS and one.name != PACKAGE:
            by_extra[one.extra].append(one)
    return [_extra(name, by_extra[name]) for name in sorted(by_extra)]


def _extra(name: str, wanted: Sequence[Requirement]) -> Finding:
    looked = [one.found() for one in wanted]
    told = ", ".join(text for _, text in sorted(looked, key=lambda one: one[0]))
    if all(there for there, _ in looked):
        return Finding("extras", name, "ok", told)
    return Finding("extras", name, "missing", told, f"pip install '{PACKAGE}[{name}]'")
