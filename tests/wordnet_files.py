"""A small piece of WordNet as files: hoofed animals, tools and one class of persons; okapi and unicorn are left out."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from kgzsl.bank import ClassifierBank
from kgzsl.classes import ClassIndex
from kgzsl.features import FeatureSet
from kgzsl.graph import load_graph, save_graph
from kgzsl.graph.class_graph import ClassGraph

ZEBRA, HIPPOPOTAMUS, BISON, CAMEL = "n02391049", "n02398521", "n02410509", "n02437312"
HAMMER, SCREWDRIVER, HATCHET = "n03481172", "n04154565", "n03498962"
SEEN = (ZEBRA, HIPPOPOTAMUS, BISON, CAMEL, HAMMER, SCREWDRIVER, HATCHET)
MULE, SAW, GROOM = "n02390101", "n04140064", "n10148035"
UNSEEN = (MULE, SAW, GROOM)
OKAPI, GIRAFFE, UNICORN, TEACHER = "n02439398", "n02439033", "n10737964", "n10694258"

RECIPE = """[graph]
name = "graph"
seen = "seen"
unseen = "unseen"

[seen_bank]
bank = "bank.safetensors"

[method]
name = "graph_regression"
network = "dgp"
network_options = { hidden = 16 }
epochs = 20
held_out = 0
"""


@cache
def small_graph() -> ClassGraph:
    """Return the classes and everything above them."""
    nouns = load_graph("wordnet-nouns")
    wanted = {*SEEN, *UNSEEN}
    return nouns.subgraph(wanted | nouns.ancestors(wanted), name="small")


def small_bank(backbone: str, dim: int) -> ClassifierBank:
    """Return classifiers of the seen classes that look like nothing in particular."""
    weights = torch.randn(len(SEEN), dim, generator=torch.Generator().manual_seed(0))
    return ClassifierBank(ClassIndex(SEEN, "small bank"), weights, torch.zeros(len(SEEN)), backbone)


def write_small(folder: Path, backbone: str = "tiny", dim: int = 16) -> Path:
    """Write all files into a folder and return the recipe."""
    save_graph(small_graph(), folder / "graph", {"seen": SEEN, "unseen": UNSEEN})
    bank = small_bank(backbone, dim)
    bank.save(folder / "bank.safetensors")
    images = FeatureSet(bank.weights, torch.arange(len(SEEN)), bank.index, backbone)
    images.save(folder / "features.safetensors")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return folder / "recipe.toml"
