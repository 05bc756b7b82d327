"""What a person sees of a run: one HTML page with its charts, TensorBoard, and what commands print.

`write_report` makes the page from a run folder, `write_comparison` that of several runs, `report` either. The wording
of the page is in `agents.report.sentences`, its tables in `agents.report.page_tables`, its layout in
`templates/report.html`, and its numbers in `agents.report.run_result`.
"""

from agents.report.written_report import compare, report, write_comparison, write_report

__all__ = ["compare", "report", "write_comparison", "write_report"]
