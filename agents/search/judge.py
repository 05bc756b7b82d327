"""The comparison of compact networks with the original, on images that the search sees and on others."""

from __future__ import annotations

from functools import cached_property

from torch import nn

from agents.judgement import ScoreDrop
from amc.data.images import Images
from amc.scoring.image_scores import ImageScores
from amc.task import Task


class Judge:
    """Compares compact networks with the original, image by image.

    Args:
        task: The task of the original, with judging images.
    """

    def __init__(self, task: Task) -> None:
        assert task.splits.judging is not None, "they were put aside"
        self._task = task
        self._judging: Images = task.splits.judging

    @property
    def original(self) -> float:
        """The score of the original on the reward images."""
        return self._on_reward.value

    def on_reward(self, network: nn.Module) -> ScoreDrop:
        """The drop of a compact network on the reward images, which the search sees."""
        return _drop(self._on_reward, self._task.image_scores(network, self._task.splits.reward))

    def on_judging(self, network: nn.Module) -> ScoreDrop:
        """The drop of a compact network on the judging images, which it does not see."""
        return _drop(self._on_judging, self._task.image_scores(network, self._judging))

    @cached_property
    def _on_reward(self) -> ImageScores:
        return self._task.image_scores(self._task.model, self._task.splits.reward)

    @cached_property
    def _on_judging(self) -> ImageScores:
        return self._task.image_scores(self._task.model, self._judging)


def _drop(original: ImageScores, found: ImageScores) -> ScoreDrop:
    paired = original.drop_to(found)
    if paired is None:
        return ScoreDrop(original.value - found.value, None)
    return ScoreDrop(paired.value, (paired.low, paired.high))
