"""The page in a real browser: drop, type, rank, add, explain, and what it says when something is wrong."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.serve import Limits, make_app
from kgzsl.toy import toy_features
from kgzsl.vision import Backbone

pytest.importorskip("playwright", reason="needs pip install 'kgzsl[dev]'")
CHROMIUM = os.environ.get("KGZSL_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt-get install chromium)"),
]
DROP = """async ([name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: name.endsWith("txt") ? "text/plain" : "image/png" }));
  if (name.startsWith("pasted")) {
    window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
  } else {
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
  }
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()


Serve = Callable[..., str]


@pytest.fixture
def served(run: Path, toy_backbone: Backbone, given_encoder: None) -> Iterator[Serve]:
    """Serve the toy run in a thread and return its address."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(pictures: bool = True, token: str | None = None) -> str:
        classifier = ZeroShotClassifier.load(run, backbone=toy_backbone if pictures else None)
        app = make_app(classifier, limits=Limits(pictures=3), token=token, samples=toy_features())
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails the test when it asks another host or a script of it fails."""
    context = browser.new_context()
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    strange: list[str] = []
    opened.on("request", lambda asked: strange.append(asked.url) if not asked.url.startswith(HERE) else None)
    opened.on("pageerror", lambda error: strange.append(str(error)))
    yield opened
    context.close()
    assert strange == []


HERE = ("http://127.0.0.1:", "blob:http://127.0.0.1:", "data:")


def drop(page: Any, content: bytes, name: str = "red.png") -> None:
    import base64

    page.evaluate(f"({DROP})({[name, base64.b64encode(content).decode()]})")


def choose(page: Any, text: str) -> None:
    page.fill("#class-input", text)
    page.wait_for_selector("#class-list li")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def ranked(page: Any) -> list[str]:
    page.wait_for_selector(".row")
    return [str(text).split("\n")[0] for text in page.locator(".row > span:nth-child(2)").all_inner_texts()]


def test_a_dropped_picture_is_ranked_among_typed_classes(
    served: Serve, page: Any, run: Path, picture: Callable[..., bytes], toy_backbone: Backbone, tmp_path: Path
) -> None:
    page.goto(served())
    page.wait_for_selector("#facts:has-text('12 classes')")
    for text in ("oka", "ow", "hor"):
        choose(page, text)
    assert page.locator("#chips li").all_inner_texts() == ["okapi\n×", "owl\n×", "horse\n×"]
    drop(page, picture())
    found = ranked(page)
    (tmp_path / "red.png").write_bytes(picture())
    (expected,) = ZeroShotClassifier.load(run, backbone=toy_backbone).predict(
        [tmp_path / "red.png"], ["okapi", "owl", "horse"]
    )
    marks = ["seen" if one.is_seen else "unseen" for one in expected.predictions]
    assert found == [f"{one.name}{mark}" for one, mark in zip(expected.predictions, marks)]
    page.click(".row >> nth=0")
    page.wait_for_selector("#why:not([hidden])")
    assert expected.predictions[0].name in page.inner_text("#why-title")
    assert page.locator("#graph rect").count() >= 3
    assert page.get_attribute(".row >> nth=0", "aria-expanded") == "true"
    page.click(".row >> nth=0")
    assert page.is_hidden("#why") and page.get_attribute(".row >> nth=0", "aria-expanded") == "false"
    page.click("#chips button >> nth=0")
    page.click("#rank")
    page.wait_for_selector("#status:has-text('One picture ranked')")
    assert page.locator(".row").count() == 2


def test_a_picture_is_pasted_or_chosen(served: Serve, page: Any, picture: Callable[..., bytes], tmp_path: Path) -> None:
    page.goto(served())
    drop(page, picture(), "pasted.png")
    assert len(ranked(page)) == 5
    (tmp_path / "chosen.png").write_bytes(picture())
    page.set_input_files("#files", str(tmp_path / "chosen.png"))
    page.wait_for_selector("#status:has-text('2 pictures ranked')")
    assert page.locator("figcaption").all_inner_texts() == ["pasted.png", "chosen.png"]
    page.click("#thumbs button >> nth=0")
    assert page.locator("#thumbs img").get_attribute("alt") == "chosen.png"


