"""The remedies by name, and how one, or a transducer, is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
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

ABOVE_ZERO = ("dims", "kappa", "temper", "temperature")
"""Options of transducers and remedies that are divided by, or that leave nothing where they are 0."""


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
        raise RecipeError(f"Option {wrong[0]!r} of {kind} {name!r} is a number or a word.")
    variants = remedies if kind == "remedy" else {**TRANSDUCERS, **remedies}
    if name in variants:
        _check_values(variants[name], keywords, f"of {kind} {name!r}")
    return build(variants, name, kind, keywords)


def _check_values(variant: Callable[..., Transducer], keywords: Mapping[str, Any], where: str) -> None:
    """Refuse values of another kind than the default, and numbers that no option takes: negative or infinite ones."""
    defaults = {key: one.default for key, one in signature(variant).parameters.items()}
    for key, value in keywords.items():
        if key not in defaults:
            continue
        if not isinstance(default := defaults[key], int | float | str):
            raise RecipeError(f"Option {key!r} {where} cannot be written in a recipe; give it in Python.")
        if isinstance(default, str):
            if not isinstance(value, str):
                raise RecipeError(f"Option {key!r} {where} is a word such as {default!r}, found {value!r}.")
            continue
        kinds, told = (int, "a whole number") if isinstance(default, int) else (int | float, "a number")
        least = "above 0" if key in ABOVE_ZERO else "not below 0"
        fits = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or value < 0 or (value == 0 and key in ABOVE_ZERO):
            raise RecipeError(f"Option {key!r} {where} is {told}, {least}, found {value!r}.")
