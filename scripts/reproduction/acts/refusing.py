"""Refuse and back off: what probabilities, thresholds and levels that were fitted on seen classes do on unseen ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

SETS = ("caltech101-dev", "grocery-dev", "cub100-dev")
SIZES = (5, 20, 100, 500)
RATES = (0.01, 0.05, 0.1, 0.2)
DRAWS, SEED = 20, 0
ALL_IMAGES, FEW_IMAGES = 100_000, 150
WANTED = 0.9
KINDS = ("known", "unseen", "seen")
"""Images of candidates; of unseen classes that are none; of seen classes."""

PICTURE = Path("docs/images/back-off.png")


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure on seen classes that were left out of the fit, and on the dev sets as a test."""
    from kgzsl.features import FeatureSet
    from kgzsl.run_folder import RunFolder
    from kgzsl.scoring import level_for

    folder = RunFolder(run)
    level = level_for(folder.scoring["back_off"], WANTED)
    found: dict[str, Any] = {
        "form": folder.scoring["probabilities"]["form"],
        "statistic": folder.scoring["rejection"]["statistic"],
        "auroc": folder.scoring["rejection"]["auroc"],
        "wanted": WANTED,
        "level": level,
        "curves": {"seen classes, hidden": folder.scoring["back_off"]["curve"]},
        "seen": _on_left_out_classes(folder),
        "sets": {},
    }
    for name in SETS:
        images = FeatureSet.load(assets / "features" / f"{name}.safetensors")
        on_set, curve = _on_set(folder, images, level)
        found["sets"][name] = on_set
        found["curves"][name] = curve
    return found


def _on_left_out_classes(folder: Any) -> dict[str, Any]:
    """Fit on the images of one half of the seen classes, measure on those of the other; and the other way round."""
    import torch

    from kgzsl.calibrations import seen_queries
    from kgzsl.hidden_classes import CalibrationData
    from kgzsl.scoring import Rejector, Temperature, fit_probabilities, fit_rejection

    queries = seen_queries(CalibrationData.of(folder))
    is_odd = queries.own % 2 == 1
    halves = [(queries.of_images(one), queries.of_images(~one)) for one in (is_odd, ~is_odd)]
    temperatures = [Temperature.from_json(fit_probabilities(fitted)) for fitted, _ in halves]
    rejectors = [Rejector.from_json(fit_rejection(fitted)) for fitted, _ in halves]
    found: dict[str, Any] = {}
    for size in SIZES:
        before, after, right, refused = [], [], [], []
        for temperature, rejector, (_, tried) in zip(temperatures, rejectors, halves):
            answers = tried.answers(size)
            by_query = torch.tensor([temperature.of(size, spacing) for spacing in answers.spacing.tolist()])
            before.append(torch.softmax(answers.scores, dim=1))
            after.append(torch.softmax(answers.scores / by_query[:, None], dim=1))
            right.append(answers.right)
            refused.append(_false_alarms(rejector, answers))
        own = torch.cat(right)
        found[str(size)] = {"before": _errors(torch.cat(before), own), "after": _errors(torch.cat(after), own)}
        found[str(size)]["false_alarms"] = {
            kind: round(sum(part[kind] for part in refused) / len(refused), 1) for kind in ("near", "far")
        }
    return found


def _false_alarms(rejector: Any, answers: Any) -> dict[str, float]:
    """Return the share of queries that are refused at a wanted 5 %, of candidates near each other and far apart.

    By the energy, which needs no background.
    """
    thresholds = rejector.thresholds["energy"]
    _, values = rejector.values(answers.scores, statistic="energy")
    size, middle = answers.scores.shape[1], answers.spacing.median()
    limits = [thresholds.at(0.05, size, spacing) for spacing in answers.spacing.tolist()]
    refused = values < values.new_tensor(limits)
    near = answers.spacing <= middle
    return {name: 100 * float(refused[kind].double().mean()) for name, kind in (("near", near), ("far", ~near))}


def _errors(probabilities: Any, right: Any) -> dict[str, float]:
    """Return accuracy and calibration errors of the best candidates, in percent."""
    from kgzsl.evaluation import Reliability

    sure, best = (part.numpy() for part in probabilities.max(dim=1))
    hits = best == right.numpy()
    equal_width = Reliability.of(sure, hits)
    figures = {
        "accuracy": hits.mean(),
        "ece": equal_width.error,
        "adaptive": Reliability.of(sure, hits, adaptive=True).error,
        "overconfidence": equal_width.overconfidence,
    }
    return {name: round(100 * float(value), 2) for name, value in figures.items()}


