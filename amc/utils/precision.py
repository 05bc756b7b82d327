"""The number format of a forward pass."""

import os

import torch

from amc.utils.registry import look_up

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Number formats by name."""
AUTO = "auto"
"""The name that stands for the fastest number format of the device."""
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""The environment variables that limit oneDNN to older instructions; the first that is set counts."""
WITHOUT_BFLOAT16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
"""The limits below AVX512-BF16, the first instructions that multiply in bfloat16; oneDNN ignores unknown names."""


def multiplies_in_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions that multiply in bfloat16, and PyTorch uses them.

    A processor has them with AVX512-BF16, unless oneDNN is kept from using it (`LIMITS`); a GPU has them where it does
    not emulate them. Elsewhere bfloat16 is converted back and forth, which is slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    limit = next(filter(None, map(os.environ.get, LIMITS)), "")
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported() and limit.upper() not in WITHOUT_BFLOAT16


def find_precision(name: str, device: torch.device) -> str:
    """The name in `PRECISIONS` that is meant: for `auto` bfloat16 where the device multiplies in it, else float32.

    Raises:
        UserError: The name is unknown.
    """
    look_up("precision", name, {**PRECISIONS, AUTO: None})
    if name != AUTO:
        return name
    return "bfloat16" if multiplies_in_bfloat16(device) else "float32"
