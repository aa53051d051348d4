"""Where every transducer starts: the scores of the scorer that is given, on a scale that is the same for all scorers.

Scores of different methods have different units, and some classes score high for every picture of a set. A picture's
mean over classes is taken away, a share of each class's mean over pictures too, and what is left is divided by its
standard deviation: ``L = (s - mean_c s - pull mean_x s) / (temperature std)``.
"""

from __future__ import annotations

from dataclasses import dataclass

from kgzsl.types import Float, Tensor

__all__ = ["StartScale"]


@dataclass(frozen=True, slots=True, eq=False)
class StartScale:
    """What brings scores to one scale, as sums that add up over batches.

    Args:
        count: how many pictures.
        sums: (C,), of the scores less each picture's mean.
        squares: (C,), of their squares.
    """

    count: int
    sums: Float[Tensor, "C"]
    squares: Float[Tensor, "C"]

    @classmethod
    def of(cls, scores: Float[Tensor, "N C"]) -> StartScale:
        """Return the sums of some pictures."""
        centred = _centred(scores)
        return cls(len(scores), centred.sum(dim=0), centred.square().sum(dim=0))

    def __add__(self, other: StartScale) -> StartScale:
        return StartScale(self.count + other.count, self.sums + other.sums, self.squares + other.squares)

    def logits(self, scores: Float[Tensor, "N C"], pull: float, temperature: float) -> Float[Tensor, "N C"]:
        """Return scores on the common scale.

        Args:
            scores: of any pictures, among the same classes.
            pull: the share of each class's mean that is taken away, 0 to 1; 1 makes all classes alike on average.
            temperature: what they are divided by at last; small trusts them more.

        Example:
            >>> scores = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
            >>> StartScale.of(scores).logits(scores, 1.0, 0.5).tolist()
            [[2.0, -2.0], [-2.0, 2.0]]
        """
        means = self.sums / self.count
        spread = (self.squares / self.count - (2 * pull - pull**2) * means.square()).mean()
        return (_centred(scores) - pull * means) / (temperature * spread.clamp(min=1e-24).sqrt())


def _centred(scores: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
    double = scores.double()
    return double - double.mean(dim=1, keepdim=True)
