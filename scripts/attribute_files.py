"""Write the 100 birds of scripts/attributes.py below their synsets as files: graph, attributes, features.

Usage: KGZSL_ASSETS=DIR python scripts/attribute_files.py FOLDER

The recipes ``attribute_nodes`` and ``attribute_nodes_21k`` read them from runs/cub.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
from attributes import World

from kgzsl.graph.storage import save_graph
from kgzsl.runtime import write_text


def write_files(world: World, folder: Path) -> None:
    """Write the birds below their synsets as files that the recipes ``attribute_nodes`` name."""
    save_graph(world.graphs["taxonomy"], folder / "graph", {"seen": world.seen, "unseen": world.unseen})
    attributes = world.benchmarks["standardised"].attributes.select((*world.seen, *world.unseen))
    attributes.save(folder / "attributes.safetensors")
    shutil.copyfile(world.assets / "attributes" / "cub.tsv", folder / "attributes.tsv")
    for name in ("trainval", "test_seen", "test_unseen"):
        world.parts[name].save(folder / f"{name.replace('_', '-')}.safetensors")
    write_text(folder / "synsets.tsv", _by_synset(world.assets / "attributes"))


def _by_synset(folder: Path) -> str:
    """Return the table of attributes with a row a synset, the mean of its classes."""
    head, *lines = (folder / "cub.tsv").read_text(encoding="utf-8").splitlines()
    rows = {line.split("\t")[0]: [float(cell) for cell in line.split("\t")[2:]] for line in lines}
    held: dict[str, list[list[float]]] = {}
    for line in (folder / "cub-wnids.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        held.setdefault(line.split("\t")[1], []).append(rows[line.split("\t")[0]])
    names = ["class_id", *head.split("\t")[2:]]
    table = [[wnid, *(f"{value:.4f}" for value in np.mean(each, axis=0))] for wnid, each in sorted(held.items())]
    return "\n".join("\t".join(row) for row in (names, *table)) + "\n"


def main() -> None:
    """Write the files into the folder that is named."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not (assets := os.environ.get("KGZSL_ASSETS")):
        sys.exit("Set KGZSL_ASSETS to the folder that holds attributes/ and features/.")
    write_files(World(Path(assets)), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
