"""What a person sees of a run: one HTML page with its charts, TensorBoard, and what commands print.

`write_report` makes the page from a run folder.
"""

from agents.report.page import write_report

__all__ = ["write_report"]
