"""Explain: do the parts sum to the score, how long does it take, and do the classes named matter?"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.evaluation.protocols import candidates
from kgzsl.explain import amounts_of, explain
from kgzsl.explain.asked import AskedClass
from kgzsl.features import FeatureSet
from kgzsl.graph.hops import tree_distances
from kgzsl.kernels import AncestorKernel, MixedKernel, SemanticKernel, prediction_weights
from kgzsl.methods import ESZSL, EXEM, SYNC, Ensemble, GraphRegression, KernelRegression, NearestSeen
from kgzsl.methods.method import Method
from kgzsl.run_folder import RunFolder
from kgzsl.supervision import Supervision

FILES = ("caltech101-dev", "grocery-dev", "cub100-dev")
NUM_HIDDEN, NUM_DRAWS, NUM_CHECKED = 3, 5, 8
HIDDEN = ("nothing", "classifier", "scores", "near", "random")
WORDS = {
    "nothing": "nothing hidden",
    "classifier": "the 3 that add most to the classifier",
    "scores": "the 3 that add most to the pictures' scores",
    "near": "the 3 nearest in the graph",
    "random": "3 drawn at random",
}

SUMS = """What the parts of a score are, and by how much they miss it: the largest gap as a share of the mean score,
over {pairs} pairs of a picture and an unseen class of the dev files. Kernel regression is the run of the page; the
other methods are fitted to the same classifiers with fixed hyper-parameters, the network for a few epochs, for sums
and seconds do not hang on them."""
SECONDS = """To explain one picture among all classes of the kernel run, with rival, path and nearest classes, takes
{seconds:.1f} CPU seconds once the run is loaded."""
FAITHFUL = """Do the classes that are named matter? For each of {classes} unseen classes of the dev files three seen
classes are hidden, kernel regression is fitted again without them (same hyper-parameters), and the pictures of the
class are scored among the unseen classes of their file. Score: of the true class. Margin: it minus the best other
one. Means over classes. A description; nothing was chosen by it."""


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure sums and seconds of several methods, and what hiding classes does to the kernel run."""
    folder = RunFolder(run)
    images = [FeatureSet.load(assets / "features" / f"{name}.safetensors") for name in FILES]
    unseen = [list(candidates("unrelated", one, folder.graph, folder.split)) for one in images]
    checked = [(one, classes[:NUM_CHECKED]) for one, classes in zip(images, unseen)]
    sums = {name: _sums(folder, method, checked) for name, method in _methods(folder).items()}
    return {"sums": sums, "command_seconds": _seconds(run, images[0]), "hiding": _hiding(folder, images, unseen)}


def block(found: Mapping[str, Any]) -> str:
    """Return the section of the page."""
    sums, hiding = found["sums"], found["hiding"]
    lines = ["### Explaining", "", SUMS.format(pairs=sums["kernel_regression"]["pairs"]), ""]
    lines += ["| method | parts | largest gap | CPU seconds a score |", "|---|---|---|---|"]
    for name, one in sums.items():
        kind = "exact" if one["exact"] else "attributed"
        lines.append(f"| {name} | {kind} | {one['gap']:.1e} | {one['seconds']:.2f} |")
    lines += ["", SECONDS.format(seconds=found["command_seconds"]), "", FAITHFUL.format(classes=hiding["classes"]), ""]
    lines += [
        "| hidden | score lost | margin | margin lost | classes that lose more margin than by chance | macro Hit@1 |"
    ]
    lines += ["|---|---|---|---|---|---|"]
    for name in HIDDEN:
        one = hiding[name]
        lost = ("", "") if name == "nothing" else (f"{one['score_lost']:.3f}", f"{one['lost']:.3f}")
        more = "" if name in ("nothing", "random") else f"{one['more']:.0f} %"
        lines.append(f"| {WORDS[name]} | {lost[0]} | {one['margin']:.3f} | {lost[1]} | {more} | {one['hit1']:.1f} |")
    return "\n".join([*lines, ""])


def _methods(run: RunFolder) -> dict[str, Method]:
    """Return the run's method and others, fitted to the same classifiers."""
    given = Supervision(run.graph, run.semantics, run.seen_bank)
    kernel = {"widths": [0.3], "decays": [0.85], "shares": [0.5], "ridges": [0.15]}
    exem = {"widths": [0.7], "ridges": [0.1], "standardised": [True]}
    members = [{"name": "kernel_regression", "weight": 2.0, **kernel}, {"name": "exem", **exem}]
    others: dict[str, Method] = {
        "nearest_seen": NearestSeen(),
        "exem": EXEM(widths=[0.7], ridges=[0.1], standardised=[True]),
        "sync": SYNC(sigmas=[0.35], lambdas=[0.1]),
        "eszsl": ESZSL(gammas=[1.0], lambdas=[1.0]),
        "ensemble of kernel regression and exem": Ensemble(members=members),
        "graph_regression (dgp)": GraphRegression("dgp", epochs=10, held_out=0.0),
    }
    assert run.method is not None
    return {"kernel_regression": run.method, **{name: one.fit(given) for name, one in others.items()}}


