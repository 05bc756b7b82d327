"""The number format of a forward pass in training."""

import torch

from amc.registry import look_up

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
AUTO = "auto"


def find_precision(name: str, device: torch.device) -> str:
    """A name in `PRECISIONS`; for `auto` bfloat16 where the device multiplies in it, else float32.

    That is a processor with AVX512-BF16 instructions, or a GPU that does not emulate them. Elsewhere bfloat16 is
    converted back and forth, which is slower than float32.

    Raises:
        UserError: an unknown name.
    """
    look_up("precision", name, {**PRECISIONS, AUTO: None})
    if name != AUTO:
        return name
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if native else "float32"
