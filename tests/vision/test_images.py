from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from kgzsl.errors import InputFileError
from kgzsl.vision import ImageFile, list_images, load_image
from kgzsl.vision.images import warnings_as_errors


def save(path: Path, mode: str = "RGB", size: tuple[int, int] = (4, 3), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 128 if mode == "L" else None).save(path, **options)  # type: ignore[arg-type]
    return path


def test_folder_gives_classes_and_a_fixed_order(tmp_path: Path) -> None:
    for name in ("n02128385_Leopards/2.jpg", "okapi/x/1.PNG", "n02128385_Leopards/10.jpg", "top.png", ".hidden/1.png"):
        save(tmp_path / name)
    (tmp_path / "okapi" / "notes.txt").write_text("no picture")
    found = [(image.name, image.class_id) for image in list_images(tmp_path)]
    assert found == [
        ("n02128385_Leopards/10.jpg", "n02128385"),
        ("n02128385_Leopards/2.jpg", "n02128385"),
        ("okapi/x/1.PNG", "okapi"),
        ("top.png", None),
    ]


def test_list_and_single_picture(tmp_path: Path) -> None:
    one = save(tmp_path / "b" / "one.png")
    (tmp_path / "list.tsv").write_text("# mine\nb/one.png\tn02439398\n\nb/two.png\n")
    expected = (ImageFile(one, "b/one.png", "n02439398"), ImageFile(tmp_path / "b" / "two.png", "b/two.png"))
    assert list_images(tmp_path / "list.tsv") == expected
    assert list_images(one) == (ImageFile(one, "one.png"),)


def test_nothing_to_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="holds no pictures"):
        list_images(tmp_path)
    with pytest.raises(InputFileError, match="Could not read"):
        list_images(tmp_path / "missing")
    (tmp_path / "list.txt").write_text("# nothing\n")
    with pytest.raises(InputFileError, match="names no pictures"):
        list_images(tmp_path / "list.txt")
    (tmp_path / "list.txt").write_text("a\tb\tc\n")
    with pytest.raises(InputFileError, match=r"entry 1 .* must be a path"):
        list_images(tmp_path / "list.txt")


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    name = "x.jpg" if mode == "CMYK" else "x.png"
    assert load_image(save(tmp_path / name, mode)).mode == "RGB"


def test_picture_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert load_image(save(tmp_path / "x.jpg", size=(8, 5), exif=exif)).size == (5, 8)


def test_unreadable_pictures_are_named(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 80).save(tmp_path / "x.jpg")
    whole = (tmp_path / "x.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputFileError, match=r"cut.jpg could not be decoded: .*truncated"):
        load_image(tmp_path / "cut.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(InputFileError, match="is no picture of a known format"):
        load_image(tmp_path / "text.jpg")
    with pytest.raises(InputFileError, match="No such file"):
        load_image(tmp_path / "missing.jpg")
    with pytest.raises(InputFileError, match="is a strip of 401 x 2 pixels; one side is over 200 times"):
        load_image(save(tmp_path / "strip.png", size=(401, 2)))
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(InputFileError, match=r"empty\.png"):
        load_image(tmp_path / "empty.png")


def test_decompression_bomb_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("1", (12_000, 9_000)).save(buffer, "PNG")
    (tmp_path / "bomb.png").write_bytes(buffer.getvalue())
    with warnings_as_errors(), pytest.raises(InputFileError, match=r"bomb.png could not be decoded: .*108000000"):
        load_image(tmp_path / "bomb.png")