def test_what_is_typed_is_looked_up_at_once(served: Serve, page: Any) -> None:
    page.goto(served())
    page.wait_for_selector("#facts:has-text('12 classes')")
    page.fill("#class-input", "okapi, owl; zebar, saw")
    page.keyboard.press("Enter")
    page.wait_for_selector("#failure:has-text(\"No class is called 'zebar'\")")
    assert page.locator("#chips li").all_inner_texts() == ["okapi\n×", "owl\n×"]
    assert page.input_value("#class-input") == "zebar, saw"
    page.fill("#class-input", "zebra, saw")
    page.keyboard.press("Enter")
    page.wait_for_selector("#chips li:has-text('saw')")
    assert page.is_hidden("#failure") and page.input_value("#class-input") == ""
    assert page.inner_text("#class-note") == "4 chosen: these compete."
    page.fill("#class-input", "xyz")
    page.wait_for_selector("#class-list:has-text('No class begins so')")


AMBIGUOUS = {
    "code": "ambiguous_class",
    "message": "several",
    "name": "crane",
    "candidates": [
        {"class_id": "owl", "label": "crane", "name": "crane.n.05", "path": "wading bird < bird"},
        {"class_id": "saw", "label": "crane", "name": "crane.n.04", "path": "lifting device < device"},
    ],
}


def test_several_of_one_name_are_told_apart(served: Serve, page: Any) -> None:
    page.route("**/api/classes/crane", lambda route: route.fulfill(status=422, json={"error": AMBIGUOUS}))
    page.goto(served())
    page.wait_for_selector("#facts:has-text('12 classes')")
    for number in range(2):
        page.fill("#class-input", "crane")
        page.keyboard.press("Enter")
        page.wait_for_selector("#failure:has-text('could mean several classes')")
        page.locator("#failure-choices button").nth(number).click()
    assert page.locator("#chips li").all_inner_texts() == ["crane\nwading bird\n×", "crane\nlifting device\n×"]


def test_a_busy_service_is_asked_again(served: Serve, page: Any, picture: Callable[..., bytes]) -> None:
    refused: list[str] = []

    def refuse_twice(route: Any) -> None:
        if len(refused) == 2:
            route.continue_()
            return
        refused.append(page.inner_text("#status"))
        busy = {"error": {"code": "busy", "message": "64 requests are being answered already."}}
        route.fulfill(status=503, json=busy, headers={"Retry-After": "0.05"})

    page.route("**/api/predict", refuse_twice)
    page.goto(served())
    drop(page, picture())
    assert len(ranked(page)) == 5
    assert refused == ["Ranking …", "The service is busy; asking again in a moment …"]


def test_a_service_that_is_gone_is_told_and_tried_again(
    served: Serve, page: Any, picture: Callable[..., bytes]
) -> None:
    page.route("**/api/run", lambda route: route.abort())
    page.goto(served())
    page.wait_for_selector("#failure:has-text('does not answer')")
    page.unroute("**/api/run")
    page.click("text=Try again")
    page.wait_for_selector("#facts:has-text('12 classes')")
    assert page.is_hidden("#failure")
    page.route("**/api/predict", lambda route: route.abort())
    drop(page, picture())
    page.wait_for_selector("#failure:has-text('Is it still running?')")
    assert page.inner_text("#status") == "Nothing ranked." and page.is_enabled("#rank")


def test_an_own_class_is_added_ranked_and_taken_out(
    served: Serve, page: Any, picture: Callable[..., bytes], run: Path
) -> None:
    page.goto(served())
    drop(page, picture())
    before = [text.removesuffix("unseen").removesuffix("seen") for text in ranked(page)]
    page.click("#add summary")
    page.fill("#add-name", "mule")
    page.fill("#add-description", "offspring of a donkey and a horse")
    page.fill("#add-parent", "hoo")
    page.wait_for_selector("#add-parent-list li:has-text('hoofed')")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.input_value("#add-parent") == "hoofed"
    page.keyboard.press("Enter")
    page.wait_for_selector("#chips li:has-text('mule')")
    page.wait_for_selector("#status:has-text('Added mule')")
    page.wait_for_selector("#own li:has-text('mule')", state="attached")
    chosen = [text.removesuffix("\n×") for text in page.locator("#chips li").all_inner_texts()]
    assert chosen == [*before, "mule"]  # the new class among those that were the best before
    assert page.locator(".row").count() == 6 and "muleunseen, added" in ranked(page)
    page.fill("#top", "999")
    page.click("#rank")
    page.wait_for_selector("#status:has-text('One picture ranked')")
    assert page.input_value("#top") == "100"
    assert ZeroShotClassifier.load(run).resolve(["mule"]) == ("mule",)
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#add summary")
    page.click("#own button")
    page.wait_for_selector("#status:has-text('Took mule out')")
    assert page.is_hidden("#own-field") and "mule" not in page.inner_text("#chips")
    assert ZeroShotClassifier.load(run).added.added_ids == ()


