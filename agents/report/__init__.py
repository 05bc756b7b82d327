"""What a person sees of a run: one HTML page with its charts, TensorBoard, and what commands print.

`write_report` makes the page from a run folder. The wording of the page is in `agents.report.sentences`, its tables in
`agents.report.page_tables`, its layout in `templates/report.html`, and its numbers in `agents.report.run_result`.
"""

from agents.report.page import write_report

__all__ = ["write_report"]