def _on_set(folder: Any, images: Any, level: float) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Measure on a dev set, its classes that are neither seen nor kin of a seen one as candidates."""
    import torch

    from kgzsl.evaluation import candidates
    from kgzsl.scoring import Hedges, Temperature, TradeOff, spacing

    temperature = Temperature.from_json(folder.scoring["probabilities"])
    shown = tuple(candidates("unrelated", images, folder.graph, folder.split))
    everything = folder.split.unseen
    found: dict[str, Any] = {"candidates": len(shown), "reliability": {}}
    for name, asked in (("own", shown), ("unseen", everything)):
        part, own = _labelled(images, shown, asked, ALL_IMAGES if name == "own" else FEW_IMAGES)
        scores = folder.scorer.select(asked).score(part)
        after = temperature.probabilities(scores, spacing(folder.graph, asked))
        before = torch.softmax(scores.double(), dim=1)
        found["reliability"][name] = {"before": _errors(before, own), "after": _errors(after, own)}
        if name == "own":
            curve = TradeOff.of(Hedges(folder.graph, asked), after, own)
            at_level = TradeOff.of(Hedges(folder.graph, asked), after, own, [level]).rows()[0]
            found["back_off"] = {key: round(value, 4) for key, value in at_level.items()}
            found["flat"] = found["reliability"]["own"]["after"]["accuracy"]
    found["rejection"] = _rejection(folder, images, shown)
    return found, [{key: round(value, 4) for key, value in row.items()} for row in curve.rows()]


def _labelled(images: Any, classes: Sequence[str], asked: Sequence[str], most: int) -> tuple[Any, Any]:
    """Return images of classes, evenly taken, and the columns of their classes."""
    import torch

    part = images.of_classes(classes)
    part = part.rows(torch.arange(0, len(part), max(1, len(part) // most)))
    column = {class_id: number for number, class_id in enumerate(asked)}
    return part, torch.tensor([column[class_id] for class_id in part.class_ids()])


def _rejection(folder: Any, images: Any, shown: tuple[str, ...]) -> dict[str, Any]:
    """Take half of the classes as candidates, drawn anew each time; the others, and the seen ones, are unknown."""
    import numpy as np

    from kgzsl.scoring import STATISTICS, Rejector, auroc, spacing
    from kgzsl.scoring.caution import background_ids

    rejector = Rejector.from_json(folder.scoring["rejection"])
    generator = np.random.default_rng(SEED)
    obtained: dict[str, dict[str, list[float]]] = {kind: {str(rate): [] for rate in RATES} for kind in KINDS}
    areas: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in STATISTICS} for kind in KINDS[1:]}
    scorer = folder.scorer.select(shown + folder.split.seen)
    scores, classes = scorer.score(images), images.class_ids()
    for _ in range(DRAWS):
        asked = tuple(shown[number] for number in sorted(generator.permutation(len(shown))[: len(shown) // 2]))
        others = set(shown) - set(asked)
        behind = scorer.index.rows(background_ids(folder.graph, asked, folder.split.seen))
        columns, apart = scorer.index.rows(asked), spacing(folder.graph, asked)
        values = dict[str, Any]()
        for kind, wanted in zip(KINDS, (set(asked), others, set(folder.split.seen))):
            rows = [row for row, class_id in enumerate(classes) if class_id in wanted]
            if not rows:
                continue
            part, background = scores[rows][:, columns], scores[rows][:, behind]
            values[kind] = {name: rejector.values(part, background, name)[1].numpy() for name in STATISTICS}
            for rate in RATES:
                refused = rejector.is_unknown(part, rate, apart, background)
                obtained[kind][str(rate)].append(100 * float(refused.double().mean()))
        for kind in KINDS[1:]:
            for name in STATISTICS if kind in values else ():
                areas[kind][name].append(auroc(values["known"][name], values[kind][name]))
    return {
        "candidates": len(shown) // 2,
        "refused": {kind: {rate: _mean(draws) for rate, draws in rates.items()} for kind, rates in obtained.items()},
        "spread": {rate: round(float(np.std(draws)), 1) for rate, draws in obtained["known"].items()},
        "auroc": {kind: {name: _mean(draws, 3) for name, draws in part.items()} for kind, part in areas.items()},
    }


def _mean(values: Sequence[float], digits: int = 1) -> float | None:
    return round(sum(values) / len(values), digits) if values else None


def draw(found: dict[str, Any], path: Path = PICTURE) -> None:
    """Draw the back-off curves."""
    from kgzsl.evaluation import plot_trade_offs
    from kgzsl.scoring import TradeOff

    curves = {}
    for name, rows in found["curves"].items():
        columns = [tuple(row[key] for row in rows) for key in ("level", "correct", "information", "share")]
        curves[name] = TradeOff(*columns)
    plot_trade_offs(path, curves, found["level"])


def block(found: dict[str, Any]) -> str:
    """Return the Markdown of what was measured."""
    level, wanted = found["level"], 100 * found["wanted"]
    parts = [
        "### Refuse and back off: probabilities, thresholds and levels from seen classes",
        _probabilities(found),
        _refusals(found),
        f"Back off at the level that gave {wanted:.0f} % right answers on seen classes, {level:.2f} (points in the "
        "picture; candidates are the classes of each set that are unrelated to seen ones):\n\n"
        + _table(
            ("set", "candidates", "right without, %", "right with, %", "information, bits", "of a candidate's, %"),
            [
                (
                    name,
                    str(part["candidates"]),
                    f"{part['flat']:.1f}",
                    f"{100 * part['back_off']['correct']:.1f}",
                    f"{part['back_off']['information']:.2f}",
                    f"{100 * part['back_off']['share']:.0f}",
                )
                for name, part in found["sets"].items()
            ],
        ),
        "Nothing here was fitted on an image of an unseen class. Where the AUROC is near 0.5 the scores do not tell "
        "known from unknown, and no threshold helps; a rate obtained below the one asked is on the careful side.",
        f"![specificity against correctness](images/{PICTURE.name})",
    ]
    return "\n\n".join(parts) + "\n"


def _probabilities(found: dict[str, Any]) -> str:
    rows = [(f"seen classes left out of the fit, {size} candidates", part) for size, part in found["seen"].items()]
    for name, part in found["sets"].items():
        rows += [(f"{name}, {part['candidates']} candidates", part["reliability"]["own"])]
        rows += [(f"{name}, all unseen classes", part["reliability"]["unseen"])]
    lines = [
        (
            name,
            f"{part['after']['accuracy']:.1f}",
            *(f"{part[when][key]:.1f}" for key in ("ece", "adaptive") for when in ("before", "after")),
            f"{part['after']['overconfidence']:+.1f}",
        )
        for name, part in rows
    ]
    head = ("images", "right, %", "ECE before", "after", "adaptive before", "after", "too sure by")
    return (
        "Expected calibration error in percent, 15 bins of one width and of equal numbers, of a softmax of the scores "
        f"before and after the temperature (`{found['form']}`):\n\n" + _table(head, lines)
    )


def _refusals(found: dict[str, Any]) -> str:
    lines = []
    for name, part in found["sets"].items():
        rejection = part["rejection"]
        for kind, told in zip(KINDS, ("of candidates (as asked)", "of other unseen classes", "of seen classes")):
            areas = rejection["auroc"].get(kind, {})
            shown = [
                f"{areas[key]:.3f}" if areas.get(key) is not None else "" for key in ("max_score", "energy", "margin")
            ]
            refused = [_number(rejection["refused"][kind][str(rate)]) for rate in RATES]
            lines.append((name, str(rejection["candidates"]), told, *refused, *shown))
    asked = tuple(f"{100 * rate:.0f} %" for rate in RATES)
    head = ("set", "candidates", "images", *asked, "AUROC max_score", "energy", "margin")
    alarms = "; ".join(
        f"{size} candidates {part['false_alarms']['near']:.1f} near each other, {part['false_alarms']['far']:.1f} far "
        "apart"
        for size, part in found["seen"].items()
    )
    areas = "; ".join(
        f"{size} candidates " + ", ".join(f"{name} {found['auroc'][name][size]:.3f}" for name in found["auroc"])
        for size in map(str, SIZES)
        if all(size in part for part in found["auroc"].values())
    )
    return (
        f"Refused images in percent, by the false-alarm rate asked (statistic: `{found['statistic']}`). Half of the "
        f"unrelated classes of a set are candidates, {DRAWS} draws:\n\n{_table(head, lines)}\n\n"
        f"On seen classes that play unseen, AUROC: {areas}. Of left-out ones, where 5 % were asked, refused in "
        f"percent: {alarms}."
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
