"""Far transfer: whole branches of the seen classes are hidden at once and predicted, by plain and by meta-training.

Five branches play unseen classes. Settings were chosen on other branches, hidden in the same way: learning rates on the
six of `CHOSEN_ON`, strategy and number of episodes of the kernel regression on all branches of at most 120 classes that
are not among the five, cut into four folds. Before the latter choice its first settings (60 episodes of branches) had
been measured on the five, and were worse there in hits. Images are the shipped ones, one of each seen class.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgzsl.bank import ClassifierBank
from kgzsl.evaluation import ranks
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.methods import METHODS
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import shipped_path
from kgzsl.supervision import Supervision

BRANCHES = ("bird.n.01", "structure.n.01", "clothing.n.01", "wheeled_vehicle.n.01", "reptile.n.01")
CHOSEN_ON = (
    *("dog.n.01", "invertebrate.n.01", "matter.n.03"),
    *("furnishing.n.02", "musical_instrument.n.01", "ungulate.n.01"),
)
SEEDS = (0, 1, 2)
NETWORK = {"network": "sgcn", "network_options": {"hidden": [256]}}
LEARNERS: dict[str, tuple[str, dict[str, Any]]] = {
    "kernel, plain": ("kernel_regression", {}),
    "kernel, episodic": ("episodic", {}),
    "kernel, episodic, no episodes": ("episodic", {"episodes": 0}),
    "memory": ("memory", {}),
    "memory, no episodes": ("memory", {"episodes": 0}),
    "SGCN, plain": ("graph_regression", {**NETWORK, "epochs": 300, "patience": 75, "learning_rate": 3e-3}),
    "SGCN, MAML": ("maml", NETWORK),
    "SGCN, MAML, first order": ("maml", {**NETWORK, "order": 1}),
}
PAIRS = (
    ("kernel, episodic", "kernel, plain"),
    ("kernel, episodic", "kernel, episodic, no episodes"),
    ("memory", "memory, no episodes"),
    ("SGCN, MAML", "SGCN, plain"),
    ("SGCN, MAML, first order", "SGCN, plain"),
)
FIGURES = ("own branch", "all hidden", "all 1000", "reciprocal rank", "cosine")


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure all learners with each seed."""
    folder = RunFolder(run)
    whole = Supervision(folder.graph, folder.semantics, folder.seen_bank)
    return {name: measure_learner(whole, BRANCHES, *learner) for name, learner in LEARNERS.items()}


def measure_learner(
    whole: Supervision, branches: Sequence[str], method: str, options: Mapping[str, Any], seeds: Sequence[int] = SEEDS
) -> dict[str, Any]:
    """Return the figures of each class by seed, and the CPU seconds of the fits."""
    groups = branch_groups(whole.graph, tuple(whole.seen_bank.index), branches)
    hidden = tuple(dict.fromkeys(one for group in groups for one in group))
    given = whole.without(hidden)
    each, seconds = [], []
    for seed in seeds:
        begin = time.process_time()
        bank = METHODS[method](**options, seed=seed).fit(given).synthesize(hidden)
        seconds.append(time.process_time() - begin)
        assert isinstance(bank, ClassifierBank)
        each.append(class_figures(bank, whole.seen_bank, groups))
    figures = np.round(np.mean(each, axis=0), 2)  # (classes, figures), mean over seeds
    return {"figures": figures.tolist(), "seeds": np.mean(each, axis=1).tolist(), "seconds": seconds}


def block(found: Mapping[str, Any]) -> str:
    """Return the section on meta-learning."""
    number = len(next(iter(found.values()))["figures"])
    lines = ["### Whole branches hidden: plain and meta-training", ""]
    lines += [
        f"{number} of the 1000 seen classes, five whole branches ({', '.join(BRANCHES)}), are hidden at once and "
        "predicted from the others; one image of each. Hit@1 among the classes of the own branch, among all that are "
        "hidden, and among all 1000 (seen ones with their own classifiers, nothing calibrated); reciprocal rank in the "
        "own branch; cosine to the true row; all times 100, means of three seeds with 95 % intervals over classes. "
        "CPU seconds of a fit. Settings were chosen on other branches; those of the episodes anew, after the first had "
        "done worse on these five, which are therefore no clean test of them.",
        "",
        f"| learner | {' | '.join(FIGURES)} | seconds |",
        "|---|" + "---|" * (len(FIGURES) + 1),
    ]
    lines += [_line(name, one) for name, one in found.items()]
    return "\n".join([*lines, "", *[_difference(found, *pair) for pair in PAIRS if set(pair) <= found.keys()]])


