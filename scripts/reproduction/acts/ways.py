"""Every way of learning against its own plain start: three seeds, paired intervals over classes, CPU seconds.

A way is a shipped recipe. What it is held against is the same recipe without it, or the recipe of the plain method on
the same inputs. The rows that are predicted for the development sets are kept beside the acts, by recipe and seed, so
that the command goes on where it was stopped; remove runs/reproduce/acts/ways to measure anew. Rows on other classes
come from what the acts of fine-tuning and meta-learning kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from attribute_files import write_files
from attributes import World

from kgzsl.bank import ClassifierBank
from kgzsl.domain_shift import REMEDIES, build_transducer
from kgzsl.evaluation import Calibration, CrossValidatedGamma, beside_hidden, candidates
from kgzsl.features import FeatureSet
from kgzsl.hidden_classes import hidden_scorer_of, sample_of_seen_classes
from kgzsl.recipe import Recipe
from kgzsl.recipe_inputs import INPUT_KEYS
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import read_json, sha256_text, write_json
from kgzsl.scoring import CalibratedScorer
from kgzsl.seen_rows import with_seen_rows
from kgzsl.supervision import Supervision
from reproduction.held_out_branches import FIGURES
from reproduction.paired import Change, hits_by_class, images_by_class

SETS = ("caltech101-dev", "grocery-dev", "cub100-dev")
SEEDS = (0, 1, 2)
OF_BRANCHES = ("pictures Hit@1", "hidden rows")
"""Figures of the act of meta-learning that the table repeats."""

BIRDS = "27 unseen classes of CUB"
CUB = Path("runs/cub")
"""Where recipe ``attribute_nodes`` finds its files."""

Seeds = list[list[float]]
"""The hits of each class, for each seed."""


@dataclass(frozen=True)
class Way:
    """One way of learning that is decided by the training.

    Args:
        name: what the table calls it.
        recipe: the shipped recipe.
        settings: what is changed in it.
        plain: the recipe that it is held against, and what is changed in that.
        against: the same in words.
        birds: whether it is measured on the birds of CUB instead of the development sets.
    """

    name: str
    recipe: str
    plain: tuple[str, tuple[str, ...]]
    against: str
    birds: bool = False
    settings: tuple[str, ...] = ()


SMALL_SGCN = ("similar_links", ("graph.similar=0",))
BIRDS_ALONE = ("attribute_nodes", ('graph.attributes=""',))
TRAINED = (
    Way("episodic", "episodic", ("kernel", ()), "`kernel`"),
    Way("MAML", "maml", SMALL_SGCN, "a small SGCN, plain"),
    Way("memory", "memory", ("memory", ("method.episodes=0",)), "the same, no episodes"),
    Way("similar links", "similar_links", SMALL_SGCN, "hierarchy alone"),
    Way("attribute nodes of birds", "attribute_nodes_21k", SMALL_SGCN, "hierarchy alone"),
    Way("attribute nodes", "attribute_nodes", BIRDS_ALONE, "hierarchy alone", True),
    Way("similar links", "attribute_nodes", BIRDS_ALONE, "hierarchy alone", True, (*BIRDS_ALONE[1], "graph.similar=5")),
)
ADAPTED = {"transductive (agreement)": ("transductive", "agreement")}
ADAPTED |= {f"remedy: {name}": ("domain_shift", name) for name in REMEDIES}
"""Ways that adapt the rows of recipe ``kernel`` to unlabelled images: recipe, and transducer or remedy."""


@dataclass
class Bench:
    """The images, and the rows that recipes predict for their classes.

    Args:
        run: a run of the kernel method: its graph and split tell which classes compete.
        assets: the folder of the assets.
    """

    run: RunFolder
    assets: Path
    read: dict[str, Supervision] = field(default_factory=dict)

    def images(self, name: str) -> FeatureSet:
        """Return the images of a set that are scored."""
        if name == BIRDS:
            return FeatureSet.load(CUB / "test-unseen.safetensors")
        file = FeatureSet.load(self.assets / "features" / f"{name}.safetensors")
        return file.of_classes(candidates("unrelated", file, self.run.graph, self.run.split))

    def classes(self, birds: bool) -> tuple[str, ...]:
        """Return the classes that rows are predicted for."""
        sets = (BIRDS,) if birds else SETS
        return tuple(dict.fromkeys(str(one) for name in sets for one in self.images(name).class_ids()))

    def rows(
        self, recipe: str, settings: Sequence[str], seed: int, birds: bool = False
    ) -> tuple[ClassifierBank, float]:
        """Return the rows of a recipe and the CPU seconds of its fit, kept from before where they are there."""
        loaded = Recipe.load(recipe, [*settings, f"method.seed={seed}"])
        told = {name: loaded.tables[name] for name in INPUT_KEYS if name in loaded.tables}
        describe: Callable[[], dict[str, Any]] = getattr(loaded.method(), "parameters", dict)
        told["method"] = {**loaded.tables["method"], **describe()}  # with the values that the recipe leaves out
        digits = sha256_text(json.dumps(told, sort_keys=True, default=str))[:8]
        path = self.run.path.parent / "ways" / f"{recipe}-{seed}-{digits}.safetensors"
        seconds = path.with_suffix(".json")
        if not seconds.is_file():
            supervision = self.supervision(loaded)
            begin = time.process_time()
            bank = loaded.method().fit(supervision).synthesize(self.classes(birds))
            assert isinstance(bank, ClassifierBank)
            path.parent.mkdir(exist_ok=True)
            bank.save(path)
            write_json(seconds, {"seconds": round(time.process_time() - begin, 1), "recipe": told})
            print(f"{recipe} {' '.join(settings)} {seed}: {time.process_time() - begin:.1f} CPU s", flush=True)
        return ClassifierBank.load(path), float(read_json(seconds)["seconds"])

    def supervision(self, recipe: Recipe) -> Supervision:
        """Return what a recipe learns from; recipes with the same inputs share it."""
        told = json.dumps({name: recipe.tables[name] for name in INPUT_KEYS if name in recipe.tables})
        if told not in self.read:
            self.read = {told: recipe.inputs.supervision()[0]}
        return self.read[told]


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure all ways; the run tells which classes compete, and is not written to."""
    bench = Bench(RunFolder(run), assets)
    if not (CUB / "synsets.tsv").is_file():
        write_files(World(assets), CUB)
    found = {f"{way.name}, birds" if way.birds else way.name: _trained(bench, way) for way in TRAINED}
    found |= {name: _adapted(bench, *chosen) for name, chosen in ADAPTED.items()}
    kept = run.parent / "fine_tuning.json"
    if kept.is_file():
        found |= fine_tuned(read_json(kept)["found"])
    kept = run.parent / "meta_learning.json"
    told = {"calibrated": {name: _calibrated(bench, name) for name in SETS}}
    return {"ways": found, **told, "branches": hidden_branches(read_json(kept)["found"]) if kept.is_file() else {}}


