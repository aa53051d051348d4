"""A few pictures of unseen classes: the prediction alone, pictures alone, and both blended.

The unrelated unseen classes of each development set compete. Of each class 16 pictures are drawn, the first n of them
arrive, and all others are tested; 20 draws. Accuracies are means over classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.evaluation import candidates
from kgzsl.features import FeatureSet
from kgzsl.few_images import RowPrior
from kgzsl.few_images.row_prior import SHRINKAGE
from kgzsl.hidden_classes import sample_of_seen_classes
from kgzsl.run_folder import FEW_IMAGES, RunFolder
from kgzsl.types import Tensor
from reproduction.few_image_draws import (
    COUNTS,
    Draw,
    blended,
    draws,
    images_alone,
    one_class_at_a_time,
    scores_of,
)

FILES = ("caltech101-dev", "grocery-dev", "cub100-dev")
DRAWS, SEED, GENERALISED_DRAWS = 20, 0, 5
PREDICTED, BLENDED = "prediction alone", "blended"
GOAL = (1, 2, 4, 8)
MEAN = "mean"

Values: TypeAlias = dict[str, dict[int, list[float]]]
"""Classifier to number of pictures to one value a draw."""


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure all classifiers on the same draws, and what one class with pictures does to the others."""
    opened = RunFolder(run)
    prior, sample = RowPrior.load(run / FEW_IMAGES), sample_of_seen_classes(opened)
    background, inverse = _background(sample)
    values, sets = dict[str, Values](), dict[str, Any]()
    for name in FILES:
        images = FeatureSet.load(assets / "features" / f"{name}.safetensors")
        ids = candidates("unrelated", images, opened.graph, opened.split)
        taken = list(draws(images, ids, DRAWS, SEED))
        values[name] = _on_draws(opened.bank.select(ids), prior, taken, background, inverse)
        sets[name] = {
            "classes": len(ids),
            "accuracy": _summaries(values[name]),
            "one_class": _one_class(opened.bank.select(ids), prior, taken),
            "generalised": _generalised(opened, images, opened.bank.select(ids), prior, taken[:GENERALISED_DRAWS]),
        }
    values[MEAN] = _means([values[name] for name in FILES])
    found = {"draws": DRAWS, "sets": sets, MEAN: _summaries(values[MEAN]), "prior": prior.summary()}
    return {**found, "goal": goal_of(values)}


def _background(sample: FeatureSet) -> tuple[Tensor, Tensor]:
    """Return the mean picture, and the inverse of the covariance that the blend uses."""
    pictures = sample.features.double()
    centred = pictures - pictures.mean(dim=0)
    covariance = centred.T @ centred / len(centred)
    covariance.diagonal().add_(SHRINKAGE * float(covariance.diagonal().mean()))
    return pictures.mean(dim=0), torch.linalg.inv(covariance)


def _on_draws(
    old: ClassifierBank, prior: RowPrior, taken: Sequence[Draw], background: Tensor, inverse: Tensor
) -> Values:
    values: Values = {PREDICTED: {0: [draw.accuracy(scores_of(old, draw.features)) for draw in taken]}}
    for draw in taken:
        banks = blended(prior, old, draw, COUNTS)
        for count in COUNTS:
            scores = images_alone(draw, count, background, inverse)
            scores[BLENDED] = scores_of(banks[count], draw.features)
            for name, one in scores.items():
                values.setdefault(name, {}).setdefault(count, []).append(draw.accuracy(one))
    return values


def _one_class(old: ClassifierBank, prior: RowPrior, taken: Sequence[Draw]) -> dict[str, list[float]]:
    """Return by number of pictures: accuracy of the class that alone has them before and after, change of the others.

    Each class is blended by itself, so that no other class's pictures have a part in it.
    """
    found = {}
    for count in (1, 4, 16):
        rows = []
        for draw in taken[:GENERALISED_DRAWS]:
            pictures = draw.pictures(old.index.ids, count)
            alone = [prior.blend(old.select([one]), {one: pictures[one]}).bank for one in pictures]
            fresh = torch.cat([scores_of(bank, draw.features) for bank in alone], dim=1)
            rows.append(one_class_at_a_time(draw, scores_of(old, draw.features), fresh))
        found[str(count)] = torch.tensor(rows).mean(dim=0).tolist()
    return found


def _generalised(
    run: RunFolder, images: FeatureSet, old: ClassifierBank, prior: RowPrior, taken: Sequence[Draw]
) -> dict[str, list[float]]:
    """Return by number of pictures: accuracies of seen and of unseen classes when all compete, and H."""
    head = run.seen_bank.normalised(run.bank.normalisation)
    seen = images.of_classes(run.split.seen)
    own = torch.from_numpy(head.index.rows(str(one) for one in seen.class_ids()))
    of_seen, found = scores_of(head, seen.features.double()), dict[str, list[list[float]]]()
    for draw in taken:
        of_unseen = scores_of(head, draw.features)
        for count, bank in {0: old, **blended(prior, old, draw, COUNTS)}.items():
            both = torch.cat([scores_of(bank, draw.features), of_unseen], dim=1)
            hits = torch.cat([of_seen, scores_of(bank, seen.features.double())], dim=1).argmax(dim=1) == own
            by_class = [float(hits[own == one].double().mean()) for one in own.unique().tolist()]
            first, second = 100 * sum(by_class) / len(by_class), draw.accuracy(both)
            harmonic = 2 * first * second / (first + second) if first + second else 0.0
            found.setdefault(str(count), []).append([first, second, harmonic])
    return {count: torch.tensor(rows).mean(dim=0).tolist() for count, rows in found.items()}


