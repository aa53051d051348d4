"""Which classifiers of the seen classes stand beside those of the unseen ones: the head's own, or the run's.

The head's rows are brought to the scale of the run's, which have length one. Where the run's rows have a scale of
their own that cannot be done, and the run's stay.
"""

from __future__ import annotations

from kgzsl.bank import ClassifierBank, StoredScorer
from kgzsl.errors import InputFileError

__all__ = ["SEEN_ROWS", "check_seen_rows", "with_seen_rows"]

SEEN_ROWS = ("predicted", "head")


def check_seen_rows(seen_rows: str | None) -> None:
    """Raise InputFileError where the rows of the seen classes are called otherwise; None leaves the choice."""
    if seen_rows not in (None, *SEEN_ROWS):
        raise InputFileError(f"--seen-rows is one of {', '.join(SEEN_ROWS)}, found {seen_rows!r}.")


def with_seen_rows(scorer: StoredScorer, seen_bank: ClassifierBank, seen_rows: str | None = None) -> StoredScorer:
    """Return a scorer with the wanted classifiers of the seen classes, its classes in the order they were.

    Args:
        scorer: of seen and other classes.
        seen_bank: the head's classifiers, as given.
        seen_rows: one of `SEEN_ROWS`; by default ``head`` where the scorer is a bank whose rows have length one, else
            ``predicted``.

    Raises:
        InputFileError: the head's rows are asked for, and the scorer is no bank; or nothing is called so.
    """
    check_seen_rows(seen_rows)
    if not isinstance(scorer, ClassifierBank):
        if seen_rows == "head":
            raise InputFileError("--seen-rows head needs a run whose method makes linear classifiers; leave it out.")
        return scorer
    wanted = seen_rows or ("predicted" if scorer.normalisation == "none" else "head")
    if wanted == "predicted":
        return scorer
    others = [class_id for class_id in scorer.index if class_id not in seen_bank.index]
    return scorer.select(others).concat(seen_bank.normalised(scorer.normalisation)).select(scorer.index.ids)
