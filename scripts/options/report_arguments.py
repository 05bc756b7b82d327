"""The options of `amc report`."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.options.option_types import File, Runs


@dataclass(frozen=True)
class Arguments:
    """Write the page of a run into its folder, also of one that has not ended, or compare several runs in a page.

    Several are shown in tables here as well, beside the uniform policy that each has to beat.
    """

    run_dir: Runs
    """Folder of the run, or of two or more to compare."""
    out: File | None = None
    """The page that compares runs, outside of their folders. Default: comparison.html in the current folder."""

    EXAMPLES = (
        ("the page of a run", "runs/first"),
        ("a page that compares three runs", "runs/first runs/second runs/third --out first-three.html"),
    )
