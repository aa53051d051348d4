"""Far transfer: whole branches of the seen classes are hidden at once and predicted, by plain and by meta-training.

Which branches, what is measured on them and by what rule settings were chosen stand in
`reproduction.held_out_branches`; scripts/choose_meta_learners.py compared them, on other branches than those here.

What is measured of a learner is kept in a folder beside the acts, by its parameters, so that the command goes on where
it was stopped; remove runs/reproduce/acts/meta_learning to measure anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgzsl.bank import ClassifierBank
from kgzsl.methods import METHODS
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import read_json, sha256_text, write_json
from kgzsl.supervision import Supervision
from reproduction.held_out_branches import FIGURES, TEST, HoldOut, all_hold_outs, class_figures, interval

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


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure all learners with each seed on the branches of the test."""
    folder = RunFolder(run)
    whole = Supervision(folder.graph, folder.semantics, folder.seen_bank)
    _, test = all_hold_outs(whole.graph, tuple(whole.seen_bank.index))
    found = {}
    for name, (method, options) in LEARNERS.items():
        told = json.dumps([method, METHODS[method](**options).parameters(), test, SEEDS], sort_keys=True)
        kept = run.parent / "meta_learning" / f"{method}-{sha256_text(told)[:8]}.json"
        if not kept.is_file():
            kept.parent.mkdir(exist_ok=True)
            write_json(kept, measure_learner(whole, test, method, options))
        found[name] = read_json(kept)
    return found


def measure_learner(
    whole: Supervision,
    hold_outs: Sequence[HoldOut],
    method: str,
    options: Mapping[str, Any],
    seeds: Sequence[int] = SEEDS,
) -> dict[str, Any]:
    """Return the figures of each class, their means by seed, and the CPU seconds of the fits."""
    each, seconds = [], []
    for seed in seeds:
        figures = []
        for groups in hold_outs:
            hidden = tuple(one for group in groups for one in group)
            begin = time.process_time()
            bank = METHODS[method](**options, seed=seed).fit(whole.without(hidden)).synthesize(hidden)
            seconds.append(time.process_time() - begin)
            assert isinstance(bank, ClassifierBank)
            figures += class_figures(bank, whole.seen_bank, groups)
        each.append(figures)
    mean = np.round(np.mean(each, axis=0), 2)  # (classes, figures), mean over seeds
    return {"figures": mean.tolist(), "seeds": np.mean(each, axis=1).tolist(), "seconds": seconds}


def block(found: Mapping[str, Any]) -> str:
    """Return the section on meta-learning."""
    number = len(next(iter(found.values()))["figures"])
    names = "; ".join(", ".join(name.split(".")[0].replace("_", " ") for name in names) for names in TEST)
    lines = ["### Whole branches hidden: plain and meta-training", ""]
    lines += [
        f"{number} of the 1000 seen classes in {len(TEST)} hold-outs ({names}): the branches of one are hidden at once "
        "and predicted from all other seen classes. Settings were chosen on other branches, with these not in the "
        "supervision. Pictures: one of each class, ranked among its own branch, Hit@1 and reciprocal rank. Rows: the "
        "true weights of a class take the place of its picture; hidden rows: reciprocal rank among all that is hidden "
        "at once. Cosine: to the true weights. All times 100, means of three seeds with 95 % intervals over classes. "
        "CPU seconds of a fit.",
        "",
        f"| learner | {' | '.join(FIGURES)} | seconds |",
        "|---|" + "---|" * (len(FIGURES) + 1),
    ]
    lines += [_line(name, one) for name, one in found.items()]
    return "\n".join([*lines, "", *[difference(found, *pair) for pair in PAIRS if set(pair) <= found.keys()]])


def _line(name: str, one: Mapping[str, Any]) -> str:
    figures = np.array(one["figures"])
    low, high = interval(figures)
    cells = [f"{m:.1f} [{a:.1f}, {b:.1f}]" for m, a, b in zip(figures.mean(axis=0), low, high)]
    return f"| {name} | {' | '.join(cells)} | {np.mean(one['seconds']):.0f} |"


def difference(found: Mapping[str, Any], learned: str, plain: str) -> str:
    """Say what meta-training adds, class by class."""
    gaps = np.array(found[learned]["figures"]) - np.array(found[plain]["figures"])
    low, high = interval(gaps)
    cells = [f"{name} {m:+.1f} [{a:+.1f}, {b:+.1f}]" for name, m, a, b in zip(FIGURES, gaps.mean(axis=0), low, high)]
    seeds = np.array(found[learned]["seeds"]) - np.array(found[plain]["seeds"])
    last = FIGURES.index("hidden rows")
    each = ", ".join(f"{value:+.1f}" for value in seeds[:, last])
    return f"- {learned}, less {plain}: {'; '.join(cells)}; {FIGURES[last]} by seed {each}."
