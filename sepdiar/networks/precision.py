"""How precisely a network may compute, and which devices are not slow in bf16."""

from __future__ import annotations

import torch

PRECISIONS = ("auto", "bf16", "fp32")


def has_bf16(device: torch.device) -> bool:
    """Whether `device` is not slow in bf16: on a processor without AVX-512 torch has no quick way for its matrix products, which
    take many times as long as those in fp32."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and "AVX512" in torch.backends.cpu.get_cpu_capability()
