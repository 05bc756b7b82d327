"""Random changes to training images, which move masks and boxes along and leave other targets as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from amc.graph.inputs import Example, tensors
from amc.utils.errors import UserError
from amc.utils.option_names import option

LEAST_SIDE = 1.0
"""The width and height in pixels below which a box is dropped, of which the shift leaves no more in the image."""
BY_BOX = ("labels", "masks", "area", "iscrowd", "keypoints", "scores")
"""What a target has for each of its boxes, as torchvision's detection networks take it."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes to a batch of training images, each image by itself.

    Attributes:
        crop_padding: Largest shift of an image in each direction, in pixels; its edge is repeated where a gap is left.
        flip: Whether each image is mirrored left to right with probability 1/2.
    """

    crop_padding: int
    flip: bool

    def __call__(self, inputs: Example, targets: Any, generator: torch.Generator) -> tuple[Example, Any]:
        """Return changed copies of images `(n, c, h, w)`, and of the masks and boxes of the targets.

        Of several inputs all that are as high and wide as the first image are changed alike. Targets are changed where
        they are masks `(n, h, w)`, or a list of `n` dictionaries with `boxes` `(k, 4)` or `masks` `(k, h, w)` as
        torchvision's detection networks take them; `keypoints` `(k, p, 3)` are shifted, and of boxes that are left
        outside, the entries of `BY_BOX` are dropped too. Inputs of any kind are returned as they are where no changes
        are asked for.

        Args:
            inputs: The inputs of a batch.
            targets: Its targets.
            generator: Draws the changes, on the CPU.

        Raises:
            UserError: Changes are asked for, and no input is an image; or images with keypoints would be mirrored.
        """
        if not (self.crop_padding or self.flip):
            return inputs, targets
        images = [each for each in tensors(inputs) if each.ndim == 4]
        if not images:
            raise UserError(
                f"inputs of shape {tuple(tensors(inputs)[0].shape[1:])} are no images that can be shifted or mirrored;"
                f" give {option('crop_padding', 0)}, and leave {option('flip')} out"
            )
        move = self._drawn(images[0], generator)
        moved: Example = tree_map(lambda leaf: move.pixels(leaf) if move.fits(leaf) else leaf, inputs)
        if isinstance(targets, Tensor):
            return moved, move.pixels(targets) if move.fits(targets) else targets
        if isinstance(targets, list | tuple) and len(targets) == len(move.rows):
            if self.flip and any(isinstance(each, dict) and "keypoints" in each for each in targets):
                raise UserError(
                    "images with keypoints can't be mirrored, since which of these are left and right is not known;"
                    f" leave {option('flip')} out"
                )
            return moved, [move.objects(each, place) for place, each in enumerate(targets)]
        return moved, targets

    def _drawn(self, images: Tensor, generator: torch.Generator) -> _Move:
        batch, _, height, width = images.shape
        pad = self.crop_padding
        down = torch.randint(2 * pad + 1, (batch, 1), generator=generator) - pad
        right = torch.randint(2 * pad + 1, (batch, 1), generator=generator) - pad
        rows = (down + torch.arange(height)).clamp(0, height - 1)
        columns = (right + torch.arange(width)).clamp(0, width - 1)
        mirrored = torch.zeros(batch, 1, dtype=torch.bool)
        if self.flip:
            mirrored = torch.rand(batch, 1, generator=generator) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        return _Move(rows, columns, torch.cat([right, down], dim=1), mirrored[:, 0])


@dataclass(frozen=True, eq=False)
class _Move:
    """The changes of the images of a batch.

    Attributes:
        rows: The row of each image that comes to each place, `(n, h)`.
        columns: The column likewise, `(n, w)`.
        shift: How far each image moves to the left and up, in pixels, `(n, 2)`.
        mirrored: Whether each is mirrored after that, bool `(n,)`.
    """

    rows: Tensor
    columns: Tensor
    shift: Tensor
    mirrored: Tensor

    def fits(self, given: Any) -> bool:
        """Whether something holds numbers for each pixel of each image."""
        size = (self.rows.shape[1], self.columns.shape[1])
        return (
            isinstance(given, Tensor) and given.ndim > 2 and len(given) == len(self.rows) and given.shape[-2:] == size
        )

    def pixels(self, given: Tensor) -> Tensor:
        """Images `(n, c, h, w)` or masks `(n, h, w)`, changed."""
        images = given if given.ndim == 4 else given[:, None]
        every = torch.arange(len(given))[:, None, None]
        chosen = images.permute(0, 2, 3, 1)[every, self.rows[:, :, None], self.columns[:, None, :]].permute(0, 3, 1, 2)
        return chosen if given.ndim == 4 else chosen[:, 0]

    def objects(self, target: Any, place: int) -> Any:
        """The target of one image, whose boxes that are left outside are dropped, with what it has for each of them."""
        if not isinstance(target, dict):
            return target
        changed = dict(target)
        if "masks" in target:
            changed["masks"] = target["masks"][:, self.rows[place]][:, :, self.columns[place]]
        points = target.get("keypoints")
        if isinstance(points, Tensor) and points.ndim == 3:
            changed["keypoints"] = torch.cat([points[..., :2] - self.shift[place], points[..., 2:]], dim=2)
        if "boxes" not in target:
            return changed
        changed["boxes"], kept = self._boxes(target["boxes"], place)
        found = {name: value for name in BY_BOX if isinstance(value := changed.get(name), Tensor) and value.ndim}
        return changed | {name: value[kept] for name, value in found.items() if len(value) == len(kept)}

    def _boxes(self, given: Tensor, place: int) -> tuple[Tensor, Tensor]:
        """What is left of boxes `(k, 4)` by corners, changed and cut at the edges, and of which, bool `(k,)`."""
        from torchvision.transforms.v2 import functional as F  # seconds, which no other training need wait for
        from torchvision.tv_tensors import BoundingBoxes

        size = (self.rows.shape[1], self.columns.shape[1])
        boxes = BoundingBoxes(given - self.shift[place].repeat(2), format="XYXY", canvas_size=size)
        if self.mirrored[place]:
            boxes = F.horizontal_flip(boxes)
        return F.sanitize_bounding_boxes(F.clamp_bounding_boxes(boxes), min_size=LEAST_SIDE)