def _trained(bench: Bench, way: Way) -> dict[str, Any]:
    """Return the hits of a way and of its plain start, by set, seed and class."""
    sides = []
    for recipe, settings in (way.plain, (way.recipe, way.settings)):
        sides.append([bench.rows(recipe, settings, seed, way.birds) for seed in SEEDS])
    sets = {}
    for name in (BIRDS,) if way.birds else SETS:
        images = bench.images(name)
        hits = [[hits_by_class(bank, images) for bank, _ in side] for side in sides]
        sets[name] = {"images": images_by_class(images), "before": hits[0], "after": hits[1]}
    seconds = [round(mean(second for _, second in side), 1) for side in sides]
    return {"recipe": way.recipe, "against": way.against, "seconds": seconds, "sets": sets}


def _adapted(bench: Bench, recipe: str, name: str) -> dict[str, Any]:
    """Return the hits of the kernel's rows before and after they were adapted to the images that are scored."""
    sets: dict[str, Any] = {}
    seconds = []
    transducer = build_transducer(name, {}, lambda: sample_of_seen_classes(bench.run))
    for place in SETS:
        images = bench.images(place)
        before: Seeds = []
        after: Seeds = []
        for seed in SEEDS:
            start = bench.rows("kernel", (), seed)[0].select(tuple(dict.fromkeys(map(str, images.class_ids()))))
            begin = time.process_time()
            adapted = transducer.adapt(start, images)
            seconds.append(time.process_time() - begin)
            before.append(hits_by_class(start, images))
            after.append(hits_by_class(adapted, images))
        sets[place] = {"images": images_by_class(images), "before": before, "after": after}
    spent = [0.0, round(sum(seconds) / len(SEEDS), 1)]
    return {"recipe": recipe, "against": "`kernel`, inductive", "seconds": spent, "sets": sets}


