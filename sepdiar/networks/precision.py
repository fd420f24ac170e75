"""Which devices compute quickly in bf16."""

from __future__ import annotations

import torch


def has_bf16(device: torch.device) -> bool:
    """Whether `device` has units for bf16: without them it is computed all the same, up to sixty times slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and "AVX512" in torch.backends.cpu.get_cpu_capability()