def _line(name: str, one: Mapping[str, Any]) -> str:
    figures = np.array(one["figures"])
    low, high = interval(figures)
    cells = [f"{m:.1f} [{a:.1f}, {b:.1f}]" for m, a, b in zip(figures.mean(axis=0), low, high)]
    return f"| {name} | {' | '.join(cells)} | {np.mean(one['seconds']):.0f} |"


def _difference(found: Mapping[str, Any], learned: str, plain: str) -> str:
    """Say what meta-training adds, class by class."""
    gaps = np.array(found[learned]["figures"]) - np.array(found[plain]["figures"])
    low, high = interval(gaps)
    cells = [f"{name} {m:+.1f} [{a:+.1f}, {b:+.1f}]" for name, m, a, b in zip(FIGURES, gaps.mean(axis=0), low, high)]
    seeds = np.array(found[learned]["seeds"])[:, 0] - np.array(found[plain]["seeds"])[:, 0]
    each = ", ".join(f"{value:+.1f}" for value in seeds)
    return f"- {learned}, less {plain}: {'; '.join(cells)}; own branch by seed {each}."


def interval(figures: np.ndarray, draws: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of 95 % of the means over classes drawn with replacement, one of each figure."""
    taken = np.random.default_rng(0).integers(len(figures), size=(draws, len(figures)))
    low, high = np.percentile(figures[taken].mean(axis=1), [2.5, 97.5], axis=0)
    return low, high


def branch_groups(graph: ClassGraph, seen: Sequence[str], branches: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the seen classes of each branch, a class in the first that holds it."""
    roots = [graph.index[row] for name in branches for row, text in enumerate(graph.texts) if text.name == name]
    groups, taken = [], set[str]()
    for root in roots:
        group = tuple(one for one in sorted(seen) if one not in taken and root in graph.ancestors((one,)) | {one})
        taken |= set(group)
        groups.append(group)
    return groups


def class_figures(
    predicted: ClassifierBank, true: ClassifierBank, groups: Sequence[Sequence[str]]
) -> list[list[float]]:
    """Return `FIGURES` in percent of each hidden class; there is one image of each.

    The candidates are the classes of its own branch, all that are hidden, or these and the seen ones with their own
    classifiers.
    """
    hidden = [one for group in groups for one in group]
    images = FeatureSet.load(shipped_path("graphs", "sample") / "seen.safetensors")
    kept = [one for one in true.index if one not in set(hidden)]
    everyone = predicted.select(hidden).concat(true.select(kept).normalised("joint"))
    rows = []
    for group in groups:
        asked = images.of_classes(group)
        ids = [str(one) for one in asked.class_ids()]
        found = [_ranks(bank, asked, ids) for bank in (predicted.select(group), predicted.select(hidden), everyone)]
        hits = [(one == 1).double() for one in found]
        cosines = (_rows(predicted.select(ids)) * _rows(true.select(ids))).sum(dim=1)
        rows.append(100 * torch.stack([*hits, 1 / found[0].double(), cosines], dim=1))
    return torch.cat(rows).tolist()


def _ranks(bank: ClassifierBank, images: FeatureSet, ids: Sequence[str]) -> torch.Tensor:
    return ranks(bank.score(images), torch.from_numpy(bank.index.rows(ids)))


def _rows(bank: ClassifierBank) -> torch.Tensor:
    rows = torch.cat([bank.weights, bank.biases[:, None]], dim=1).double()
    return torch.nn.functional.normalize(rows, dim=1)
