from __future__ import annotations

import pytest
import torch

from kgzsl.runtime import product
from kgzsl.runtime.product import _has_onednn, _suits


def drawn(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(len(shape) + shape[-1]))


@pytest.mark.parametrize(("m", "k", "n"), [(3, 4, 5), (2, 700, 900), (1, 1100, 1000), (300, 101, 77), (129, 384, 257)])
@pytest.mark.parametrize("turned", [(), (0,), (1,), (0, 1)])
def test_product_and_its_gradients_are_those_in_double_precision(m: int, k: int, n: int, turned: tuple) -> None:
    a = drawn(k, m).t() if 0 in turned else drawn(m, k)
    b = drawn(n, k).t() if 1 in turned else drawn(k, n)
    g = drawn(m, n)
    a.requires_grad_()
    b.requires_grad_()
    found = product(a, b)
    found.backward(g)
    exact = a.detach().double() @ b.detach().double()
    torch.testing.assert_close(found.detach().double(), exact, atol=2e-4, rtol=1e-4)
    assert a.grad is not None and b.grad is not None
    torch.testing.assert_close(a.grad.double(), g.double() @ b.detach().double().t(), atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(b.grad.double(), a.detach().double().t() @ g.double(), atol=2e-4, rtol=1e-4)
    with torch.no_grad():
        assert torch.equal(product(a, b), found)


def test_rows_and_columns_may_be_parts_of_larger_matrices() -> None:
    a, b = drawn(400, 606)[50:350:2, 3::6], drawn(300, 220)[10:111, 7:207:2]
    torch.testing.assert_close(product(a, b), (a.double() @ b.double()).float(), atol=2e-4, rtol=1e-4)


def test_only_wanted_gradients_are_computed() -> None:
    a, b = drawn(300, 101), drawn(101, 77).requires_grad_()
    product(a, b).sum().backward()
    assert a.grad is None
    torch.testing.assert_close(b.grad, a.sum(dim=0)[:, None].expand(101, 77), atol=1e-4, rtol=1e-4)


def test_gradients_can_be_differentiated_again() -> None:
    a, b = drawn(200, 90).requires_grad_(), drawn(90, 100).requires_grad_()
    (first,) = torch.autograd.grad(product(a, b).square().sum(), b, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), b)
    expected = 2 * a.detach().t() @ (a.detach() @ torch.ones(90, 100))
    torch.testing.assert_close(second, expected, atol=1e-2, rtol=1e-3)


def test_what_onednn_does_not_suit_goes_to_the_plain_product() -> None:
    large = drawn(200, 200)
    assert _suits(large, large) == _has_onednn()
    for a, b in ((large.double(), large.double()), (large[:1], large), (large[:4], large[:, :8]), (large, large[0])):
        assert not _suits(a, b)
        assert torch.equal(product(a, b), a @ b)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert product(large, large).dtype == torch.bfloat16
