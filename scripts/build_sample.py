#!/usr/bin/env python3
"""Build graphs/sample: a few features of real pictures, so that demo and tests run without any download.

Reads the features of one picture of each seen class, and of pictures of unseen classes, from ``$KGZSL_ASSETS/features``
and writes int8 rows with a scale a row. Equal inputs give equal bytes.

Command: KGZSL_ASSETS=... scripts/build_sample.py [--out graphs/sample] [--per-class 20]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from kgzsl.classes import ClassIndex
from kgzsl.errors import KgzslError, MissingResourceError
from kgzsl.features import FeatureSet
from kgzsl.graph.storage import load_graph, load_split_list
from kgzsl.runtime import asset_path, write_text

GRAPH = "imagenet21k"
SOURCES = {"caltech101-dev": "caltech101", "grocery-dev": "grocery"}
README = """# Sample pack

Features of real pictures, so that the demo and the tests need no download. No picture is contained.

| file | rows | classes |
|---|---|---|
| `seen.safetensors` | {seen_rows} | the {seen_classes} seen classes, one picture each |
| `unseen.safetensors` | {unseen_rows} | {unseen_classes} classes that are neither seen nor above or below a seen one |

Form: the project's feature format with int8 `features` (N, {dim}) and `scales` (N,): row = codes x scale. `paths` are
neutral names, source and row number in the source's feature file.

Made by `scripts/build_sample.py` from float16 features of the backbone `{backbone}`
(MobileNetV2 trained on ImageNet-1k, Apache-2.0), pictures resized and cropped as that model's preprocessing says.
Of each unseen class {per_class} rows, spread evenly over its rows in the source.

| source | used for | terms |
|---|---|---|
| imagenet-sample-images by Eli Schwartz: one picture of each ImageNet-1k class | `seen` | ImageNet's terms of access |
| Caltech-101 (Li, Andreeto, Ranzato, Perona; CaltechDATA) | `unseen`, rows `caltech101/*` | CC BY 4.0 |
| GroceryStoreDataset (Klasson, Zhang, Kjellstrom, WACV 2019) | `unseen`, rows `grocery/*` | MIT |

The senses (which WordNet class a folder of pictures shows) were chosen by hand.
"""


def spread(features: FeatureSet, class_ids: list[str], per_class: int, name: str) -> FeatureSet:
    """Return up to ``per_class`` rows of each class, evenly spread over its rows, with neutral names."""
    chosen: list[int] = []
    for class_id in class_ids:
        rows = (features.labels == features.index.row(class_id)).nonzero()[:, 0]
        places = torch.linspace(0, len(rows) - 1, min(per_class, len(rows))).round().long()
        chosen += rows[places].tolist()
    index = ClassIndex(tuple(class_ids), f"sample of {name}")
    labels = torch.from_numpy(index.rows(features.index[int(features.labels[row])] for row in chosen))
    paths = tuple(f"{name}/{row:04d}" for row in chosen)
    return FeatureSet(features.features[torch.tensor(chosen)], labels, index, features.backbone, paths)


def joined(parts: list[FeatureSet]) -> FeatureSet:
    """Join feature sets of different classes."""
    index = ClassIndex(tuple(class_id for part in parts for class_id in part.index), "sample")
    labels = torch.from_numpy(index.rows(class_id for part in parts for class_id in part.class_ids() if class_id))
    paths = tuple(path for part in parts for path in part.paths or ())
    return replace(
        parts[0], features=torch.cat([part.features for part in parts]), labels=labels, index=index, paths=paths
    )


def load_source(name: str) -> FeatureSet:
    """Load one of the feature files; a missing one is an error that names the variable."""
    path = asset_path("features", f"{name}.safetensors")
    if path is None:
        raise MissingResourceError(f"features/{name}.safetensors is not below $KGZSL_ASSETS; set the variable.")
    return FeatureSet.load(path)


def build(out: Path, per_class: int) -> str:
    """Write the pack and return one line about it."""
    graph, seen_ids = load_graph(GRAPH), load_split_list(GRAPH, "ilsvrc2012-seen")
    near = set(seen_ids) | graph.ancestors(seen_ids) | graph.descendants(seen_ids)
    seen = spread(load_source("imagenet_sample"), list(seen_ids), 1, "imagenet-sample")
    parts = []
    for source, name in SOURCES.items():
        features = load_source(source)
        parts.append(spread(features, [c for c in features.index if c not in near], per_class, name))
    unseen = joined(parts)
    seen.save(out / "seen.safetensors", quantised=True)
    unseen.save(out / "unseen.safetensors", quantised=True)
    facts = {"seen_rows": len(seen), "seen_classes": len(seen.index), "unseen_rows": len(unseen)}
    facts |= {"unseen_classes": len(unseen.index), "dim": seen.dim, "per_class": per_class}
    write_text(out / "README.md", README.format(backbone=seen.backbone, **facts))
    size = sum(path.stat().st_size for path in out.iterdir())
    return f"{out}: {len(seen)} seen and {len(unseen)} unseen rows, {size / 1e6:.2f} MB"


def main() -> int:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(description="Build the sample pack from $KGZSL_ASSETS.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "graphs" / "sample")
    parser.add_argument("--per-class", type=int, default=20)
    arguments = parser.parse_args()
    try:
        print(build(arguments.out, arguments.per_class))
    except KgzslError as error:
        print(f"build_sample: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