def _calibrated(bench: Bench, name: str) -> dict[str, Any]:
    """Return hits where all seen classes compete, before and after they gave up gamma, of seen and of unseen images."""
    run, images = bench.run, bench.images(name)
    seen, shown = run.split.seen, sample_of_seen_classes(run)
    unseen = tuple(sorted({str(one) for one in images.class_ids()}))
    scorer = with_seen_rows(run.scorer, run.seen_bank).select((*seen, *unseen))
    begin = time.process_time()
    kept = beside_hidden(scorer.select(seen), hidden_scorer_of(run))
    gamma = CrossValidatedGamma(kept, shown, run.graph, seen, Calibration())(unseen)
    seconds = time.process_time() - begin
    sides = (scorer, CalibratedScorer(scorer, frozenset(seen), gamma))
    found: dict[str, Any] = {"gamma": gamma, "seconds": [0.0, round(seconds, 1)]}
    for kind, part in (("seen", shown.of_classes(seen)), ("unseen", images)):
        before, after = ([hits_by_class(side, part, (*seen, *unseen))] for side in sides)
        found[kind] = {"images": images_by_class(part), "before": before, "after": after}
    return found


def fine_tuned(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return rows of what the act of fine-tuning kept, one a variant."""
    rows = {}
    for name, one in found["variants"].items():
        if "by_class" in one:
            spent = [0.0, round(mean(one["seconds"]), 1)]
            told = {"recipe": "fine_tuning", "against": "the backbone as it was", "seconds": spent}
            rows[f"fine-tuned backbone: {name}"] = {**told, "sets": one["by_class"]}
    return rows


def hidden_branches(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the act of meta-learning kept of classes in hidden branches, in percent of one image a class."""
    pairs = {
        "episodic": ("kernel, episodic", "kernel, plain"),
        "MAML": ("SGCN, MAML", "SGCN, plain"),
        "memory": ("memory", "memory, no episodes"),
    }
    rows = {}
    for name, (learned, plain) in pairs.items():
        if not {learned, plain} <= found.keys() or len(found[plain]["figures"][0]) != len(FIGURES):
            continue
        seconds = [round(mean(found[key]["seconds"]), 1) for key in (plain, learned)]
        for figure in OF_BRANCHES:
            place = FIGURES.index(figure)
            before, after = ([one[place] / 100 for one in found[key]["figures"]] for key in (plain, learned))
            sets = {"branches": {"images": [1] * len(before), "before": [before], "after": [after]}}
            rows[f"{name}, {figure}"] = {"recipe": "", "against": plain, "seconds": seconds, "sets": sets}
    return rows


def block(found: Mapping[str, Any]) -> str:
    """Return the section: the table, a table of other classes, and what is beyond doubt."""
    ways = found["ways"]
    lines = ["### Ways of learning", "", INTRODUCTION, ""]
    lines += [f"| way | recipe | against | {' | '.join(SETS)} | CPU s |", "|---|---|---|" + "---|" * (len(SETS) + 1)]
    for name, one in ways.items():
        if BIRDS not in one["sets"]:
            cells = [str(Change.of(one["sets"][key])) if key in one["sets"] else "" for key in SETS]
            lines.append(f"| {name} | `{one['recipe']}` | {one['against']} | {' | '.join(cells)} | {_seconds(one)} |")
    others = [(name, BIRDS, one) for name, one in ways.items() if BIRDS in one["sets"]]
    others += [(name, "seen classes in hidden branches", one) for name, one in found["branches"].items()]
    lines += ["", OTHERS, "", "| way | classes | against | Hit@1, or as told | CPU s |", "|---|---|---|---|---|"]
    for name, classes, one in others:
        (only,) = one["sets"].values()
        lines.append(f"| {name} | {classes} | {one['against']} | {Change.of(only)} | {_seconds(one)} |")
    calibrated = {
        name: Change.of_harmonic_means(one["seen"], one["unseen"]) for name, one in found["calibrated"].items()
    }
    for name, change in calibrated.items():
        one = found["calibrated"][name]
        told = f"remedy: calibration, gamma {one['gamma']:.2f} | {name} and seen, H | `kernel`, gamma 0"
        lines.append(f"| {told} | {change} | {_seconds(one)} |")
    return "\n".join([*lines, "", *_certain(ways, others, calibrated)]) + "\n"


INTRODUCTION = (
    "By `scripts/reproduce --acts meta_learning fine_tuning ways`, each way a shipped recipe.\n\n"
    "Each way against its own plain start, on the same images: Hit@1 among the unrelated candidates before → after, "
    "and the difference with its paired 95 % interval over classes; means of three seeds. The seed is the training's: "
    "folds by which the kernel chooses widths, first values of networks, masks, episodes. Adapting to unlabelled "
    "images "
    "draws nothing of its own. For the backbone it is that of order, crops and held-out pictures; its images are the "
    "assets' pictures, at most 15 a class. CPU seconds of a fit, plain + way; of what comes after a training, its own."
)


OTHERS = (
    "On other classes: birds by CUB class; seen classes whose whole branch was hidden (a picture of each among its own "
    "branch, and the reciprocal rank of true weights among all that is hidden, see below); and where all 1,000 seen "
    "classes compete, H of accuracies per class, by one seed."
)


def _seconds(one: Mapping[str, Any]) -> str:
    plain, way = one["seconds"]
    return f"{plain:.0f} + {way:.0f}" if plain else f"{way:.1f}"


def _certain(
    ways: Mapping[str, Any], others: Sequence[tuple[str, str, Mapping[str, Any]]], calibrated: Mapping[str, Change]
) -> list[str]:
    """Name the differences whose interval leaves out zero, and say how far seeds disagree."""
    pairs = [(f"{name}, {key}", Change.of(one)) for name, way in ways.items() for key, one in way["sets"].items()]
    pairs += [
        (f"{name}, hidden branches", Change.of(one))
        for name, _, way in others
        for key, one in way["sets"].items()
        if key == "branches"
    ]
    pairs += [(f"calibration, H of {name}", one) for name, one in calibrated.items()]
    up = [f"{name} {one.gain:+.1f}" for name, one in pairs if one.low > 0]
    down = [f"{name} {one.gain:+.1f}" for name, one in pairs if one.high < 0]
    split = [name for name, one in pairs if min(one.by_seed) < 0 < max(one.by_seed)]
    told = "; ".join(split) or "none"
    return [
        f"- better beyond the interval: {'; '.join(up) or 'none'}.",
        f"- worse beyond the interval: {'; '.join(down) or 'none'}.",
        f"- of {len(pairs)} differences {len(split)} change their sign from seed to seed: {told}.",
    ]
