"""The site of docs/: every room and page is on it, its text rules hold, docstrings name arguments that are there."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "kgzsl"
pytest.importorskip("mkdocs", reason="needs the extra site")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    return load(DOCS / "mkdocs" / "hooks.py")


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    import yaml

    return dict(yaml.safe_load((DOCS / "mkdocs" / "mkdocs.yml").read_text(encoding="utf-8")))


def leaves(entry: Any) -> Iterator[str]:
    """The pages that a piece of the navigation names."""
    if isinstance(entry, str):
        yield entry
    else:
        for one in entry.values() if isinstance(entry, dict) else entry:
            yield from leaves(one)


def test_every_page_of_docs_is_in_the_navigation(hooks: ModuleType, settings: dict[str, Any]) -> None:
    shown = list(leaves(hooks.on_config(SimpleNamespace(nav=settings["nav"])).nav))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    notebooks = {f"{Path(name).stem}.md" for name in hooks.NOTEBOOKS if (DOCS / name).is_file()}
    made = {name for name in shown if name.startswith(hooks.API)}
    assert len(shown) == len(set(shown))
    assert set(shown) - made == pages | notebooks, "put new pages into the navigation: docs/mkdocs/mkdocs.yml"


def test_every_page_can_be_reached_from_the_first() -> None:
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)#]+)", text))
    pages = {path.relative_to(DOCS).as_posix() for path in (*DOCS.glob("*.md"), *(DOCS / "howto").glob("*.md"))}
    assert pages - linked == {"index.md"}, "name new pages in docs/index.md"


def test_every_room_has_a_page(hooks: ModuleType) -> None:
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    rooms = {name for name in names if not name.startswith("_")} - {"cli"}
    assert set(hooks.rooms()) == rooms
    listed = hooks.api_index()
    assert all(f"[`{room}`]({room}.md) | " in listed for room in rooms) and "|  |" not in listed
    shown = {name for room in rooms for name in re.findall(r"^::: (\S+)$", hooks.api_page(room), re.MULTILINE)}
    modules = {path.relative_to(ROOT).with_suffix("") for path in PACKAGE.rglob("*.py")}
    public = {".".join(path.parts) for path in modules if not path.name.startswith("_") and path.parts[1] != "cli"}
    assert shown == public | {f"kgzsl.{room}" for room in rooms}


def test_a_room_that_comes_is_found(hooks: ModuleType, tmp_path: Path) -> None:
    for name in ("__init__.py", "lone.py", "_private.py", "room/__init__.py", "room/inner.py", "cli/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('"""Room 3, what it is: words.\n\nMore. And more."""\n')
    assert hooks.rooms(tmp_path) == ["lone", "room"]
    assert hooks.parts("room", tmp_path) == ["kgzsl.room", "kgzsl.room.inner"]
    assert hooks.parts("lone", tmp_path) == ["kgzsl.lone"]


def test_links_out_of_docs_become_words(hooks: ModuleType) -> None:
    text = "[demo](../../scripts/demo), [one](one.md), [README](../../README.md#a), ![here](../images/a.png)"
    assert hooks.plain(text, "howto/page.md") == "demo, [one](one.md), README, ![here](../images/a.png)"
    assert hooks.plain("[up](../index.md)", "howto/page.md") == "[up](../index.md)"
    assert hooks.plain("[up](../index.md)", "page.md") == "up"
    assert hooks.plain("[run](../tutorial.ipynb)", "howto/page.md") == "[run](../tutorial.md)"


def test_a_file_s_name_becomes_the_title_of_its_block(hooks: ModuleType) -> None:
    assert hooks.plain("```toml kernel.toml\na = 1\n```", "a.md") == '```toml title="kernel.toml"\na = 1\n```'
    assert hooks.plain("```python\na = 1\n```", "a.md") == "```python\na = 1\n```"


def test_bars_in_the_code_of_tables_are_bars(hooks: ModuleType) -> None:
    assert hooks.plain("| `a\\|b` | c \\| d |\n`a\\|b`", "a.md") == "| `a|b` | c \\| d |\n`a\\|b`"


def test_a_notebook_is_a_page_with_its_outputs(hooks: ModuleType) -> None:
    picture = {"data": {"image/png": "QUJD\n", "text/plain": ["<Figure>"]}}
    shown = {"data": {"text/html": ["<b>", "okapi</b>"], "text/plain": "okapi"}}
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "words"]},
        {"cell_type": "code", "source": "1 < 2", "outputs": [{"text": ["1 < 2\n"]}, shown, picture]},
        {"cell_type": "raw", "source": "left out"},
    ]
    text, outputs = hooks.notebook_page({"cells": cells})
    marks = "\n\n".join(hooks.MARK.format(number) for number in range(3))
    assert text == f"# Title\nwords\n\n```python\n1 < 2\n```\n\n{marks}\n"
    assert outputs == [
        '<div class="output"><pre>1 &lt; 2\n</pre></div>',
        '<div class="output"><b>okapi</b></div>',
        '<div class="output"><img alt="" src="data:image/png;base64,QUJD"></div>',
    ]


def test_the_site_asks_no_other_host(settings: dict[str, Any]) -> None:
    assert settings["theme"]["font"] is False
    assert not {"repo_url", "extra_javascript"} & set(settings) and "analytics" not in settings.get("extra", {})
    assert not [name for name in settings["extra_css"] if "//" in name]
    written = [path for path in DOCS.rglob("*.md") if "```mermaid" in path.read_text(encoding="utf-8")]
    assert written == [], "mermaid is fetched from another host; draw a picture instead"


def test_what_a_page_would_fetch_is_seen(hooks: ModuleType) -> None:
    assert hooks.fetched('<a href="https://arxiv.org">paper</a> <img src="images/okapi.png"> <script src="a.js">') == []
    found = hooks.fetched(
        '<script async src="https://a.org/b.js"></script> <link rel=x href=//c.org/d.css> <img alt="" src=\'http://e\'>'
    )
    assert found == ["https://a.org/b.js", "//c.org/d.css", "http://e"]


def documented(text: str) -> Iterator[str]:
    """The names of the arguments that a docstring's Args tell of; several may stand together: ``low, high: ...``."""
    lines = re.split(r"^\s*(?:Args|Arguments):\n", text, maxsplit=1, flags=re.MULTILINE)
    for line in lines[1].splitlines() if len(lines) == 2 else ():
        if line.strip() and not line.startswith(" " * 4):
            return
        if match := re.match(r" {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \(.*?\))?: ", line):
            yield from (name.strip("* ") for name in match[1].split(","))


