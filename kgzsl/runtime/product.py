"""The matrix product in float32 at the rate that the processor allows.

``torch.mm`` goes to Intel's MKL, which leaves AVX-512 unused on processors of other makers and reaches half their rate
there; oneDNN, which comes with torch too, asks what the processor can do and not who made it. Which of the two computes
is decided by the processor and the shapes alone, so the same program gives the same bits on the same machine.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from kgzsl.types import Float, Tensor

__all__ = ["product"]

WORTHWHILE = 1 << 20
"""Multiplications below which setting up oneDNN costs more than it gains."""
FEWEST_ROWS = 2
"""A single row reads all of the other matrix once, whoever computes."""


def product(a: Float[Tensor, "M K"], b: Float[Tensor, "K N"]) -> Float[Tensor, "M N"]:
    """Return ``a @ b``, with its gradients.

    Args:
        a: (M, K).
        b: (K, N); a transposed view is as good.

    Example:
        >>> product(torch.ones(2, 3), torch.ones(3, 1)).tolist()
        [[3.0], [3.0]]
    """
    if not _suits(a, b):
        return a @ b
    if torch.is_grad_enabled() and (a.requires_grad or b.requires_grad):
        result: Tensor = _Product.apply(a, b)  # type: ignore[no-untyped-call]
        return result
    return _by_onednn(a, b)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _by_onednn(a, b)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        to_a = product(gradients[0], b.t()) if ctx.needs_input_grad[0] else None
        return to_a, product(a.t(), gradients[0]) if ctx.needs_input_grad[1] else None


def _by_onednn(a: Tensor, b: Tensor) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(a, b.t(), None, "none", [], "")
    return found


def _suits(a: Tensor, b: Tensor) -> bool:
    on_cpu, single = a.device.type == b.device.type == "cpu", a.dtype == b.dtype == torch.float32
    if not on_cpu or not single or a.dim() != 2 or b.dim() != 2:
        return False
    if len(a) < FEWEST_ROWS or len(a) * b.numel() < WORTHWHILE or torch.is_autocast_enabled("cpu"):
        return False
    return _has_onednn()


@cache
def _has_onednn() -> bool:
    """Say whether this processor has AVX-512 and this torch the product, which only its compiler calls by itself."""
    with_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    with_avx512 = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return with_onednn and with_avx512 and hasattr(torch.ops.mkldnn, "_linear_pointwise")
