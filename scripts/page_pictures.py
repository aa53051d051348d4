"""Take the pictures of the page that the docs show: a run served, a sample asked about, in a browser without a window.

Usage: python scripts/page_pictures.py RUN [--out docs/images]

RUN is calibrated and of the shipped samples' backbone. Needs pip install 'kgzsl[dev]' and chromium.
"""

from __future__ import annotations

import argparse
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SAMPLE, CLASSES = "octopus 1", "octopus.n.02, sunflower.n.01, wheelchair.n.01, unicorn.n.01, lobster.n.02"
SCREENS: dict[str, Any] = {
    "service.png": {"viewport": {"width": 1200, "height": 860}, "color_scheme": "light"},
    "service-phone.png": {"viewport": {"width": 390, "height": 860}, "color_scheme": "dark"},
}


def main() -> None:
    """Write every picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    with served(options.run) as address:
        for name in take(address, options.out):
            print(f"taken: {options.out / name}")


@contextmanager
def served(run: Path) -> Iterator[str]:
    """Serve a run in a thread and give its address."""
    import uvicorn

    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.features import FeatureSet
    from kgzsl.runtime import shipped_path
    from kgzsl.serve import make_app

    samples = FeatureSet.load(shipped_path("graphs", "sample/unseen.safetensors"))
    app = make_app(ZeroShotClassifier.load(run), samples=samples)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


def take(address: str, out: Path) -> Iterator[str]:
    """Take each picture and give its name."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, screen in SCREENS.items():
            page = browser.new_context(**screen).new_page()
            page.set_default_timeout(180_000)
            page.goto(address)
            use(page)
            page.screenshot(path=out / name, full_page=screen["viewport"]["width"] > 1000)
            yield name
        browser.close()


def use(page: Any) -> None:
    """Ask about a sample and why the first class is first, as a person would."""
    page.wait_for_selector("#sample option:nth-of-type(1)", state="attached")
    page.fill("#class-input", CLASSES)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#class-note:has-text('{CLASSES.count(',') + 1} chosen')")
    page.select_option("#sample", SAMPLE)
    page.wait_for_selector("#status:has-text('Sample ranked')")
    page.click(".row >> nth=0")
    page.wait_for_selector("#why:not([hidden])")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(), document.getElementById('answers').scrollIntoView()")


if __name__ == "__main__":
    main()
