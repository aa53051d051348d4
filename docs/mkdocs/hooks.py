"""What the site is made of beside the pages in docs/: the API's pages, the notebook as a page, small changes of text.

Four rules of text, so that pages read well in the repository and on the site:

- a link that leads out of docs/ (``../scripts/demo``) becomes its words: the repository has no address of its own;
- a fenced block with a file's name (three backticks, ``toml kernel.toml``) gets the name as its title;
- ``\\|`` in the code of a table, which GitHub wants, is a mere bar;
- ``tutorial.ipynb`` is shown as it was run, outputs and all; nothing is run here; links to it lead to the page.
"""

from __future__ import annotations

import ast
import html
import json
import logging
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

log = logging.getLogger("mkdocs.hooks")

DOCS = Path(__file__).resolve().parents[1]
PACKAGE = DOCS.parent / "kgzsl"
API = "reference/api"
NOTEBOOKS = ("tutorial.ipynb",)
OUTPUTS: dict[str, list[str]] = {}
MARK = '<div data-output="{}"></div>'

FENCE = re.compile(r"^```(\w+) ([\w./-]+)$", re.MULTILINE)
FETCHED = re.compile(
    r"""<(?:script|link|img|iframe|source|video|audio)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
)
ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
CODE = re.compile(r"`[^`]+`")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def rooms(package: Path = PACKAGE) -> list[str]:
    """Return the public rooms of the package, folders and single files, in the order of their names."""
    found = {path.parent.name for path in package.glob("*/__init__.py")} | {path.stem for path in package.glob("*.py")}
    return sorted(name for name in found if not name.startswith("_") and name != "cli")


def parts(room: str, package: Path = PACKAGE) -> list[str]:
    """Return the dotted names whose docstrings a room's page shows: the room, and every module in it."""
    folder = package / room
    if not folder.is_dir():
        return [f"kgzsl.{room}"]
    inside = sorted(path.relative_to(package).with_suffix("") for path in folder.rglob("*.py"))
    named = [path for path in inside if not path.name.startswith("_")]
    return [f"kgzsl.{room}", *(".".join(("kgzsl", *path.parts)) for path in named)]


def first_sentence(dotted: str, package: Path = PACKAGE) -> str:
    """Return what a module says of itself in its first sentence, without the number of its room."""
    path = package.parent.joinpath(*dotted.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    told = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    first = re.split(r"\.\s|\n\n", f"{told}\n\n", maxsplit=1)[0]
    named = rf"^Rooms? [\d, and]+, ({path.stem.replace('_', ' ')}: )?"
    words = re.sub(named, "", " ".join(first.split())).rstrip(".")
    return words.replace("|", "\\|")


def api_index() -> str:
    """Return the Markdown of the page that lists the rooms."""
    rows = "".join(f"| [`{room}`]({room}.md) | {first_sentence(f'kgzsl.{room}')} |\n" for room in rooms())
    lead = (
        "What a program may call, from the docstrings. How the rooms lie above each other stands in\n"
        "[architecture](../../architecture.md); the words are explained in [concepts](../../concepts.md).\n"
    )
    return f"# API\n\n{lead}\n| room | what it is |\n|---|---|\n{rows}"


def api_page(room: str) -> str:
    """Return the Markdown of a room's page: the room's own words, then every module of it."""
    lines = [f"# kgzsl.{room}", ""]
    is_folder = (PACKAGE / room).is_dir()
    for dotted in parts(room):
        own = dotted == f"kgzsl.{room}"
        options = ["show_root_heading: false", "show_root_toc_entry: false"] if own else []
        options += ["members: false"] if own and is_folder else []  # what it exports is shown where it is defined
        lines += [f"::: {dotted}", *(["    options:"] if options else []), *(f"      {one}" for one in options), ""]
    return "\n".join(lines)


def notebook_page(notebook: dict[str, Any]) -> tuple[str, list[str]]:
    """Return a notebook as Markdown with a mark for every output, and the HTML of the outputs."""
    outputs: list[str] = []
    pieces: list[str] = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            pieces.append(text)
        elif cell["cell_type"] == "code":
            pieces.append(f"```python\n{text}\n```")
            for output in cell["outputs"]:
                pieces.append(MARK.format(len(outputs)))
                outputs.append(output_html(output))
    return "\n\n".join(pieces) + "\n", outputs


def output_html(output: dict[str, Any]) -> str:
    """Return one output of a cell as HTML: what shows itself best, else its text."""
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items() if isinstance(text, str | list)}
    data.setdefault("text/plain", "".join(output.get("text", output.get("traceback", ()))))
    for kind in ("text/html", "image/svg+xml"):
        if kind in data:
            return f'<div class="output">{data[kind]}</div>'
    if "image/png" in data:
        return f'<div class="output"><img alt="" src="data:image/png;base64,{data["image/png"].strip()}"></div>'
    return f'<div class="output"><pre>{html.escape(data["text/plain"])}</pre></div>'


def plain(text: str, page: str) -> str:
    """Return a page's Markdown with titles on files and without links that lead out of docs/.

    Args:
        text: the Markdown as it stands in the repository.
        page: the page's path below docs/.
    """

    def led(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), match[2]))
        if target in NOTEBOOKS:
            return match[0].replace(".ipynb", ".md")
        return match[1] if target.startswith("../") else match[0]

    def piped(match: re.Match[str]) -> str:
        return CODE.sub(lambda code: code[0].replace("\\|", "|"), match[0])

    return ROW.sub(piped, LINK.sub(led, FENCE.sub(r'```\1 title="\2"', text)))


def fetched(output: str) -> list[str]:
    """Return the addresses on other hosts that a page would fetch something from by itself; links are not fetched."""
    return FETCHED.findall(output)


# What MkDocs calls.


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation that come in numbers: a page a room, a page a decision."""
    decided = sorted(path.relative_to(DOCS).as_posix() for path in (DOCS / "decisions").glob("[0-9]*.md"))
    listed = {
        f"{API}/index.md": {"API": [f"{API}/index.md", *({f"kgzsl.{room}": f"{API}/{room}.md"} for room in rooms())]},
        "decisions/README.md": {"Decisions": ["decisions/README.md", *decided]},
    }
    for section in config.nav:
        for entries in section.values():
            if isinstance(entries, list):
                entries[:] = [listed.get(entry, entry) if isinstance(entry, str) else entry for entry in entries]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that no file holds."""
    made = {f"{API}/{room}.md": api_page(room) for room in rooms()} | {f"{API}/index.md": api_index()}
    for name in NOTEBOOKS:
        if (DOCS / name).is_file():
            read = json.loads((DOCS / name).read_text(encoding="utf-8"))
            page = posixpath.splitext(name)[0] + ".md"
            made[page], OUTPUTS[page] = notebook_page(read)
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Change the text of a page by the rules above."""
    return plain(markdown, page.file.src_uri)


def on_page_content(content: str, page: Page, **_: Any) -> str:
    """Put the outputs of a notebook into its page."""
    for number, output in enumerate(OUTPUTS.get(page.file.src_uri, ())):
        content = content.replace(MARK.format(number), output)
    return content


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Stop a strict build where a page would ask another host for anything."""
    for address in fetched(output):
        log.warning("%s fetches %s; nothing may be asked of another host", page.file.src_uri, address)
    return output
