"""What the networks here are made of: a convolution and its batch norm."""

from torch import nn


def conv_norm(in_width: int, out_width: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution without bias, then batch norm.

    [B, in_width, H, W] -> [B, out_width, ceil(H / stride), ceil(W / stride)], for odd kernels
    """
    conv = nn.Conv2d(in_width, out_width, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out_width)]
