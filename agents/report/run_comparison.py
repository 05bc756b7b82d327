"""Runs beside each other, for the terminal, a notebook and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.report.compared_runs import ComparedRun, RunGroup, distinct
from agents.report.comparison_tables import asked_table, reached_table
from agents.report.run_result import FOUND
from amc.scoring.number_format import score
from amc.utils.tabular import Table, Tabular

CHOICE = "Choose among runs by reward (validation) images: the best of many on test images is flattered by them."


@dataclass(frozen=True, eq=False)
class RunComparison(Tabular):
    """Runs beside each other and beside the uniform policies that they have to beat.

    Attributes:
        groups: The runs by what they have in common: network, budget and metric.
    """

    groups: Sequence[RunGroup]

    @property
    def runs(self) -> list[ComparedRun]:
        """All runs, those of one setting side by side."""
        return [run for group in self.groups for run in group.runs]

    @property
    def tables(self) -> Sequence[Table]:
        """What the runs were asked for, and what they reached, with a row for each uniform policy."""
        return asked_table(self.groups), reached_table(self.groups, self.notes)

    @property
    def headline(self) -> str:
        """What is compared, and which run is best where they can be ranked, in a sentence."""
        models, first = distinct(self.groups, "model"), self.groups[0]
        subject = f"{len(self.runs)} runs of {models[0] if len(models) == 1 else f'{len(models)} networks'}"
        if len(self.groups) > 1:
            return f"{subject} compared"
        asked = " ".join([subject, *(["at"] if first.setting.budget else []), *first.setting.budget])
        if not self.best:
            return f"{asked}: none has ended"
        names = " and ".join(run.name for run in self.best)
        found = score(first.setting.metric, self.best[0].scores(FOUND)[0])
        return f"{asked}: {names} {'is' if len(self.best) == 1 else 'are'} best on reward images with {found}"

    @property
    def best(self) -> list[ComparedRun]:
        """The runs that score best on the reward images; none where the runs can't be ranked, or none has ended."""
        return self.groups[0].best if len(self.groups) == 1 else []

    @property
    def notes(self) -> list[str]:
        """What to know when the scores are read, in sentences."""
        notes = [CHOICE]
        if len(models := distinct(self.groups, "model")) > 1:
            notes.append(f"The networks differ ({', '.join(models)}): compare each run with its own uniform.")
        if len(metrics := distinct(self.groups, "metric")) > 1:
            notes.append(f"The scores are of different metrics ({', '.join(metrics)}).")
        if any(group.uniform.vary for group in self.groups):
            notes.append("Scores of uniform are means over the runs, which calibrate with images of their own.")
        if under_way := [run.name for run in self.runs if run.record.summary is None]:
            notes.append(f"Not ended, and so without a result: {', '.join(under_way)}.")
        return notes
