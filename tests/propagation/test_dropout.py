from __future__ import annotations

import pytest
import torch

from kgzsl.propagation import DropoutMask

CPU = torch.device("cpu")


@pytest.mark.parametrize("dropout", [0.5, 0.2])
def test_drawn_masks_keep_the_wanted_share_and_repeat_with_the_seed(dropout: float) -> None:
    masks = [DropoutMask.draw((300, 401), dropout, torch.Generator().manual_seed(7), CPU).dense() for _ in range(2)]
    assert torch.equal(*masks)
    assert float(masks[0].float().mean()) == pytest.approx(1 - dropout, abs=0.01)
    assert float(masks[0].float().mean(dim=0).std()) == pytest.approx((dropout * (1 - dropout) / 300) ** 0.5, rel=0.2)


def test_given_decisions_round_trip() -> None:
    kept = torch.rand(13, 7, generator=torch.Generator().manual_seed(0)) < 0.5
    assert torch.equal(DropoutMask.of(kept, 0.5).dense(), kept)


@pytest.mark.parametrize("shape", [(13, 7), (2000, 300)])
def test_apply_multiplies_and_passes_the_gradient(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(shape, generator=generator, requires_grad=True)
    mask = DropoutMask.draw(shape, 0.2, generator, CPU)
    y = mask.apply(x)
    torch.testing.assert_close(y, x * mask.dense() / 0.8)
    y.square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * y * mask.dense() / 0.8)
