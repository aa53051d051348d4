"""The regression against numpy's plain formula; leaving out in closed form against fitting again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgzsl.kernels import GaussianProcess, leave_out


def problem(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A kernel of random points that is 1 on its diagonal, and targets of three numbers."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 2))
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    return torch.from_numpy(np.exp(-squares)), torch.from_numpy(rng.normal(size=(count, 3)))


def test_predictions_and_variance_equal_the_plain_formula() -> None:
    kernel, targets = problem(0, 6)
    seen, new = kernel[:5, :5], kernel[5:, :5]
    process = GaussianProcess.fit(seen, targets[:5], 0.2)
    inverse = np.linalg.inv(seen.numpy() + 0.2 * np.eye(5))
    mean = targets[:5].numpy().mean(axis=0)
    expected = mean + new.numpy() @ inverse @ (targets[:5].numpy() - mean)
    np.testing.assert_allclose(process.predict(new).numpy(), expected)
    np.testing.assert_allclose(process.variance(new).numpy(), [1 - new[0].numpy() @ inverse @ new[0].numpy()])


@given(st.integers(0, 1000), st.integers(4, 12), st.integers(2, 4), st.sampled_from([0.01, 0.3, 2.0]))
@settings(deadline=None, max_examples=50)
def test_leaving_out_in_closed_form_equals_fitting_again(seed: int, count: int, parts: int, ridge: float) -> None:
    kernel, targets = problem(seed, count)
    order = np.random.default_rng(seed).permutation(count)
    folds = [torch.from_numpy(fold) for fold in np.array_split(order, min(parts, count // 2))]
    for fold, found in zip(folds, leave_out(kernel, targets, ridge, folds)):
        kept = torch.from_numpy(np.setdiff1d(order, fold.numpy()))
        again = GaussianProcess.fit(kernel[kept][:, kept], targets[kept], ridge).predict(kernel[fold][:, kept])
        torch.testing.assert_close(found, again)


def test_the_variance_is_one_far_away_and_shrinks_at_a_seen_class() -> None:
    kernel, targets = problem(3, 5)
    far = torch.zeros(1, 5, dtype=torch.float64)
    assert GaussianProcess.fit(kernel, targets, 0.1).variance(far).item() == 1
    spread = [float(GaussianProcess.fit(kernel, targets, ridge).variance(kernel).max()) for ridge in (1.0, 0.1, 1e-6)]
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] == pytest.approx(0, abs=1e-5)


def test_predictions_are_in_the_precision_of_the_likeness() -> None:
    draw = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(9, 3, generator=draw, dtype=torch.float64), dim=1)
    targets = torch.randn(6, 4, generator=draw, dtype=torch.float64)
    likeness = torch.exp(vectors @ vectors.T - 1)
    process = GaussianProcess.fit(likeness[:6, :6], targets, 0.1)
    exact, single = (process.predict(likeness[6:, :6].to(kind)) for kind in (torch.float64, torch.float32))
    assert (exact.dtype, single.dtype) == (torch.float64, torch.float32)
    torch.testing.assert_close(single.double(), exact, atol=1e-5, rtol=0)
