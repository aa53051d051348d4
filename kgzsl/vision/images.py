"""Pictures on disk: which ones there are, what class each shows, and how one is decoded.

A folder is read with its sub-folders: the first sub-folder is the class of the pictures below it (``n02128385`` or
``n02128385_Leopards`` -> ``n02128385``, any other name as it stands; `kgzsl extract` resolves names to ids); pictures
that lie in the folder itself have no class. A list names a picture a line, optionally a tab and its class; relative
paths start at the list's folder.

A picture is turned as its EXIF orientation says, as people see it, and converted to RGB; transparency is dropped.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kgzsl.errors import InputFileError, MissingDependencyError
from kgzsl.runtime import read_lines
from kgzsl.types import ClassId, PathLike

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["FORMATS", "ImageFile", "list_images", "load_image", "warnings_as_errors"]

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".ppm": "PPM",
    ".pgm": "PPM",
}
"""File endings that count as pictures; only these formats are ever decoded, whatever a file is called."""

MAX_PIXELS = 89_478_485
"""Larger pictures are refused before they are decoded (pillow's own limit)."""

MAX_ASPECT = 200
"""Pictures that are longer by this factor than they are wide are refused: resized, they would fill the memory."""

WNID_FOLDER = re.compile(r"(n\d{8})(?:[_ .-].*)?")


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A picture to read.

    Args:
        path: where it is.
        name: what it is called in results, the path below its folder or as its list has it.
        class_id: the class it shows, or None where that is not known.
    """

    path: Path
    name: str
    class_id: ClassId | None = None


def list_images(source: PathLike) -> tuple[ImageFile, ...]:
    """List the pictures of a folder, of a list, or the one picture itself, in a fixed order.

    Args:
        source: a folder (its pictures sorted by name), a picture, or a list (in its order).

    Raises:
        InputFileError: it is missing, or holds no picture.
    """
    root = Path(source)
    if root.is_dir():
        files = _folder_images(root)
        if not files:
            raise InputFileError(f"{root} holds no pictures; known endings are {', '.join(FORMATS)}.")
        return files
    if root.suffix.lower() in FORMATS and root.is_file():
        return (ImageFile(root, root.name),)
    files = tuple(_listed(root, number, line) for number, line in enumerate(read_lines(root), start=1))
    if not files:
        raise InputFileError(f"The list {root} names no pictures; write a path a line, optionally a tab and the class.")
    return files


def _folder_images(root: Path) -> tuple[ImageFile, ...]:
    found = []
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in FORMATS:
                path = Path(folder, name)
                below = path.relative_to(root)
                class_id = _folder_class(below.parts[0]) if len(below.parts) > 1 else None
                found.append(ImageFile(path, below.as_posix(), class_id))
    return tuple(sorted(found, key=lambda image: image.name))


def _folder_class(name: str) -> ClassId:
    wnid = WNID_FOLDER.fullmatch(name)
    return wnid.group(1) if wnid else name


def _listed(source: Path, number: int, line: str) -> ImageFile:
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) > 2 or not cells[0]:
        raise InputFileError(f"{source} entry {number} ({line!r}) must be a path, optionally a tab and the class.")
    class_id = cells[1] if len(cells) == 2 and cells[1] else None
    return ImageFile(source.parent / cells[0], cells[0], class_id)


def load_image(source: PathLike | BinaryIO, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode a picture as upright RGB.

    Args:
        source: its path, or an open file.
        name: what messages call it; by default its path.
        max_pixels: a picture with more is refused before it is decoded.

    Raises:
        InputFileError: it is missing, truncated, too large or no picture of a known format.
        MissingDependencyError: pillow is not installed.
    """
    try:
        import PIL.Image
        from PIL import ImageOps
    except ImportError as error:
        raise MissingDependencyError("Pictures need pillow; install it with: pip install 'kgzsl[vision]'") from error
    path = name or str(source)
    try:
        with PIL.Image.open(source, formats=sorted(set(FORMATS.values()))) as opened:
            _check_size(path, opened.width, opened.height, max_pixels)
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            return upright if upright.mode == "RGB" else upright.convert("RGB")
    except InputFileError:
        raise
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputFileError(f"Could not read {path}: {error.strerror}. Check the path.") from error
    except PIL.UnidentifiedImageError as error:
        raise InputFileError(f"{path} is no picture of a known format ({', '.join(FORMATS)}).") from error
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, warnings as errors, ...
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputFileError(f"{path} could not be decoded: {reason}.") from error


def _check_size(path: str, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise InputFileError(f"{path} has {width} x {height} pixels; {max_pixels} in all is the limit.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InputFileError(
            f"{path} is a strip of {width} x {height} pixels; one side is over {MAX_ASPECT} times the other."
        )


@contextmanager
def warnings_as_errors() -> Iterator[None]:
    """Make pillow's warning about huge pictures an error while the block runs, in every thread."""
    from PIL.Image import DecompressionBombWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", DecompressionBombWarning)
        yield
