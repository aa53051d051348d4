"""From a picture to the numbers a backbone takes: the image processor stored with it, or a bit-equal lean form.

An image processor of transformers converts a picture to arrays and back several times and computes in double
precision. Where it does no more than *resize, centre crop, map each pixel value to a number*, the same numbers come
from one PIL resize, one crop and one table of 256 values a channel. The table is read off the processor itself, and
the lean form is used only where it reproduced the processor to the bit on pictures of several shapes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from kgzsl.errors import BackboneError
from kgzsl.types import Array, Float, Tensor

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Preprocessor", "probe_images"]

PROBE_SIZES = ((301, 242), (242, 301), (640, 97), (224, 224), (97, 61), (518, 777))


def probe_images() -> list[Image]:
    """Return seeded noise pictures of several shapes (width, height), to try a backbone or its preprocessing on."""
    from PIL import Image

    generator = np.random.default_rng(0)
    shapes = [(height, width, 3) for width, height in PROBE_SIZES]
    return [Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)) for shape in shapes]


@dataclass(frozen=True, slots=True)
class _LeanForm:
    """Resize, centre crop, and a table of 256 values a channel."""

    shortest_edge: int | None
    size: tuple[int, int] | None
    resample: int
    crop: tuple[int, int] | None
    table: Float[Array, "3 256"]

    def __call__(self, image: Image) -> Float[Array, "H W 3"] | None:
        """Return the pixels, or None where the crop is larger than the picture (the processor then pads)."""
        from PIL.Image import Resampling

        target = self._target(image.width, image.height)
        if target is not None:
            image = image.resize((target[1], target[0]), resample=Resampling(self.resample))
        if self.crop is not None:
            height, width = self.crop
            if height > image.height or width > image.width:
                return None
            top, left = (image.height - height) // 2, (image.width - width) // 2
            image = image.crop((left, top, left + width, top + height))
        return self.numbers(image)

    def numbers(self, image: Image) -> Float[Array, "H W 3"]:
        """Return the number of each pixel value."""
        codes = np.asarray(image)
        pixels = np.empty(codes.shape, dtype=np.float32)
        if (self.table == self.table[0]).all():
            np.take(self.table[0], codes, out=pixels, mode="clip")
            return pixels
        for channel in range(3):
            pixels[..., channel] = self.table[channel].take(codes[..., channel])
        return pixels

    def _target(self, width: int, height: int) -> tuple[int, int] | None:
        if self.shortest_edge is None:
            return self.size
        short, long = min(width, height), max(width, height)
        stretched = int(self.shortest_edge * long / short)
        return (self.shortest_edge, stretched) if height <= width else (stretched, self.shortest_edge)


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessor:
    """The preprocessing stored with a backbone.

    Args:
        transform: one RGB picture to pixels (3, H, W), float32.
        record: what it does, as the backbone's folder records it; stored with what is made from it.

    Example:
        >>> import torch
        >>> from PIL import Image
        >>> half = Preprocessor(lambda image: torch.full((3, 2, 2), 0.5), {"value": 0.5})
        >>> half([Image.new("RGB", (8, 8))]).shape
        torch.Size([1, 3, 2, 2])
    """

    transform: Callable[[Image], Tensor]
    record: Mapping[str, Any] = field(default_factory=dict)
    lean: _LeanForm | None = None

    @classmethod
    def from_processor(cls, processor: Any) -> Preprocessor:
        """Wrap an image processor of transformers; use the lean form where it gives the same bits."""
        lock = threading.Lock()  # processors make no promise about threads

        def transform(image: Image) -> Tensor:
            with lock:
                pixels: Tensor = processor(images=[image], return_tensors="pt")["pixel_values"][0]
            return pixels

        plain = cls(transform, processor.to_dict())
        lean = _find_lean_form(processor)
        return plain if lean is None or not _same_bits(plain, lean) else cls(transform, plain.record, lean)

    def one(self, image: Image) -> Float[Tensor, "3 H W"]:
        """Return the pixels of one RGB picture, laid out channels last where the lean form made them."""
        pixels = None if self.lean is None else self.lean(image)
        if pixels is None:
            return self.transform(image)
        return torch.from_numpy(pixels).permute(2, 0, 1)  # (3, H, W)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what comes out, for a picture of common shape."""
        height, width = self.one(probe_images()[0]).shape[1:]
        return int(height), int(width)

    def of_cut(self, image: Image) -> Float[Tensor, "3 H W"]:
        """Return the pixels of a picture that is cut to size already.

        Where there is no lean form the whole preprocessing is applied to the cut, its resizing and cropping too.
        """
        if self.lean is None:
            return self.transform(image)
        return torch.from_numpy(self.lean.numbers(image)).permute(2, 0, 1)  # (3, H, W)

    def __call__(self, images: list[Image]) -> Float[Tensor, "N 3 H W"]:
        """Return the pixels of several RGB pictures; see `stack`."""
        return self.stack([self.one(image) for image in images])

    @staticmethod
    def stack(pixels: list[Tensor]) -> Float[Tensor, "N 3 H W"]:
        """Stack the pixels of pictures, channels last in memory.

        Raises:
            BackboneError: the pictures came out in different sizes.
        """
        shapes = sorted({tuple(one.shape) for one in pixels})
        if len(shapes) != 1:
            raise BackboneError(
                f"The preprocessing gives pictures of different sizes ({shapes}), which cannot be one batch; "
                "set a fixed size or a crop in preprocessor_config.json."
            )
        rows = torch.stack([one.permute(1, 2, 0) for one in pixels])  # (N, H, W, 3)
        return rows.permute(0, 3, 1, 2)  # (N, 3, H, W)


def _find_lean_form(processor: Any) -> _LeanForm | None:
    try:
        record = processor.to_dict()
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
        mapped = processor(images=[grey], do_resize=False, do_center_crop=False, return_tensors="np")["pixel_values"]
        table = np.asarray(mapped[0], dtype=np.float32).reshape(3, 256)
        shortest_edge, size = None, None
        if record.get("do_resize"):
            wanted = {key: value for key, value in record["size"].items() if value is not None}
            shortest_edge = wanted.pop("shortest_edge", None)
            size = (wanted.pop("height"), wanted.pop("width")) if "height" in wanted else None
            if wanted or (shortest_edge is None) == (size is None):
                return None
        crop = record.get("crop_size") if record.get("do_center_crop") else None
        crop_size = None if crop is None else (int(crop["height"]), int(crop["width"]))
        return _LeanForm(shortest_edge, size, int(record.get("resample") or 2), crop_size, table)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # a processor that is not of this simple kind


def _same_bits(plain: Preprocessor, lean: _LeanForm) -> bool:
    agreed = 0
    for image in probe_images():
        pixels = lean(image)
        if pixels is None:
            continue
        expected = plain.transform(image).permute(1, 2, 0).numpy()
        if pixels.shape != expected.shape or not np.array_equal(pixels, expected):
            return False
        agreed += 1
    return agreed > 0
