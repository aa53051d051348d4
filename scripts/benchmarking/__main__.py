"""Run every benchmark against its floor and write docs/performance.md and docs/scale.md from what they found.

Usage: KGZSL_ASSETS=DIR scripts/bench [--items start query ...] [--run RUN] [--calibrated RUN] [--pictures FOLDER]
       scripts/bench --page      # writes the page from what is kept, measures nothing

An item is a program of its own that runs both sides by turns; what it finds is kept as runs/bench/ITEM.json, so that
one can be measured again alone and the page written anew. An item that fails is told, and the others go on. All of them
take about an hour on two quiet cores: half of it the curve of accuracy, which goes on from what is kept, ten minutes
the shares of a million classes, six the 10,000 requests of ``serve``.

Neither pytest-benchmark nor asv times these: the sides of most items are processes of their own, whose start, memory or
throughput is measured, or take turns so that other programs disturb both alike. Where one function stands against its
floor, scripts/bench.py takes the quickest of several rounds as they would.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarking.items import ITEMS, ROOT, Places, kept, measure
from benchmarking.page import page, scale_page


def read_options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", nargs="+", metavar="ITEM", choices=list(ITEMS), help=", ".join(ITEMS))
    parser.add_argument("--page", action="store_true", help="write the page alone")
    parser.add_argument("--run", type=Path, help="a kernel run, not calibrated; by default one is trained")
    parser.add_argument("--calibrated", type=Path, help="a calibrated run; by default the one of scripts/reproduce")
    parser.add_argument("--pictures", type=Path, help="pictures for the service; by default some of the assets")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "bench", help="where figures are kept")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "docs" / "performance.md", help="the page; scale.md stands beside it"
    )
    return parser.parse_args(words)


def find_places(options: argparse.Namespace) -> Places:
    """Return what items need: given, found or trained."""
    run = options.run or options.runs / "run"
    if not (run / "manifest.json").is_file():
        print(f"training a kernel run in {run}", flush=True)
        words = [sys.executable, "-m", "kgzsl", "train", "kernel", "--out", str(run)]
        done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            print(f"no run: {done.stderr.strip()}")
            run = None
    calibrated = options.calibrated or ROOT / "runs" / "reproduce" / "acts" / "run"
    assets = os.environ.get("KGZSL_ASSETS")
    pictures = options.pictures or (Path(assets) / "images" / "caltech101-dev" if assets else None)
    there = [path if path is not None and path.is_dir() else None for path in (run, calibrated, pictures)]
    return Places(*there, Path(tempfile.gettempdir()))


def main() -> None:
    """Do what the command line asks for."""
    from kgzsl.runtime import write_text

    options, failed = read_options(), dict[str, str]()
    if not options.page:
        places, started = find_places(options), time.perf_counter()
        for name in options.items or ITEMS:
            begun = time.perf_counter()
            if reason := measure(name, places, options.runs):
                failed[name] = reason
            print(f"{name}: {reason or 'measured'} ({time.perf_counter() - begun:.0f} s)", flush=True)
        print(f"{len(failed)} not measured, {(time.perf_counter() - started) / 60:.1f} minutes")
    found, scale = kept(options.runs), options.out.with_name("scale.md")
    write_text(options.out, page(found))
    write_text(scale, scale_page(found))
    print(f"wrote {options.out} and {scale}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
