"""How the features of two sets of images differ, in a few numbers that have a scale."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch

from kgzsl.errors import BackboneMismatchError, InputFileError
from kgzsl.features import FeatureSet
from kgzsl.scoring import auroc
from kgzsl.types import Float, Tensor

__all__ = ["FeatureShift"]


@dataclass(frozen=True, slots=True)
class FeatureShift:
    """Differences of a second set of images from a first one.

    Args:
        norm_ratio: mean length of the second set's features over that of the first; 1 for none.
        mean_cosine: cosine of the two means; 1 for none.
        mean_shift: root mean square over dimensions of the difference of the means, in standard deviations of the first
            set; 0 for none.
        spread_ratio: median over dimensions of the ratio of standard deviations, second over first; 1 for none.
        separability: area under the curve of telling the sets apart along the line between their means, found on one
            half of the images and measured on the other, both ways; 0.5 for none, 1 where no image is doubtful. Small
            sibling of the proxy A-distance (Ben-David et al., NeurIPS 2006).
    """

    norm_ratio: float
    mean_cosine: float
    mean_shift: float
    spread_ratio: float
    separability: float

    @classmethod
    def between(cls, first: FeatureSet, second: FeatureSet) -> FeatureShift:
        """Measure two sets.

        Raises:
            InputFileError: a set has fewer than four images.
            BackboneMismatchError: the sets are of different backbones.
        """
        if (first.backbone, first.dim) != (second.backbone, second.dim):
            raise BackboneMismatchError(
                f"The images come from backbones {first.backbone!r} ({first.dim}-d) and {second.backbone!r} "
                f"({second.dim}-d); extract both with the same one."
            )
        if min(len(first), len(second)) < 4:
            raise InputFileError(f"Four images a set are needed at least, found {len(first)} and {len(second)}.")
        one, other = first.features.double(), second.features.double()
        means, spreads = (one.mean(dim=0), other.mean(dim=0)), (one.std(dim=0), other.std(dim=0))
        alive = spreads[0] > 1e-9 * spreads[0].max().clamp(min=1e-300)
        shift = ((means[1] - means[0])[alive] / spreads[0][alive]).square().mean().sqrt()
        return cls(
            float(other.norm(dim=1).mean() / one.norm(dim=1).mean()),
            float(torch.nn.functional.cosine_similarity(means[0], means[1], dim=0)),
            float(shift),
            float((spreads[1][alive] / spreads[0][alive]).median()),
            _separability(one, other),
        )

    @classmethod
    def within(cls, images: FeatureSet, seed: int = 0) -> FeatureShift:
        """Measure two random halves of the classes of one set: what different classes bring of themselves."""
        rows = torch.unique(images.labels)
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
        chosen = torch.isin(images.labels, rows[order[: len(rows) // 2]])
        return cls.between(images.rows(chosen), images.rows(~chosen))

    def to_json(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def _separability(one: Float[Tensor, "N D"], other: Float[Tensor, "M D"]) -> float:
    """Return the mean area under the curve of both halves."""
    areas = []
    for start in (0, 1):
        direction = other[start::2].mean(dim=0) - one[start::2].mean(dim=0)
        higher, lower = other[1 - start :: 2] @ direction, one[1 - start :: 2] @ direction
        areas.append(auroc(higher.numpy(), lower.numpy()))
    return sum(areas) / len(areas)
