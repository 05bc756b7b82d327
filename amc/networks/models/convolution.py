"""The block that most networks here are built from: a convolution and its batch norm."""

from torch import nn


def conv_norm(in_width: int, out_width: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return two modules: a convolution that has no bias, then its batch norm.

    For odd kernels, [B, in_width, H, W] becomes [B, out_width, ceil(H / stride), ceil(W / stride)].
    """
    conv = nn.Conv2d(in_width, out_width, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out_width)]
