import os
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import screenshots
from tests.command import fail

BROWSER = """#!/bin/sh
for word; do case "$word" in --screenshot=*) cp "$PICTURE" "${word#--screenshot=}";; esac; done
"""
"""Takes the same picture of everything."""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which browsers are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, script: str) -> Path:
    browser = folder / screenshots.BROWSERS[0]
    browser.write_text(script)
    browser.chmod(0o755)
    return browser


def options(folder: Path) -> tuple[str, ...]:
    return ("--logdir", str(folder / "runs"), "--out", str(folder / "out"))


@pytest.mark.usefixtures("path")
def test_a_missing_browser_is_told_in_one_line(tmp_path: Path) -> None:
    assert "install Chromium" in fail(screenshots, *options(tmp_path))


def test_a_folder_without_finished_runs_is_told_in_one_line(tmp_path: Path, path: Path) -> None:
    install(path, BROWSER)
    assert "give a folder of finished runs" in fail(screenshots, *options(tmp_path))


def test_what_the_browser_shows_is_saved(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.defpath}")
    monkeypatch.setenv("PICTURE", str(tmp_path / "seen.png"))
    Image.new("RGB", (4, 3), "red").save(tmp_path / "seen.png")
    browser = install(path, BROWSER)
    screenshots.take(str(browser), "http://nowhere", (4, 3), tmp_path / "out" / "page.png")
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["page.png"]
    with Image.open(tmp_path / "out" / "page.png") as image:
        assert (image.size, image.getpixel((0, 0))) == ((4, 3), (255, 0, 0))
