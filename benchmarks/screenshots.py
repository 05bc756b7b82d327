"""Take the pictures of docs/dashboard.md: TensorBoard and a report in a browser without a window.

`--help` shows the options; docs/dashboard.md has the commands for the runs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from amc.artifacts.run_folder import REPORT_FILE
from amc.utils.errors import UserError
from amc.utils.files import write_atomically
from scripts.command.cli import run

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
TABS = {
    "custom-scalars": ("custom_scalars", (1400, 1180)),
    "images": ("images&tagFilter=MACs|sparsity", (1640, 1000)),
    "hparams": ("hparams", (1800, 440)),
}
"""The end of a tab's address, and the size of the window in pixels, by the name of the picture."""
REPORT_WINDOW = (1100, 1500)
"""The size of the window for the report, in pixels."""
PAGE_TIME = 30_000
"""The milliseconds of a page's own clock, which runs as fast as the page loads."""
PATIENCE = 120.0
"""The seconds after which a program is taken to hang."""
STILL = 3.0
"""The seconds without a change after which TensorBoard has read all events."""
LAST_TAG = b"summary/text_summary"


@dataclass(frozen=True)
class Arguments:
    """Take pictures of TensorBoard's tabs and of a report."""

    logdir: Path
    """Folder with finished runs."""
    out: Path
    """Folder for the pictures, such as docs/images."""


def screenshots(arguments: Arguments) -> None:
    """Start TensorBoard, and save pictures of its tabs and of the first run's report.

    Raises:
        UserError: There is no browser, no finished run, or no picture.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise UserError(f"no browser: install Chromium, so that {BROWSERS[0]} is a command")
    reports = sorted(arguments.logdir.glob(f"*/{REPORT_FILE}"))
    if not reports:
        raise UserError(f"no {REPORT_FILE} in a folder of {arguments.logdir}; give a folder of finished runs")
    with tensorboard(arguments.logdir, [report.parent.name for report in reports]) as address:
        for name, (tab, window) in TABS.items():
            take(browser, f"{address}#{tab}", window, arguments.out / f"{name}.png")
    take(browser, reports[0].resolve().as_uri(), REPORT_WINDOW, arguments.out / "report.png")


@contextlib.contextmanager
def tensorboard(logdir: Path, runs: Sequence[str]) -> Iterator[str]:
    """A context with the address of a TensorBoard that has read all events of these runs.

    Raises:
        UserError: TensorBoard does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(address, server, runs)
            yield address
        finally:
            server.terminate()


def _wait(address: str, server: subprocess.Popen[bytes], runs: Sequence[str]) -> None:
    """Wait until TensorBoard knows all runs, and what it knows has not changed for a while."""
    known, start = b"", time.monotonic()
    since = start
    while time.monotonic() - since < STILL or any(f'"{name}"'.encode() not in known for name in runs):
        if server.poll() is not None or time.monotonic() - start > PATIENCE:
            raise UserError("TensorBoard does not start; see what `tensorboard --logdir` with that folder prints")
        time.sleep(0.5)
        seen = b"".join(_get(f"{address}data/plugin/{plugin}/tags") for plugin in ("scalars", "images", "text"))
        if seen != known:
            known, since = seen, time.monotonic()


def _get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            content: bytes = response.read()
            return content
    except OSError:
        return b""


def take(browser: str, url: str, window: tuple[int, int], path: Path) -> None:
    """Save what a window of that size, in pixels, shows of a page, as a PNG.

    Raises:
        UserError: The browser takes no picture.
    """
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "shot.png")
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
            f"--window-size={window[0]},{window[1]}",
            f"--virtual-time-budget={PAGE_TIME}",
            f"--screenshot={shot}",
        ]
        if os.name == "posix" and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium has none for root
        with contextlib.suppress(subprocess.TimeoutExpired):  # there may be a picture all the same
            subprocess.run([*command, url], timeout=PATIENCE, capture_output=True, check=False)
        if not shot.exists():
            raise UserError(f"{browser} took no picture of {url}")
        with Image.open(shot) as image:
            picture = image.convert("RGB")
        write_atomically(path, lambda temporary: picture.save(temporary, optimize=True))
    print(path)


def main() -> None:
    """Run as a command."""
    run(screenshots, Arguments)


if __name__ == "__main__":
    main()