def test_what_is_wrong_is_told_and_can_be_closed(served: Serve, page: Any, picture: Callable[..., bytes]) -> None:
    page.goto(served())
    page.wait_for_selector("#facts:has-text('12 classes')")
    drop(page, b"hello", "notes.txt")
    page.wait_for_selector("#failure:has-text('Only pictures can be classified')")
    page.click("#failure-close")
    assert page.is_hidden("#failure")
    page.click("#clear")
    for number in range(4):
        drop(page, picture(), f"{number}.png")
    page.wait_for_selector("#failure:has-text('3 pictures are the limit')")
    assert page.locator("#thumbs li").count() == 3
    page.click("#clear")
    drop(page, picture()[:50], "cut.png")
    page.wait_for_selector("#failure:has-text('cut.png could not be decoded')")


def test_samples_stand_in_where_no_backbone_is(served: Serve, page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> Backbone:
        from kgzsl.errors import MissingResourceError

        raise MissingResourceError(f"Backbone {name!r} is not on this machine.")

    monkeypatch.setattr("kgzsl.vision.load_backbone", nowhere)
    page.goto(served(pictures=False))
    page.wait_for_selector("#samples-field:not([hidden])")
    assert page.is_hidden("#pictures-field")
    page.select_option("#sample", index=1)
    assert len(ranked(page)) == 5
    drop(page, b"", "red.png")
    page.wait_for_selector("#failure:has-text('takes no pictures; choose a sample')")


def test_a_sample_can_be_asked_about_beside_pictures(served: Serve, page: Any, picture: Callable[..., bytes]) -> None:
    page.goto(served())
    drop(page, picture())
    ranked(page)
    page.select_option("#sample", index=1)
    page.wait_for_selector("#status:has-text('Sample ranked')")
    assert page.locator("#thumbs li").count() == 0 and page.locator("figcaption").count() == 1
    drop(page, picture())
    page.wait_for_selector("#status:has-text('One picture ranked')")
    assert page.input_value("#sample") == ""


def test_a_token_is_asked_for_until_it_is_right(served: Serve, page: Any) -> None:
    page.goto(served(token="secret"))
    page.wait_for_selector("#token-dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#failure:has-text('wants a token')")
    page.click("text=Try again")
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#token-note:has-text('does not take')")
    page.fill("#token", "secret")
    page.keyboard.press("Enter")
    page.wait_for_selector("#facts:has-text('12 classes')")
    choose(page, "oka")
    assert page.is_hidden("#token-dialog") and page.locator("#chips li").count() == 1


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "dark")])
def test_nothing_is_wider_than_the_window(
    browser: Any, served: Serve, picture: Callable[..., bytes], width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(served())
    drop(page, picture())
    ranked(page)
    page.click(".row >> nth=0")
    page.wait_for_selector("#why:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    ink, paper = (sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(", "))) for colour in colours)
    assert (ink > paper) == (scheme == "dark") and abs(ink - paper) > 400
    context.close()


def test_the_reference_lists_every_route(served: Serve, page: Any) -> None:
    page.goto(f"{served()}reference")
    page.wait_for_selector("section")
    found = page.locator("h3").all_inner_texts()
    assert {"POST /api/predict", "POST /api/explain", "POST /api/classes", "GET /api/classes"} <= set(found)


def test_it_is_used_by_keyboard_alone(served: Serve, page: Any) -> None:
    page.goto(served())
    page.wait_for_selector("#facts:has-text('12 classes')")
    page.focus("#class-input")
    page.keyboard.type("oka")
    page.wait_for_selector("#class-list li")
    assert page.get_attribute("#class-input", "aria-expanded") == "true"
    page.keyboard.press("ArrowDown")
    active = page.get_attribute("#class-input", "aria-activedescendant")
    assert page.get_attribute(f"#{active}", "aria-selected") == "true"
    page.keyboard.press("Escape")
    assert page.get_attribute("#class-input", "aria-expanded") == "false"
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, textarea')].filter((one) => "
        "!one.textContent.trim() && !one.labels?.length && !one.getAttribute('aria-label')).map((one) => one.id)"
    )
    assert unnamed == []
