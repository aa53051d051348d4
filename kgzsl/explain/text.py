"""An explanation as text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap

from kgzsl.explain.explanation import ATTRIBUTED, Contribution, Explanation
from kgzsl.prediction import PathStep

__all__ = ["to_text"]

ROUNDING = 5e-5
"""Gaps below are not shown where the parts are exact."""
SIGNS = {"start": "", "up": " > ", "down": " < "}


def to_text(explanation: Explanation) -> str:
    """Return an explanation in lines of plain text."""
    return "\n".join(
        [*_heading(explanation), *_contributions(explanation), *_contrast(explanation), *_near(explanation)]
    )


def _heading(one: Explanation) -> list[str]:
    kind = "seen" if one.is_seen else "unseen"
    lines = [f"{one.name} ({one.class_id}), {kind}, method {one.method}, semantics {one.semantics}"]
    if one.image is not None:
        lines.append(f"  score {one.score:.4f} of {one.image}, rank {one.rank} of {one.num_candidates:,}")
    lines += [f"  placed: {one.placement}"] if one.placement else []
    return [*lines, f"  way to a seen class: {_way(one.path)}"]


def _way(path: Sequence[PathStep]) -> str:
    return "".join(SIGNS[step.direction] + step.name for step in path)


def _contributions(one: Explanation) -> list[str]:
    if not one.contributions:
        return ["", f"no contributions: {one.note}"]
    what = "the score" if one.image is not None else "the classifier (all of it is 1)"
    lines = ["", f"what adds to {what}: {one.note}", *_table(one.contributions)]
    lines.append(f"  {one.rest:+.4f}  {one.num_rest:,} more classes")
    lines += [f"  {one.start:+.4f}  the start"] if one.how == ATTRIBUTED else []
    lines += [f"  {one.gap:+.4f}  the gap"] if one.how == ATTRIBUTED or abs(one.gap) >= ROUNDING else []
    return [*lines, f"  {one.score:+.4f}  in all"]


def _table(contributions: Sequence[Contribution]) -> list[str]:
    return [
        f"  {one.amount:+.4f}  {100 * one.share:+5.1f} %  "
        + (f"weight {one.weight:+.3f}  " if one.weight is not None else "")
        + f"{one.name}"
        + (f" ({one.relation})" if one.relation != "seen" else "")
        for one in contributions
    ]


def _contrast(explanation: Explanation) -> list[str]:
    one = explanation.against
    if one is None:
        return []
    if explanation.image is None:
        lines = ["", f"what sets it apart from {one.name} (all of the difference is 1):"]
    else:
        verb = "scores higher" if one.difference >= 0 else "scores lower"
        lines = ["", f"against {one.name}: {verb} by {abs(one.difference):.4f}"]
    if not one.contributions:
        return lines
    return [*lines, *_table(one.contributions), f"  {one.rest + one.start:+.4f}  all else"]


def _near(one: Explanation) -> list[str]:
    if not one.near:
        return []
    lines = starmap(
        lambda name, cosine, kind, score: (
            f"  {cosine:.3f}  {name} ({kind})" + (f", score {score:.4f}" if score is not None else "")
        ),
        ((near.name, near.cosine, "seen" if near.is_seen else "unseen", near.score) for near in one.near),
    )
    return ["", "nearest classifiers (cosine):", *lines]
