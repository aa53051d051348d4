"""Pictures as files: they decode, say what their marks are, repeat to the byte, and ask no other host for anything."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from kgzsl.errors import InputFileError, MissingDependencyError
from kgzsl.plots import Picture, TrainingCurves, check_out, draw_training

CHROMIUM = os.environ.get("KGZSL_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def picture() -> Picture:
    points = tuple((step, step / 10) for step in range(1, 6))
    return draw_training(TrainingCurves(False, {"loss": {"": points}}, {}, None), "a <run> & more")


def test_png_decodes_and_is_small(picture: Picture, tmp_path: Path) -> None:
    picture.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert image.size[0] == 704 and image.mode == "P" and image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert picture.to_bytes(".png") == (tmp_path / "a.png").read_bytes()


def test_svg_says_what_each_mark_is(picture: Picture, tmp_path: Path) -> None:
    picture.save(tmp_path / "new" / "a.svg")
    root = ElementTree.fromstring((tmp_path / "new" / "a.svg").read_bytes())
    assert root.find(f"{SVG}title").text == "The training of a <run> & more" and root.get("role") == "img"
    (group,) = [one for one in root.iter(f"{SVG}g") if one.get("id") == "measure-0-0"]
    said = [one.find(f"{SVG}title").text for one in group.iter(f"{SVG}use")]
    assert said == [f"epoch {step}\nloss {step / 10:.4f}" for step in range(1, 6)]
    assert picture.to_svg() == picture.to_svg() and "metadata" not in picture.to_svg()


def test_html_is_whole_and_names_no_other_host(picture: Picture) -> None:
    page = picture.to_bytes(".html").decode()
    assert "<title>The training of a &lt;run&gt; &amp; more</title>" in page
    places = set(re.findall(r'(?<!xmlns=")(?<!xmlns:xlink=")https?://[^"\s<]+', page))
    assert not places and not re.search(r"<link|@import|url\((?!#)|src=|fetch\(", page)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt-get install chromium)")
def test_the_page_answers_to_the_pointer(picture: Picture, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason='needs pip install "kgzsl[dev]"')
    picture.save(tmp_path / "a.html")
    with playwright.sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        page = driver.chromium.launch(executable_path=CHROMIUM, args=options).new_page()
        asked, failed = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto((tmp_path / "a.html").as_uri())
        page.locator("#measure-0-0 [data-says]").nth(2).hover()
        assert page.locator("#tip").inner_text() == "epoch 3\nloss 0.3000"
        before = page.locator("main svg").get_attribute("viewBox")
        page.locator("#sheet").press("+")
        assert page.locator("main svg").get_attribute("viewBox") != before
        page.get_by_role("button", name="show all of it").click()
        assert page.locator("main svg").get_attribute("viewBox") == before
        assert failed == [] and asked == [(tmp_path / "a.html").as_uri()]


def test_a_wrong_ending_and_a_missing_package_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputFileError, match=r"written as \.png, \.svg, \.html, found 'a\.bmp'"):
        check_out("a.bmp")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kgzsl\[plots\]'"):
        check_out("a.png")
