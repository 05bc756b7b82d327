import torch

from amc.data.augment import Augmentation


def test_every_image_is_a_shifted_and_perhaps_mirrored_copy() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(200, 2, 5, 6, generator=generator)
    changed = Augmentation(crop_padding=1, flip=True)(inputs, generator)
    assert changed.shape == inputs.shape
    seen = set()
    for image, result in zip(inputs, changed, strict=True):
        candidates = {}
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                rows = [min(max(row + down, 0), 4) for row in range(5)]
                columns = [min(max(column + right, 0), 5) for column in range(6)]
                shifted = image[:, rows][:, :, columns]
                candidates[down, right, False] = shifted
                candidates[down, right, True] = shifted.flip(2)
        matches = [key for key, value in candidates.items() if torch.equal(value, result)]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) == 18


def test_no_change_is_possible() -> None:
    inputs = torch.rand(4, 1, 3, 3)
    assert torch.equal(Augmentation(crop_padding=0, flip=False)(inputs, torch.Generator()), inputs)
