"""Warnings about what makes the numbers of a search worth less."""

import pytest

import amc
from agents.search.search_warnings import warn_of_images_left_out
from amc.graph import batch_memory
from tests.small_network import small_resnet


@pytest.mark.parametrize(("takes_all", "recovery"), [(True, "auto"), (False, "auto"), (False, "none")])
def test_calibration_images_that_memory_leaves_out_are_told(
    takes_all: bool, recovery: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = amc.load_data("digits", sizes={"calibration": 40, "reward": 10, "test": 10})
    task = amc.Task(small_resnet(), data, ["macs=0.5"], amc.TaskOptions(recovery=recovery))
    if not takes_all:
        monkeypatch.setattr(batch_memory, "FEWEST", 12)
        monkeypatch.setattr(batch_memory, "LARGEST", 1)
    task.compact(task.budgets.uniform, "asymmetric")
    lost = task.compressor.lost
    assert lost is not None
    assert lost.takes_more == takes_all
    capsys.readouterr()
    warn_of_images_left_out(task)
    told = capsys.readouterr().err
    is_told = not takes_all and recovery == "auto"
    assert (
        told.startswith("warning: layers are solved one after the other on 12 of the 40 cal") if is_told else not told
    )
