"""Exporting: what new rows take from the old classes and what they find, before and after they are matched."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.evaluation.protocols import candidates
from kgzsl.export import EnlargedHead, Matching, OldHead, choose_matching, export_classifier, fit_matching
from kgzsl.features import FeatureSet
from kgzsl.hidden_classes import CalibrationData
from kgzsl.types import ClassId
from kgzsl.vision import Backbone, load_backbone

SETS = ("caltech101-dev", "grocery-dev", "cub100-dev")
SAMPLE = "imagenet_sample"
BACKBONE = "backbones/mobilenet_v2_1.0_224"
MODEL_FORMATS = ("transformers", "state-dict", "onnx", "onnx-head")
LEVELS = ("2", "5", "balanced")
NAMES = {
    "none": "none: as predicted",
    "norm": "norm: length of the old rows",
    "logits": "logits: no image",
    "calibrated 2": "calibrated to 2 % lost",
    "calibrated 5": "calibrated to 5 % lost",
    "calibrated balanced": "calibrated, balanced",
}


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure the loss of seen images and the finds of new ones on the dev sets, and write every format once."""
    backbone = load_backbone(assets / BACKBONE)
    classifier = ZeroShotClassifier.load(run, backbone)
    old = OldHead.of_backbone(backbone, classifier.run)
    section = classifier.run.scoring.get("matching") or fit_matching(CalibrationData.of(classifier.run))
    sample = FeatureSet.load(assets / "features" / f"{SAMPLE}.safetensors")
    sets = {name: _of_set(classifier, old, section, sample, assets, name) for name in SETS}
    files = _files(classifier, backbone, assets)
    return {"matching": {"scale": section["scale"], "factor": section["factor"]}, "sets": sets, **files}


def _of_set(
    classifier: ZeroShotClassifier,
    old: OldHead,
    section: Mapping[str, Any],
    sample: FeatureSet,
    assets: Path,
    name: str,
) -> dict[str, Any]:
    images = FeatureSet.load(assets / "features" / f"{name}.safetensors")
    run = classifier.run
    new_ids = candidates("unrelated", images, run.graph, run.split)
    matchings = {how: choose_matching(run, len(new_ids), how) for how in ("none", "norm", "logits")}
    matchings |= {f"calibrated {level}": Matching.calibrated(section, len(new_ids), level) for level in LEVELS}
    bank = classifier.bank_of(new_ids)
    names = [("", "")] * len(new_ids)
    shown = {
        "sample": sample,
        "own": images.of_classes(run.split.seen),
        "new": images.of_classes(new_ids),
    }
    rows = {
        how: {"scale": matching.scale, "shift": matching.shift, "expected_lost": matching.lost}
        | _shares(EnlargedHead.enlarge(old, bank, names, matching), shown)
        for how, matching in matchings.items()
    }
    alone = bank.score(shown["new"])
    hits = 100 * _right(alone, shown["new"], new_ids).float().mean().item()
    counts = {kind: len(one) for kind, one in shown.items()}
    return {"num_new": len(new_ids), "images": counts, "among_new_only": hits, "matchings": rows}


def _right(scores: torch.Tensor, images: FeatureSet, class_ids: tuple[ClassId | None, ...]) -> torch.Tensor:
    """Return which images have their class as the single best."""
    column = {class_id: number for number, class_id in enumerate(class_ids) if class_id is not None}
    own = torch.tensor([column[class_id] for class_id in images.class_ids() if class_id is not None])
    return (scores >= scores.gather(1, own[:, None])).sum(dim=1) == 1


def _shares(head: EnlargedHead, shown: Mapping[str, FeatureSet]) -> dict[str, float]:
    """Return the percent of images of seen classes that were right and are lost, and of new ones that are found."""
    class_ids = tuple(row.class_id for row in head.rows)
    found = dict[str, float]()
    for kind, images in shown.items():
        scores = head.logits(images.features)
        right = _right(scores, images, class_ids)
        if kind == "new":
            own = torch.tensor([class_ids.index(class_id) for class_id in images.class_ids()])
            in_five = (scores.topk(min(5, scores.shape[1]), dim=1).indices == own[:, None]).any(dim=1)
            found |= {"found": 100 * right.float().mean().item(), "in_five": 100 * in_five.float().mean().item()}
            continue
        before = _right(scores[:, : head.num_old], images, class_ids[: head.num_old])
        found[f"lost_{kind}"] = 100 * float((before & ~right).sum() / before.sum())
    return found


