import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from amc.data.image_check import check_images
from amc.utils.errors import UserError

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))
FORMATS = {"bmp": {}, "jpeg": {}, "png": {}, "ppm": {}, "tiff": {}, "webp": {"lossless": True}}


def content(suffix: str) -> bytes:
    stream = io.BytesIO()
    NOISE.save(stream, suffix, **FORMATS[suffix])
    return stream.getvalue()


@pytest.mark.parametrize("suffix", FORMATS)
def test_whole_images_pass_and_what_is_cut_off_anywhere_does_not(suffix: str, tmp_path: Path) -> None:
    whole, path = content(suffix), tmp_path / f"x.{suffix}"
    path.write_bytes(whole)
    check_images([path], None)
    for length in (0, 3, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=f"x.{suffix} can't be read as an image: .*; repair or remove the file"):
            check_images([path], None)


@pytest.mark.parametrize("suffix", ["jpeg", "png"])
def test_bytes_behind_the_end_are_no_harm(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content(suffix) + bytes(200))
    check_images([tmp_path / "x"], None)


def test_pixels_of_a_file_with_its_end_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for suffix in FORMATS:
        (tmp_path / suffix).write_bytes(content(suffix))
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    check_images([tmp_path / suffix for suffix in FORMATS], None)
    (tmp_path / "png").write_bytes(content("png")[:-40])
    with pytest.raises(UserError, match="'NoneType' object is not callable"):
        check_images([tmp_path / "png"], None)


def test_damage_in_the_middle_is_found_where_nothing_reads_the_file_before_the_end(tmp_path: Path) -> None:
    path, damaged = tmp_path / "x.png", bytearray(content("png"))
    path.write_bytes(damaged)
    check_images([path], None, read_last={path})
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    check_images([path], None)
    with pytest.raises(UserError, match=r"x.png can't be read as an image: .*; repair or remove the file"):
        check_images([path], None, read_last={path})


@pytest.mark.parametrize(
    ("written", "fault"), [(b"", "it is empty"), (b"<html>no image</html>", "it holds no image, or only the beginning")]
)
def test_what_is_wrong_is_said_of_the_first_and_the_others_are_counted(
    written: bytes, fault: str, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        path.write_bytes(content("png") if number in (0, 3) else written)
    with pytest.raises(UserError) as caught:
        check_images(paths, None)
    assert str(caught.value).startswith(f"{paths[1]} can't be read as an image: {fault}")
    assert str(caught.value).endswith("; repair or remove the file; 2 more can't be read either")