def taken(node: ast.AST) -> set[str] | None:
    """The names that a function takes or a class has as fields or takes; None where they come from elsewhere too."""
    if isinstance(node, ast.FunctionDef):
        given = node.args
        names = {one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
        return names | {one.arg for one in (given.vararg, given.kwarg) if one is not None}
    if not isinstance(node, ast.ClassDef) or any(ast.unparse(base) not in ("Protocol", "ABC") for base in node.bases):
        return None
    fields = {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)}
    made = [taken(one) or set() for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
    return fields.union(*made)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_docstrings_name_arguments_that_are_there(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (names := taken(node)) is not None:
            gone = set(documented(ast.get_docstring(node) or "")) - names
            assert not gone, f"line {node.lineno}: {node.name} takes no {', '.join(sorted(gone))}"


def test_what_a_docstring_documents() -> None:
    text = "Do.\n\nArgs:\n    low, high: ends.\n    *rest: more\n        words: none.\n\nRaises:\n    KeyError: never."
    assert list(documented(text)) == ["low", "high", "rest"]


def test_examples_are_read_as_code() -> None:
    griffe = pytest.importorskip("griffe")
    words = load(DOCS / "mkdocs" / "griffe_words.py")
    docstring = griffe.Docstring("Do.\n\nExample:\n    >>> 1 + 1\n    2\n")
    words.Words().on_instance(obj=SimpleNamespace(docstring=docstring))
    assert [section.kind.value for section in docstring.parse("google")] == ["text", "examples"]
    assert (
        words.readied("It:\n- one\n  more\n- two\n  It:\n  - three")
        == "It:\n\n- one\n  more\n- two\n  It:\n\n  - three"
    )


def test_the_build_is_strict() -> None:
    script = (ROOT / "scripts" / "site").read_text(encoding="utf-8")
    build = next(line for line in script.splitlines() if "mkdocs build" in line)
    assert "--strict" in build and "quiet" not in build  # what --quiet hides, --strict does not count
    assert "scripts/site\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
