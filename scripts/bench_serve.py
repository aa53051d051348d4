"""Load a service and compare it with the bare model; watch its memory over many requests.

Usage: python scripts/bench_serve.py RUN PICTURES [--users 8] [--seconds 30] [--requests 10000] [--json]

PICTURES is a folder. The bare model decodes, preprocesses and runs the same pictures in batches of 32, in one process
without a service. Both sides use one thread for the network. Clients run on the same machine and take CPU of their own.
Needs pip install 'kgzsl[load]'.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USERS = Path(__file__).with_name("load_users.py")


def main() -> None:
    """Run all parts and print what was measured."""
    options = read_options()
    if options.bare:
        print(json.dumps(bare_throughput(options.run, options.pictures, options.seconds)))
        return
    found = measure(options)
    print(json.dumps(found, indent=2) if options.json else told(found))


def read_options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--users", type=int, default=8, help="clients at the same time")
    parser.add_argument("--seconds", type=int, default=30, help="of the load with pictures, and of the bare model")
    parser.add_argument("--requests", type=int, default=10_000, help="of the load that memory is watched over")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return throughput, seconds and memory of service and bare model; the bare one runs before and after."""
    bare = [bare_side(options)]
    pictures = "\n".join(map(str, pictures_of(options.pictures)))
    with served(options.run) as (address, memory):
        load(address, {"KGZSL_LOAD_PICTURES": pictures}, options.users, f"{max(10, options.seconds // 4)}s")  # warm
        with_pictures = load(address, {"KGZSL_LOAD_PICTURES": pictures}, options.users, f"{options.seconds}s")
    bare.append(bare_side(options))
    with served(options.run) as (address, memory):
        mb, sent = [memory()], 0
        while sent < options.requests:
            last = load(address, {}, options.users, "20s")
            sent += int(last["requests"])
            mb.append(memory())
    throughput = sum(bare) / len(bare)
    return {
        "users": options.users,
        "bare_pictures_a_second": throughput,
        "pictures": with_pictures,
        "share_of_bare": with_pictures["requests_a_second"] / throughput,
        "samples": last,
        "memory_mb": {"at first": mb[0], "after 20 seconds": mb[1], "after all": mb[-1], "requests": sent},
    }


def bare_side(options: argparse.Namespace) -> float:
    """Return the bare model's throughput, measured in a process of its own."""
    words = [sys.executable, __file__, str(options.run), str(options.pictures), "--bare", "--seconds"]
    done = subprocess.run([*words, str(options.seconds)], capture_output=True, text=True, check=True, env=environment())
    return float(json.loads(done.stdout))


def bare_throughput(run: Path, folder: Path, seconds: int) -> float:
    """Return pictures a second, decoded, preprocessed and run in batches of 32."""
    import torch

    from kgzsl.run_folder import RunFolder
    from kgzsl.vision import load_backbone, load_image

    torch.set_num_threads(1)
    backbone = load_backbone(RunFolder(run).scorer.backbone)
    pictures = pictures_of(folder)
    number = 0

    def batch() -> None:
        nonlocal number
        chosen = [pictures[(number + place) % len(pictures)] for place in range(32)]
        backbone.features(backbone.preprocess([load_image(path) for path in chosen]))
        number += 32

    batch()
    number, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        batch()
    return number / (time.perf_counter() - start)


def pictures_of(folder: Path) -> list[Path]:
    """Return some pictures of a folder, from all over it."""
    from kgzsl.vision import list_images

    found = [image.path.resolve() for image in list_images(folder)]
    return found[:: max(1, len(found) // 64)]


@contextmanager
def served(run: Path) -> Iterator[tuple[str, Any]]:
    """Serve a run; give its address and a function that tells its resident memory in MB."""
    import psutil

    command = [sys.executable, "-m", "kgzsl", "serve", str(run), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stderr is not None
            address = next(found[1] for line in process.stderr if (found := re.search(r"at (http://\S+)/", line)))
            yield address, lambda: psutil.Process(process.pid).memory_info().rss / 2**20
        finally:
            process.terminate()


def load(address: str, told: dict[str, str], users: int, limit: str) -> dict[str, float]:
    """Run users of a service and return what locust measured of their predictions."""
    words = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(USERS),
        "--headless",
        "--json",
        "--only-summary",
        "--host",
        address,
    ]
    words += ["-u", str(users), "-r", str(users), "-t", limit, "--exit-code-on-error", "0"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**environment(), **told})
    stats = [one for one in json.loads(done.stdout) if one["name"] in ("picture", "sample")]
    if not stats:
        sys.exit(f"locust measured nothing: {done.stderr[-500:]}")
    (one,) = stats
    times = sorted((float(ms), count) for ms, count in one["response_times"].items())
    return {
        "requests": one["num_requests"],
        "failures": one["num_failures"],
        "requests_a_second": one["num_requests"] / (one["last_request_timestamp"] - one["start_time"]),
        "p50_ms": quantile(times, 0.5),
        "p99_ms": quantile(times, 0.99),
    }


def quantile(times: list[tuple[float, int]], share: float) -> float:
    """Return the time that a share of the requests did not exceed."""
    wanted, passed = share * sum(count for _, count in times), 0
    for ms, count in times:
        passed += count
        if passed >= wanted:
            return ms
    return times[-1][0]


def environment() -> dict[str, str]:
    """Return an environment with one thread for the network, offline."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1"}


def told(found: dict[str, Any]) -> str:
    """Return the table for people."""
    lines = [f"bare model: {found['bare_pictures_a_second']:.1f} pictures a second"]
    for kind in ("pictures", "samples"):
        one = found[kind]
        count = f"{kind}: {one['requests']:,} requests, {one['failures']} failures, "
        times = f"p50 {one['p50_ms']:.0f} ms, p99 {one['p99_ms']:.0f} ms ({found['users']} users)"
        lines.append(f"{count}{one['requests_a_second']:.1f} a second, {times}")
    memory = found["memory_mb"]
    lines.append(f"service with pictures against the bare model: {found['share_of_bare']:.2f} of its throughput")
    lines.append(
        f"memory: {memory['at first']:.0f} MB at first, {memory['after 20 seconds']:.0f} MB after 20 seconds, "
        f"{memory['after all']:.0f} MB after {memory['requests']:,} requests"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
