"""A question that is asked again and again: its candidates, their scorer and what the calibration says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.evaluation.ranking import best_in_blocks, score_in_chunks, top_k
from kgzsl.features import FeatureSet
from kgzsl.scoring import Caution, Judgement
from kgzsl.scoring.shortlist import Shortlist, is_quick
from kgzsl.types import ClassId, Float, Int, Tensor

__all__ = ["PreparedQuery", "Ranked"]

FEW_IMAGES, MANY_CLASSES = 4, 4096
CODED = (torch.float32, torch.float16)

Ranked = tuple[slice, Float[Tensor, "N K"], Int[Tensor, "N K"], list[Judgement]]
"""The rows of a block of images, their best scores, the columns of those, and what is said of each image."""


@dataclass(eq=False)
class PreparedQuery:
    """The candidates of a question.

    Where nothing but the ranking is wanted, the scores of all candidates are never held together; and from the second
    time on a single image is ranked among thousands of candidates by a `Shortlist`, with the same answer. Where
    probabilities are wanted too, ranks and scores are the same, and probabilities agree to three digits.

    Args:
        class_ids: the candidates.
        scorer: scores them, in this order.
        caution: the calibration of the run for them.
    """

    class_ids: tuple[ClassId, ...]
    scorer: StoredScorer
    caution: Caution
    _asked: int = field(default=0, init=False)
    _shortlist: Shortlist | None = field(default=None, init=False)

    def ranked(self, images: FeatureSet, top: int) -> Iterator[Ranked]:
        """Rank images among the candidates, a block at a time, best first."""
        k = min(top, len(self.class_ids))
        if not self.caution.is_silent:
            shortlist = self._find_shortlist(len(images)) if self.caution.sums_up else None
            if shortlist is not None:
                yield from self._summed_up(shortlist, images, k)
                return
            for rows, scores in score_in_chunks(self.scorer, images):
                columns = top_k(scores, k)
                judged = self.caution.judge(scores, images.rows(torch.arange(rows.start, rows.stop)), columns)
                yield rows, scores.gather(1, columns), columns, judged
            return
        nothing = Judgement((None,) * k, None, None)
        shortlist = self._find_shortlist(len(images))
        if shortlist is None:
            for rows, values, columns in best_in_blocks(self.scorer, images, k):
                yield rows, values, columns, [nothing] * len(values)
            return
        for row, feature in enumerate(images.features):
            values, columns = shortlist.best(feature, k)
            yield slice(row, row + 1), values[None], columns[None], [nothing]

    def _summed_up(self, shortlist: Shortlist, images: FeatureSet, k: int) -> Iterator[Ranked]:
        """Rank single images with probabilities, for which the classes far behind count by their codes."""
        for row, feature in enumerate(images.features):
            scores, best = shortlist.all_scores(feature, k)
            columns = best[None]
            judged = self.caution.judge(scores[None], images, columns)  # no rejector, which alone looks at images
            yield slice(row, row + 1), scores[None].gather(1, columns), columns, judged

    def _find_shortlist(self, num_images: int) -> Shortlist | None:
        """Return the codes of the candidates where they pay: few images, many classes, and not for the first time."""
        bank = self.scorer
        if not isinstance(bank, ClassifierBank) or num_images > FEW_IMAGES or len(self.class_ids) < MANY_CLASSES:
            return None
        self._asked += 1
        if self._shortlist is None and self._asked > 1 and bank.weights.dtype in CODED and is_quick():
            self._shortlist = Shortlist(bank)
        return self._shortlist
