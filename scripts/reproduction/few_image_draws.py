"""Draws of a few pictures a class: what is learned from them, and what is measured on the pictures that are left.

Of each class `POOL` pictures are drawn; the first n of them are the pictures that arrive, and all pictures outside the
pool are tested. So the test is the same for every n, and every classifier sees the same pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.features import FeatureSet
from kgzsl.few_images import ClassPictures, RowPrior
from kgzsl.types import Tensor

COUNTS = (1, 2, 4, 8, 16)
POOL = 16
RIDGES = (0.1, 1.0, 10.0)


@dataclass(frozen=True)
class Draw:
    """Pictures that arrive, and pictures that are tested.

    Args:
        arriving: (C, POOL, D).
        features: (N, D) of the tested pictures.
        labels: (N,) their classes.
    """

    arriving: Tensor
    features: Tensor
    labels: Tensor

    def pictures(self, class_ids: Sequence[str], count: int) -> dict[str, ClassPictures]:
        """Return the first pictures of each class."""
        return {
            class_id: ClassPictures.of(rows[:count]) for class_id, rows in zip(class_ids, self.arriving, strict=True)
        }

    def of(self, rows: Sequence[int]) -> Draw:
        """Return the pictures of some of the classes."""
        place = torch.full((len(self.arriving),), -1)
        place[list(rows)] = torch.arange(len(rows))
        kept = place[self.labels] >= 0
        return Draw(self.arriving[list(rows)], self.features[kept], place[self.labels][kept])

    def accuracy(self, scores: Tensor) -> float:
        """Return the mean over classes of the share of their pictures that are found, in percent."""
        return float(self.by_class(scores.argmax(dim=1) == self.labels).mean())

    def by_class(self, hits: Tensor) -> Tensor:
        """Return the percentage of hits among the pictures of each class."""
        sums = torch.zeros(len(self.arriving), dtype=torch.float64).index_add_(0, self.labels, hits.double())
        return 100 * sums / torch.bincount(self.labels, minlength=len(self.arriving))


def draws(images: FeatureSet, class_ids: Sequence[str], number: int, seed: int) -> Iterator[Draw]:
    """Draw pictures again and again.

    Args:
        images: labelled images; of each class there are more than `POOL`.
        class_ids: the classes.
        number: of draws.
        seed: of all of them.
    """
    generator = torch.Generator().manual_seed(seed)
    features = images.features.double()
    rows = [(images.labels == images.index.rows([class_id])[0]).nonzero()[:, 0] for class_id in class_ids]
    for _ in range(number):
        mixed = [own[torch.randperm(len(own), generator=generator)] for own in rows]
        tested = [own[POOL:] for own in mixed]
        labels = torch.repeat_interleave(torch.tensor([len(own) for own in tested]))
        yield Draw(features[torch.stack([own[:POOL] for own in mixed])], features[torch.cat(tested)], labels)


def nearest_mean(draw: Draw, count: int, background: Tensor) -> Tensor:
    """Score by the cosine to the class mean, the mean picture of seen classes taken out."""
    means = draw.arriving[:, :count].mean(dim=1) - background
    return (draw.features - background) @ torch.nn.functional.normalize(means, dim=1).T


def discriminant(draw: Draw, count: int, background: Tensor, inverse: Tensor) -> Tensor:
    """Score by linear discriminant analysis with the shrunk covariance of seen pictures, rows of one length."""
    rows = (draw.arriving[:, :count].mean(dim=1) - background) @ inverse
    return (draw.features - background) @ torch.nn.functional.normalize(rows, dim=1).T


def ridge(draw: Draw, count: int, background: Tensor, strength: float) -> Tensor:
    """Score by ridge regression of one against the rest, on pictures of length one."""
    given = torch.nn.functional.normalize(draw.arriving[:, :count].flatten(0, 1) - background, dim=1)  # (C n, D)
    targets = torch.eye(len(draw.arriving), dtype=torch.float64).repeat_interleave(count, dim=0)
    square = given @ given.T
    square.diagonal().add_(strength)
    dual = torch.linalg.solve(square, targets - targets.mean(dim=0))
    return torch.nn.functional.normalize(draw.features - background, dim=1) @ (given.T @ dual)


def images_alone(draw: Draw, count: int, background: Tensor, inverse: Tensor) -> dict[str, Tensor]:
    """Score by every classifier that knows the pictures and nothing of the classes."""
    scores = {
        "nearest class mean": nearest_mean(draw, count, background),
        "discriminant analysis": discriminant(draw, count, background, inverse),
    }
    return scores | {f"ridge {strength:g}": ridge(draw, count, background, strength) for strength in RIDGES}


def one_class_at_a_time(draw: Draw, old: Tensor, new: Tensor) -> tuple[float, float, float]:
    """Return what happens when one class alone gets its new scores, in the mean over which one it is.

    Returns:
        The accuracy of that class before and after, and by how much that of the others changes, in percent.
    """
    best = old.topk(2, dim=1)
    columns = torch.arange(old.shape[1])
    is_best = best.indices[:, :1] == columns  # (N, C)
    rival = torch.where(is_best, best.values[:, 1:], best.values[:, :1])
    other = torch.where(is_best, best.indices[:, 1:], best.indices[:, :1])
    own = draw.labels[:, None] == columns
    hits = torch.where(own, new > rival, (other == draw.labels[:, None]) & (rival >= new))
    before = draw.by_class(old.argmax(dim=1) == draw.labels)
    after = torch.stack([draw.by_class(hits[:, column]) for column in columns.tolist()])  # (C updated, C)
    count = len(columns)
    changes = after.sum() - after.trace() - (count - 1) * before.sum()
    return float(before.mean()), float(after.trace() / count), float(changes / (count * (count - 1)))


def scores_of(bank: ClassifierBank, features: Tensor) -> Tensor:
    """Return the scores of a bank in double precision."""
    return features @ bank.weights.double().T + bank.biases.double()


def blended(prior: RowPrior, old: ClassifierBank, draw: Draw, counts: Sequence[int]) -> Mapping[int, ClassifierBank]:
    """Return the bank of all classes with their first pictures, for each number of these."""
    return {count: prior.blend(old, draw.pictures(old.index.ids, count)).bank for count in counts}
