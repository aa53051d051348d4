"""Words shared by every room: the class id, and the shaped arrays that signatures speak of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

__all__ = ["Array", "Bool", "ClassId", "ClassIds", "Float", "Int", "PathLike", "Tensor", "UInt8"]

ClassId: TypeAlias = str
"""A class id: ``n02439398`` (``n`` + WordNet 3.0 offset) or any non-empty string of an own taxonomy."""

ClassIds: TypeAlias = Sequence[str]
PathLike: TypeAlias = str | os.PathLike[str]
Array: TypeAlias = np.ndarray
