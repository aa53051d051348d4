#!/usr/bin/env python3
"""Choose the strengths of kgzsl/seen_bank.py on seen classes alone, and print the table of its docstring.

Every bank is fitted on one picture of each of the 1000 seen classes (``features/imagenet_sample``) and measured on
other pictures of *seen* classes, those in the dev files; pictures of unseen classes are left out before anything is
computed.

- ``seen``: Hit@1 of the bank among the 1000, a column a file. **The rule: of a variant's strengths the one with the
  highest mean over the files is the default.**
- ``held out``: the file's seen classes lose their rows, which kernel regression from the shipped embeddings predicts
  from the rows of the other seen classes; Hit@1 among all classes held out so. It shows what a graph network can make
  of the rows, and chooses nothing.

Command: KGZSL_ASSETS=... scripts/choose_seen_bank.py   (half a minute on one core)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial

import torch
from build_sample import load_source

from kgzsl.bank import ClassifierBank
from kgzsl.errors import KgzslError
from kgzsl.features import FeatureSet
from kgzsl.seen_bank import class_means, logistic, ridge
from kgzsl.semantics import SemanticEmbedding, load_shipped

FIT_ON = "imagenet_sample"
MEASURE_ON = ("caltech101-dev", "grocery-dev", "cub100-dev")
RIDGE_STRENGTHS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
LOGISTIC_L2 = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
KERNEL_RIDGE = 0.1


def means_as_they_are(features: FeatureSet) -> ClassifierBank:
    """Return class means of the features, rows to length one, nothing taken out."""
    means = torch.zeros(len(features.index), features.dim).index_add_(0, features.labels, features.features.float())
    rows = torch.nn.functional.normalize(means, dim=1)
    return ClassifierBank(features.index, rows, torch.zeros(len(rows)), features.backbone, "weights")


def means_less_mean(features: FeatureSet) -> ClassifierBank:
    """Return class means less the mean picture, rows to length one, and the bias that centres images alike."""
    plain = replace_rows(features, features.features.float() - features.features.float().mean(dim=0))
    bank = means_as_they_are(plain)
    biases = -bank.weights @ features.features.float().mean(dim=0)
    return ClassifierBank(bank.index, bank.weights, biases, bank.backbone, "weights")


def replace_rows(features: FeatureSet, rows: torch.Tensor) -> FeatureSet:
    """Return the same pictures with other features."""
    return FeatureSet(rows, features.labels, features.index, features.backbone)


def hit(bank: ClassifierBank, images: FeatureSet) -> float:
    """Return Hit@1 in percent."""
    truth = torch.from_numpy(bank.index.rows(class_id for class_id in images.class_ids() if class_id))
    return 100 * (bank.score(images).argmax(dim=1) == truth).double().mean().item()


def predicted(bank: ClassifierBank, held_out: list[str], semantics: SemanticEmbedding) -> ClassifierBank:
    """Return the rows that kernel regression on the other classes gives the held-out ones.

    ``k(a, b) = exp((a.b - 1) / mean(1 - a.b))`` on vectors of length one; nothing here is tuned.
    """
    others = [class_id for class_id in bank.index if class_id not in set(held_out)]
    known, wanted = (torch.nn.functional.normalize(semantics.select(ids).vectors, dim=1) for ids in (others, held_out))
    rest = bank.select(others)
    width = (1 - known @ known.T).mean()
    kernel = ((known @ known.T - 1) / width).exp() + KERNEL_RIDGE * torch.eye(len(others))
    targets = torch.cat([rest.weights, rest.biases[:, None]], dim=1)
    rows = ((wanted @ known.T - 1) / width).exp() @ torch.linalg.solve(kernel, targets - targets.mean(dim=0))
    rows = rows + targets.mean(dim=0)
    return ClassifierBank(rest.select(()).index.appended(held_out), rows[:, :-1], rows[:, -1], bank.backbone)


def candidates() -> Iterator[tuple[str, Callable[[FeatureSet], ClassifierBank]]]:
    """Yield every bank that is compared, by name."""
    yield "class means", class_means
    yield from ((f"ridge, strength {strength:g}", partial(ridge, strength=strength)) for strength in RIDGE_STRENGTHS)
    yield from ((f"logistic, l2 {l2:g}", partial(logistic, l2=l2)) for l2 in LOGISTIC_L2)
    yield "class means as they are", means_as_they_are
    yield "class means minus mean, bias -w.mean", means_less_mean


def table() -> Iterator[str]:
    """Yield the lines of the table, then the strengths that the rule picks."""
    fit_on = load_source(FIT_ON)
    images = {name: load_source(name).of_classes(fit_on.index) for name in MEASURE_ON}
    semantics = load_shipped("imagenet21k")
    held_out = sorted({class_id for part in images.values() for class_id in part.class_ids() if class_id})
    columns = [f"{kind} {name.split('-')[0]}" for kind in ("seen", "held out") for name in images]
    yield "| seen bank | " + " | ".join([*columns[:3], "seen mean", *columns[3:], "held out mean"]) + " |"
    yield "|---" * 9 + "|"
    best: dict[str, tuple[float, str]] = {}
    for name, fit in candidates():
        bank = fit(fit_on)
        seen = [hit(bank, part) for part in images.values()]
        mean = sum(seen) / len(seen)
        rest = predicted(bank, held_out, semantics)
        unfitted = [hit(rest, part) for part in images.values()]
        cells = [*seen, mean, *unfitted, sum(unfitted) / len(unfitted)]
        yield f"| {name} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |"
        best[name.split(",")[0]] = max(best.get(name.split(",")[0], (0.0, "")), (mean, name))
    for variant in ("ridge", "logistic"):
        yield f"chosen by the mean of the seen columns: {best[variant][1]} ({best[variant][0]:.2f})"


def main() -> int:
    """Print the table."""
    try:
        for line in table():
            print(line, flush=True)
    except KgzslError as error:
        print(f"choose_seen_bank: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
