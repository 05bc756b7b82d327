"""What a person sees of a run: one HTML page with its charts, TensorBoard, and what commands print."""

from agents.report.page import write_report

__all__ = ["write_report"]
