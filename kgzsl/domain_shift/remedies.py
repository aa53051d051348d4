"""The remedies by name, and how one, or a transducer, is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from kgzsl.domain_shift.centring import FeatureCentring
from kgzsl.domain_shift.class_offsets import InvertedSoftmax, LocalScaling
from kgzsl.errors import RecipeError
from kgzsl.features import FeatureSet
from kgzsl.registry import build
from kgzsl.transduction import TRANSDUCERS, Transducer

__all__ = ["REMEDIES", "build_transducer"]

REMEDIES: dict[str, Callable[..., Transducer]] = {
    "local-scaling": LocalScaling,
    "inverted-softmax": InvertedSoftmax,
    "centring": FeatureCentring,
}
"""The remedies by name."""


def build_transducer(
    name: str, keywords: Mapping[str, Any], seen_images: Callable[[], FeatureSet], kind: str = "transducer"
) -> Transducer:
    """Return a transducer or a remedy by its name.

    Args:
        name: of `TRANSDUCERS` or `REMEDIES`.
        keywords: its own, plain values.
        seen_images: returns images of seen classes; asked by what looks at some, when it adapts.
        kind: what is wanted, for messages; ``remedy`` leaves the other transducers out.

    Raises:
        UnknownVariantError: nothing is called so.
        RecipeError: a keyword is not one of its own, or has a value that is refused.
    """
    remedies: dict[str, Callable[..., Transducer]] = {**REMEDIES, "centring": partial(FeatureCentring, seen_images)}
    if wrong := [key for key, value in keywords.items() if not isinstance(value, int | float | str)]:
        raise RecipeError(f"Option {wrong[0]!r} of {kind} {name!r} is a number, a word, true or false.")
    return build(remedies if kind == "remedy" else {**TRANSDUCERS, **remedies}, name, kind, keywords)