def _means(values: Sequence[Values]) -> Values:
    """Return the mean over sets, draw by draw."""
    return {
        name: {count: torch.tensor([one[name][count] for one in values]).mean(dim=0).tolist() for count in counts}
        for name, counts in values[0].items()
    }


def interval(values: Sequence[float]) -> list[float]:
    """Return the mean over draws, and by how much it may be off: half its 95 % interval."""
    held = torch.tensor(values, dtype=torch.float64)
    return [float(held.mean()), float(1.96 * held.std() / len(held) ** 0.5)]


def _summaries(values: Values) -> dict[str, dict[str, list[float]]]:
    return {name: {str(count): interval(one) for count, one in counts.items()} for name, counts in values.items()}


def goal_of(values: Mapping[str, Values]) -> dict[str, Any]:
    """Say whether the blend is better in the mean of the sets, and where it is worse than a single one beyond chance.

    Compared draw by draw with the prediction alone and with every classifier from pictures alone.
    """
    behind, worse = list[list[Any]](), list[list[Any]]()
    for name, held in values.items():
        for count in GOAL:
            ours = torch.tensor(held[BLENDED][count])
            for other, counts in held.items():
                if other == BLENDED:
                    continue
                gain, half = interval((ours - torch.tensor(counts[0 if other == PREDICTED else count])).tolist())
                if name == MEAN and gain <= 0:
                    behind.append([other, count, gain, half])
                if name != MEAN and gain + half < 0:
                    worse.append([name, other, count, gain, half])
    return {"better_in_the_mean": not behind, "behind": behind, "worse": worse}


def block(found: dict[str, Any]) -> str:
    """Return the section on few pictures."""
    head = "| accuracy over classes, % | " + " | ".join(str(count) for count in (0, *COUNTS)) + " |"
    lines = ["### Few images later", "", _told(found), "", head, "|---|" + "---|" * (len(COUNTS) + 1)]
    lines += [_line(f"{name}, mean of the sets", counts) for name, counts in found[MEAN].items()]
    for file, one in found["sets"].items():
        best = _best_alone(one["accuracy"])
        shown = {PREDICTED: one["accuracy"][PREDICTED], "pictures alone, the best of them": best}
        shown |= {BLENDED: one["accuracy"][BLENDED]}
        lines += [_line(f"{name}, {file} ({one['classes']} classes)", counts) for name, counts in shown.items()]
    lines += ["", *_goal_lines(found["goal"]), "", *_beside(found["sets"])]
    return "\n".join(lines)


def _told(found: Mapping[str, Any]) -> str:
    return (
        f"Of each unrelated unseen class n pictures arrive (columns), others are tested; {found['draws']} draws, ± is "
        "half the 95 % interval over them. Nothing was chosen on these classes. A prediction of this run counts as "
        f"{found['prior']['least_pictures']:.1f} pictures where predictions err most, typically as "
        f"{found['prior']['pictures']:.0f}."
    )


def _line(name: str, counts: Mapping[str, Sequence[float]]) -> str:
    cells = [f"{counts[key][0]:.1f} ± {counts[key][1]:.1f}" if key in counts else "" for key in _columns()]
    return f"| {name} | " + " | ".join(cells) + " |"


def _columns() -> list[str]:
    return [str(count) for count in (0, *COUNTS)]


def _best_alone(accuracy: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, Sequence[float]]:
    alone = [counts for name, counts in accuracy.items() if name not in (PREDICTED, BLENDED)]
    return {key: max(counts[key] for counts in alone) for key in _columns()[1:]}


def _goal_lines(goal: Mapping[str, Any]) -> list[str]:
    reached = "reached" if goal["better_in_the_mean"] else "not reached"
    lines = [f"Better than the prediction alone and every classifier from pictures alone at 1, 2, 4, 8: {reached}."]
    lines += [f"- behind {name} at {count}: {gain:+.2f} ± {half:.2f}" for name, count, gain, half in goal["behind"]]
    worse = goal["worse"]
    lines[0] += f" Nowhere worse beyond the 95 % interval: {'not reached' if worse else 'reached'}."
    return lines + [
        f"- worse on {file} than {name} at {count}: {gain:+.1f} ± {half:.1f}" for file, name, count, gain, half in worse
    ]


def _beside(sets: Mapping[str, Any]) -> list[str]:
    lines = ["| one class alone has pictures | 1 | 4 | 16 |", "|---|---|---|---|"]
    for file, one in sets.items():
        cells = [
            f"{before:.1f} → {after:.1f}, others {change:+.1f}" for before, after, change in one["one_class"].values()
        ]
        lines.append(f"| {file} | " + " | ".join(cells) + " |")
    columns = _columns()
    lines += ["", "| with all seen classes, seen / unseen / H | " + " | ".join(columns) + " |"]
    lines.append("|---|" + "---|" * len(columns))
    for file, one in sets.items():
        cells = [" / ".join(f"{value:.0f}" for value in one["generalised"][key]) for key in columns]
        lines.append(f"| {file} | " + " | ".join(cells) + " |")
    return [*lines, "", "Nothing was taken from the scores of seen classes here (no gamma)."]
