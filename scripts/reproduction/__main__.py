"""Run the recipes on the assets and write docs/results.md; stopped at any time, the same command goes on.

Usage: KGZSL_ASSETS=DIR scripts/reproduce [--full] [--jobs 2] [--only kernel-0 ...] [--acts [ACT ...]] [--write-only]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def read_options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="scripts/reproduce", description=__doc__.splitlines()[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--reduced", action="store_true", help="one seed, bfloat16, capped epochs: over half an hour with --jobs 2"
    )
    size.add_argument("--full", action="store_true", help="the recipes as they are, three seeds: many hours")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side, one thread each")
    parser.add_argument("--only", nargs="*", default=[], help="names or beginnings of names, such as kernel or dgp-0")
    parser.add_argument("--acts", nargs="*", metavar="ACT", help="measure what is done with a run: all, or these")
    parser.add_argument("--write-only", action="store_true", help="write the page from what was measured")
    parser.add_argument("--runs", type=Path, default=Path("runs/reproduce"), help="where runs and reports are kept")
    parser.add_argument("--out", type=Path, default=Path("docs/results.md"), help="the page")
    return parser.parse_args(words)


def main() -> None:
    """Do what the command line asks for."""
    from reproduction.acts import ACTS, measure_acts
    from reproduction.grid import jobs
    from reproduction.measure import run
    from reproduction.page import write_page

    options = read_options()
    grid = jobs(options.full)
    chosen = [job for job in grid if not options.only or job.name.startswith(tuple(options.only))]
    if not chosen:
        sys.exit(f"--only names none of: {', '.join(job.name for job in grid)}")
    failed: dict[str, str] = {}
    if not options.write_only:
        if not (assets := os.environ.get("KGZSL_ASSETS")):
            sys.exit("Set KGZSL_ASSETS to the folder that holds backbones/ and features/.")
        start = time.perf_counter()
        if options.acts is None:
            failed = run(chosen, options.runs, Path(assets), options.jobs)
        else:
            chosen = list(options.acts or ACTS)
            if unknown := set(chosen) - set(ACTS):
                sys.exit(f"--acts names {', '.join(sorted(unknown))}; there are {', '.join(ACTS)}")
            failed = measure_acts(chosen, options.runs, Path(assets))
        print(f"{len(chosen)} jobs, {len(failed)} failed, {(time.perf_counter() - start) / 60:.1f} minutes")
    for line in write_page(grid, options.runs, options.out, failed):
        print(line)
    print(f"wrote {options.out}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
