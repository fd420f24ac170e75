"""Which devices are not slow in bf16."""

from __future__ import annotations

import torch


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 is no slower than fp32 on `device`: on a processor without AVX-512 a matrix product takes up to sixty times
    as long, since torch has no quick way for it there."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and "AVX512" in torch.backends.cpu.get_cpu_capability()
