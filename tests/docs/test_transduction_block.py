"""What the page says of transducers: goals that are reached or not, and every set that got worse."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts.transduction import block

PLAIN = {"hit": 50.0, "interval": [40.0, 60.0], "skewed": [50.0, 50.0, 50.0]}
BETTER = {"hit": 93.0, "interval": [80.0, 99.0], "skewed": [40.0, 50.0, 45.0], "classes": [9.0, 10.0], "seconds": 1.5}


def test_goals_and_losses_are_told():
    sets = {name: {"inductive": PLAIN, "agreement": BETTER} for name in ("caltech101-dev", "grocery-dev")}
    sets["cub100-dev"] = {"inductive": {**PLAIN, "hit": 9.0}, "agreement": {**BETTER, "hit": 8.0}}
    generalised = {"caltech101-dev": {"1.0": [[60, 40, 48], [60, 44, 50.77]]}}
    bounds = {"grocery-dev": {"matched": 40.0, "begun": 71.5}}
    lines = block({"kernel": sets, "generalised": generalised, "bounds": bounds}).split("\n")
    assert lines[0] == "### Unlabelled images of the unseen classes"
    assert "| kernel, grocery-dev | agreement | 93.0 [80.0, 99.0] | 45.0 | 9.0 → 10.0 | 1.5 |" in lines
    told = "\n".join(lines)
    assert "- caltech101-dev, goal 92 %: reached by `agreement` (93.0 on the kernel run); the highest of all is" in told
    assert (
        "- cub100-dev, goal 13 %: not reached by `agreement` (8.0 on the kernel run); the highest of all is 9.0" in told
    )
    assert (
        "algorithm on the kernel run's mean scores) makes 40.0; prototypes that begin at the true classes make 71.5"
        in told
    )
    assert "- worse than inductive: agreement on caltech101-dev, skewed, kernel run, -5.0" in lines
    assert "| caltech101-dev, agreement | 1.0 | 60.0 / 40.0 / 48.0 | 60.0 / 44.0 / 50.8 |" in lines
