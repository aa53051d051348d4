"""The toy world as files: a graph folder, embeddings, a seen bank, features, and a recipe that names them."""

from __future__ import annotations

from pathlib import Path

from kgzsl.graph.storage import save_graph
from kgzsl.toy import toy_bank, toy_features, toy_graph, toy_semantics, toy_split

RECIPE = """[graph]
name = "graph"
seen = "seen"
unseen = "unseen"

[semantics]
source = "semantics.safetensors"

[seen_bank]
bank = "bank.safetensors"

[method]
name = "graph_regression"
network = "dgp"
network_options = { hidden = 16 }
epochs = 400
evaluate_every = 20
patience = 0
held_out = 0.2
"""


def write_toy(folder: Path) -> Path:
    """Write all files into a folder and return the recipe."""
    split = toy_split()
    save_graph(toy_graph(), folder / "graph", {"seen": split.seen, "unseen": split.unseen})
    toy_semantics().save(folder / "semantics.safetensors")
    toy_bank().save(folder / "bank.safetensors")
    toy_features().save(folder / "features.safetensors")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return folder / "recipe.toml"
