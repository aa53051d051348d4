"""A drawn picture and what is said of its marks, written as PNG, SVG or an HTML page that answers to the pointer."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree

from kgzsl.errors import InputFileError, MissingDependencyError
from kgzsl.plots.style import DPI, styled
from kgzsl.runtime import writing
from kgzsl.types import PathLike

__all__ = ["ENDINGS", "Picture", "check_out"]

ENDINGS = (".png", ".svg", ".html")
SVG = "http://www.w3.org/2000/svg"
MARKS = ("use", "path")


def check_out(path: PathLike) -> None:
    """Refuse another ending with an InputFileError, and say what to install where there is no matplotlib."""
    if PurePath(path).suffix not in ENDINGS:
        raise InputFileError(f"A picture is written as {', '.join(ENDINGS)}, found {str(path)!r}; name the file so.")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("Pictures need matplotlib: pip install 'kgzsl[plots]'.") from error


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A figure of matplotlib and the words that go with it.

    Args:
        figure: the figure; artists that say something have a gid.
        title: what is seen, in a line.
        tips: gid to what its marks say when they are pointed at: one text for the whole, or one a mark, in the order in
            which they were drawn.
        series: name of a series to the gids that a page shows and hides with it; empty where nothing is to be hidden.
    """

    figure: Any
    title: str
    tips: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    series: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def save(self, path: PathLike) -> None:
        """Write the picture in the format that the ending of the name says.

        Raises:
            InputFileError: the name says no format that is known.
            MissingDependencyError: matplotlib is not installed.
            StorageError: the file could not be written.
        """
        check_out(path)
        with writing(path) as place:
            place.write_bytes(self.to_bytes(PurePath(path).suffix))

    def to_bytes(self, ending: str) -> bytes:
        """Return the file of an ending of `ENDINGS`."""
        if ending == ".png":
            return _small(self._rendered("png", {"Software": None}))
        if ending == ".svg":
            return self.to_svg().encode()
        from kgzsl.plots.interactive import to_page

        return to_page(self).encode()

    def to_svg(self) -> str:
        """Return the SVG, each mark with its words as ``<title>``, which browsers show on their own."""
        root = ElementTree.fromstring(self._rendered("svg", {"Date": None, "Creator": None, "Type": None}))
        for parent in root.iter():
            for child in [one for one in parent if one.tag.endswith("}metadata")]:
                parent.remove(child)
        groups = {one.get("id"): one for one in root.iter(f"{{{SVG}}}g") if one.get("id") in self.tips}
        for gid, texts in self.tips.items():
            if gid in groups:  # matplotlib leaves out what has no marks
                _say(groups[gid], texts)
        root.set("role", "img")
        root.insert(0, _title(self.title))
        ElementTree.register_namespace("", SVG)
        ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    def _rendered(self, kind: str, metadata: Mapping[str, None]) -> bytes:
        content = io.BytesIO()
        with styled():
            self.figure.savefig(content, format=kind, dpi=DPI, metadata=dict(metadata))
        return content.getvalue()


def _small(png: bytes) -> bytes:
    """Write a PNG with a table of 256 colours, a third as large and the same to the eye."""
    from PIL import Image

    content = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        few = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(content, "PNG", optimize=True)
    return content.getvalue()


def _say(group: ElementTree.Element, texts: tuple[str, ...]) -> None:
    """Give a title to each mark of a group, or to the group where there is one text."""
    hidden = {id(one) for defs in group.iter(f"{{{SVG}}}defs") for one in defs.iter()}
    shown = [one for one in group.iter() if id(one) not in hidden]
    marks = next(
        (found for tag in MARKS if (found := [one for one in shown if one.tag == f"{{{SVG}}}{tag}"])),
        [],
    )
    if len(texts) == 1:
        group.insert(0, _title(texts[0]))
        return
    assert len(marks) == len(texts), f"{group.get('id')} has {len(marks)} marks, {len(texts)} texts"
    for mark, text in zip(marks, texts):
        mark.insert(0, _title(text))


def _title(text: str) -> ElementTree.Element:
    title = ElementTree.Element(f"{{{SVG}}}title")
    title.text = text
    return title
