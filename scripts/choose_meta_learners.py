#!/usr/bin/env python3
"""Compare settings of the meta-learners on branches that are not measured in docs/results.md.

The rule and the branches stand in scripts/reproduction/held_out_branches.py. Each setting is a method with options; it
is compared with the first, which is plain.

Command: KGZSL_ASSETS=... scripts/choose_meta_learners.py RUN METHOD[:OPTION=VALUE;...] [...]
Example: scripts/choose_meta_learners.py runs/reproduce/acts/run kernel_regression episodic "episodic:episodes=0"
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from reproduction.acts.meta_learning import difference, measure_learner
from reproduction.held_out_branches import FIGURES, all_hold_outs, for_choosing

from kgzsl.run_folder import RunFolder
from kgzsl.supervision import Supervision


def read_setting(text: str) -> tuple[str, dict[str, Any]]:
    """Return the method and its options, each option as TOML."""
    method, _, options = text.partition(":")
    return method, tomllib.loads("\n".join(options.split(";"))) if options else {}


def main() -> None:
    """Measure each setting and print its means, and how it differs from the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("settings", nargs="+", metavar="METHOD[:OPTION=VALUE;...]")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    folder = RunFolder(given.run)
    whole = for_choosing(Supervision(folder.graph, folder.semantics, folder.seen_bank))
    choosing, _ = all_hold_outs(whole.graph, tuple(whole.seen_bank.index))
    print(" | ".join(FIGURES))
    found: dict[str, Any] = {}
    for text in given.settings:
        found[text] = measure_learner(whole, choosing, *read_setting(text), seeds=range(given.seeds))
        means = np.mean(found[text]["figures"], axis=0)
        print(text, *(f"{mean:.2f}" for mean in means), f"{np.mean(found[text]['seconds']):.1f} s", flush=True)
        if text != given.settings[0]:
            print(difference(found, text, given.settings[0]), flush=True)


if __name__ == "__main__":
    main()