def _files(classifier: ZeroShotClassifier, backbone: Backbone, assets: Path) -> dict[str, Any]:
    """Write every format, and compare what the files say of real pictures with the model."""
    pictures = sorted((assets / "images" / SAMPLE).rglob("*.*"))
    images, _ = classifier.features(pictures)
    new = classifier.split_classes("unseen")[:50]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in MODEL_FORMATS:
            start = time.perf_counter()
            done = export_classifier(classifier, new, Path(folder) / name, name)
            size = sum(done.to_json()["files"].values())
            found[name] = {"megabytes": size / 1e6, "seconds": time.perf_counter() - start}
        expected = done.head.logits(images.features)
        agreement = _agreement(Path(folder), backbone, pictures, images, expected)
    old = expected[:, : done.head.num_old] - backbone.logits(images.features)
    return {
        "formats": found,
        "pictures": len(images),
        "new_rows": len(new),
        "old_logits_off": float(old.abs().max()),
        "same_top5": agreement,
    }


def _agreement(
    folder: Path, backbone: Backbone, pictures: list[Path], images: FeatureSet, expected: torch.Tensor
) -> dict[str, float]:
    """Return the percent of pictures whose best five rows, in order, are those of the head in torch."""
    import onnxruntime

    from kgzsl.vision import load_image

    pixels = backbone.preprocess([load_image(path) for path in pictures]).contiguous()
    session = onnxruntime.InferenceSession(str(folder / "onnx" / "model.onnx"), providers=["CPUExecutionProvider"])
    head = onnxruntime.InferenceSession(str(folder / "onnx-head" / "head.onnx"), providers=["CPUExecutionProvider"])
    written = load_backbone(folder / "transformers")
    logits = {
        "onnx": torch.from_numpy(session.run(None, {"pixel_values": pixels.numpy()})[0]),
        "onnx-head": torch.from_numpy(head.run(None, {"features": images.features.float().numpy()})[0]),
        "transformers": written.logits(written.features(written.preprocess([load_image(path) for path in pictures]))),
    }
    best = expected.topk(5, dim=1).indices
    return {name: 100 * float((one.topk(5).indices == best).all(dim=1).float().mean()) for name, one in logits.items()}


def block(found: Mapping[str, Any]) -> str:
    """Return the tables in Markdown."""
    sets = found["sets"]
    heads = [f"{name} ({one['num_new']} new)" for name, one in sets.items()]
    lines = [
        "### Export: new rows beside the head's own",
        "",
        "All rows of the head, and behind them those of the unrelated classes of each dev set. *Lost*: of the images",
        "of seen classes that were right, those that now go to a new class, on the ImageNet sample / the set's own",
        "seen classes. *Found*: images of new classes that come out first / among the first five of all classes. In",
        "percent. The shifts were chosen on the sample, with seen classes in the place of new ones.",
        "",
        f"| matching | {' | '.join(f'{head}: lost | found' for head in heads)} |",
        f"|---|{'---|---|' * len(sets)}",
    ]
    for how, title in NAMES.items():
        rows = [one["matchings"][how] for one in sets.values()]
        cells = [f"{_pair(row, 'lost_sample', 'lost_own')} | {_pair(row, 'found', 'in_five')}" for row in rows]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    alone = [f"| | {one['among_new_only']:.1f} " for one in sets.values()]
    lines.append(f"| among new classes only {''.join(alone)}|")
    return "\n".join([*lines, "", *_files_lines(found)])


def _pair(row: Mapping[str, float], first: str, second: str) -> str:
    return f"{row[first]:.1f} / {row[second]:.1f}"


def _files_lines(found: Mapping[str, Any]) -> list[str]:
    same = ", ".join(f"{name} {share:.0f} %" for name, share in found["same_top5"].items())
    lines = ["| format | MB | seconds |", "|---|---|---|"]
    lines += [f"| {name} | {one['megabytes']:.1f} | {one['seconds']:.1f} |" for name, one in found["formats"].items()]
    off = f"differ by {found['old_logits_off']:.1g} at most" if found["old_logits_off"] else "are the same to the bit"
    return [
        *lines,
        "",
        f"{found['new_rows']} new rows. The five best rows in order, of torch and of the file, on {found['pictures']} "
        f"pictures: {same} the same. Old rows and old logits in torch {off}.",
    ]
