"""Docstrings made ready for the site.

``Example:`` is what Google's style calls ``Examples:``, else its code would be read as text; a list right below a
sentence gets the empty line that Markdown wants there.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
LIST = re.compile(r"^( *)(?!- )(\S.*)\n(?=\1- \S)", re.MULTILINE)


def readied(text: str) -> str:
    """Return a docstring with the sections and lists that the site understands."""
    return LIST.sub(r"\1\2\n\n", EXAMPLE.sub("Examples:", text))


class Words(griffe.Extension):
    """Change docstrings as they are read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change one docstring."""
        if obj.docstring is not None:
            obj.docstring.value = readied(obj.docstring.value)