def _sums(run: RunFolder, method: Method, checked: Sequence[tuple[FeatureSet, list[str]]]) -> dict[str, Any]:
    """Compare the parts of scores with the scores, one picture a class."""
    gaps, sizes, seconds, exact = [], [], [], True
    for images, classes in checked:
        scores = method.synthesize(classes).score(images)
        for column, class_id in enumerate(classes):
            row = images.class_ids().index(class_id)
            x = images.features[row].double()
            direction = torch.cat([x, x.new_ones(1)])
            start = time.process_time()
            amounts = amounts_of(method, AskedClass(class_id), direction, sorted(run.split.seen))
            seconds.append(time.process_time() - start)
            gaps.append(abs(float(scores[row, column]) - amounts.total))
            sizes.append(abs(float(scores[row, column])))
            exact = exact and amounts.is_exact
    gap = max(gaps) / float(np.mean(sizes))
    return {"exact": exact, "gap": gap, "pairs": len(gaps), "seconds": float(np.median(seconds))}


def _seconds(run: Path, images: FeatureSet) -> float:
    classifier = ZeroShotClassifier.load(run)
    one = images.rows(torch.tensor([0]))
    explain(classifier, image=one)
    start = time.process_time()
    explain(classifier, image=one)
    return time.process_time() - start


def _hiding(run: RunFolder, images: Sequence[FeatureSet], unseen: Sequence[list[str]]) -> dict[str, Any]:
    """Hide seen classes, fit again, and look at the margins of unseen classes."""
    method = run.method
    assert isinstance(method, KernelRegression)
    rng = np.random.default_rng(0)
    found = {name: list[np.ndarray]() for name in HIDDEN}
    for pictures, classes in zip(images, unseen):
        refitted = _Refitted(run, method, classes)
        near = tree_distances(run.graph, run.graph.index.rows(classes))[:, run.graph.index.rows(refitted.seen)]
        for number, class_id in enumerate(classes):
            shown = pictures.of_classes([class_id]).features
            draws = [rng.permutation(len(refitted.seen))[:NUM_HIDDEN] for _ in range(NUM_DRAWS)]
            found["nothing"].append(refitted.margin(number, shown, []))
            picture = torch.cat([shown.double().mean(dim=0), torch.ones(1, dtype=torch.float64)])
            for name, direction in (("classifier", refitted.whole.whole()[number]), ("scores", picture)):
                found[name].append(refitted.margin(number, shown, refitted.strongest(number, direction)))
            found["near"].append(refitted.margin(number, shown, near[number].argsort(kind="stable")[:NUM_HIDDEN]))
            drawn = [refitted.margin(number, shown, draw) for draw in draws]
            found["random"].append(np.mean(drawn, axis=0))
    values = {name: np.array(rows) for name, rows in found.items()}  # score, margin, hit of each class
    return {"classes": len(values["nothing"]), **{name: _told(values, name) for name in HIDDEN}}


def _told(values: Mapping[str, np.ndarray], name: str) -> dict[str, float]:
    score, margin, hit = values[name].mean(axis=0).tolist()
    whole = values["nothing"].mean(axis=0)
    more = float((values[name][:, 1] < values["random"][:, 1]).mean())
    lost = {"score_lost": float(whole[0]) - score, "lost": float(whole[1]) - margin}
    return {"score": score, "margin": margin, "hit1": 100 * hit, "more": 100 * more, **lost}


class _Refitted:
    """Kernel regression of some classes without some seen classes, its hyper-parameters kept."""

    def __init__(self, run: RunFolder, method: KernelRegression, classes: Sequence[str]) -> None:
        self.whole = method.contributions(classes)
        self.seen, self.targets = self.whole.seen, self.whole.rows
        setting, rows = method.setting, run.graph.index.rows(self.seen)
        parts = (SemanticKernel(run.semantics, rows, setting.width), AncestorKernel(run.graph, rows, setting.decay))
        kernel = MixedKernel(parts, (setting.share, 1 - setting.share))
        self.kernel, self.ridge = kernel.to_seen(rows), setting.ridge
        self.to_seen = kernel.to_seen(run.graph.index.rows(classes))

    def strongest(self, number: int, direction: torch.Tensor) -> Any:
        """Return the seen classes that add most to a classifier along a direction."""
        return self.whole.amounts(direction)[number].argsort(descending=True)[:NUM_HIDDEN].numpy()

    def margin(self, number: int, features: torch.Tensor, hidden: Sequence[int]) -> np.ndarray:
        """Return mean score and margin of the pictures of a class, and the share that is taken for it."""
        kept = torch.from_numpy(np.setdiff1d(np.arange(len(self.seen)), np.asarray(hidden, dtype=np.int64)))
        weights = prediction_weights(self.kernel[kept][:, kept], self.to_seen[:, kept], self.ridge)
        rows = torch.nn.functional.normalize(weights @ self.targets[kept], dim=1)
        scores = features.double() @ rows[:, :-1].T + rows[:, -1]
        own = scores[:, number].clone()
        scores[:, number] = -torch.inf
        margins = own - scores.max(dim=1).values
        return np.array([float(own.mean()), float(margins.mean()), float((margins > 0).double().mean())])
