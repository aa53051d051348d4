"""A picture as one HTML file: the SVG with words at the pointer, zoom, and series that can be hidden; no other file."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files

from kgzsl.plots.picture import Picture

__all__ = ["to_page"]


def to_page(picture: Picture) -> str:
    """Return a page that needs no other file and no network."""
    part = files("kgzsl.plots") / "page"
    series = "".join(
        f"<label><input type=checkbox checked data-gids='{escape(json.dumps(gids))}'> {escape(name)}</label>"
        for name, gids in picture.series.items()
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(picture.title)}</title>\n"
        f"<style>\n{(part / 'picture.css').read_text('utf-8')}</style>\n</head>\n"
        f'<body>\n<div class="bar">{series}<button type="button" id="whole">show all of it</button>'
        '<span class="hint">wheel or + and - zoom, drag moves, point at a mark to read it</span></div>\n'
        f'<main id="sheet" tabindex="0">{picture.to_svg()}</main>\n<div id="tip" role="status" hidden></div>\n'
        f"<script>\n{(part / 'picture.js').read_text('utf-8')}</script>\n</body>\n</html>\n"
    )
