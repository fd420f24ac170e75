"""What a network needs at least: operations and bytes of one batch, against what this machine does of either in a second.

Operations are those of matrix products and convolutions, counted by torch. Bytes are what its operations read and write one
after the other, each from memory and back: what a compiler that fuses them can save of that is not taken off.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from sepdiar.separation import Blind

REPEATS = 3
SIDE = {"cpu": 1024, "cuda": 8192}  # of the square matrices that are multiplied
COPIED = {"cpu": 1 << 26, "cuda": 1 << 30}  # bytes


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of what each operation is given and gives; those that only look at a tensor in another way are free."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
        out = [one for one in tree_leaves(made) if isinstance(one, torch.Tensor)]
        stores = {one.untyped_storage().data_ptr() for one in given}
        looked_at = func.is_view or (
            not func._schema.is_mutable and all(one.untyped_storage().data_ptr() in stores for one in out)
        )
        if not looked_at:
            self.bytes += sum(one.numel() * one.element_size() for one in (*given, *out))
        return made


def of(separator: Blind, batch: int, device: str) -> dict[str, Any]:
    """Operations and bytes of `batch` windows, seconds of them, and the least seconds by either."""
    kind, samples = torch.device(device).type, round(separator.window * separator.rate)
    mixtures = 0.1 * np.random.default_rng(0).standard_normal((batch, samples)).astype(np.float32)
    precision = getattr(separator, "precision", "fp32")
    with FlopCounterMode(display=False) as flops, Traffic() as traffic, torch.backends.mkldnn.flags(enabled=False):
        separator.split(mixtures)  # without mkldnn, recurrent layers are matrix products that are counted
    operations, moved = products(kind, device, precision), copies(kind, device)
    found = {"by_operations": flops.get_total_flops() / operations, "by_bytes": traffic.bytes / moved}
    return {
        "at_once": batch,
        "window": separator.window,
        "precision": precision,
        "operations": flops.get_total_flops(),
        "bytes": traffic.bytes,
        "operations_a_second": operations,
        "bytes_a_second": moved,
        "seconds": _fastest(lambda: separator.split(mixtures), kind),
        **found,
    }


def products(kind: str, device: str, precision: str) -> float:
    """Operations a second of a large matrix product."""
    side = SIDE.get(kind, SIDE["cpu"])
    one = torch.randn(side, side, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    return 2 * side**3 / _fastest(lambda: one @ one, kind)


def copies(kind: str, device: str) -> float:
    """Bytes a second that are read and written where a large tensor is copied."""
    one = torch.ones(COPIED.get(kind, COPIED["cpu"]), dtype=torch.uint8, device=device)
    other = torch.empty_like(one)
    return 2 * len(one) / _fastest(lambda: other.copy_(one), kind)


def _fastest(call: Callable[[], Any], kind: str) -> float:
    """Seconds of the fastest of a few calls, after one that is not counted; the processor's, where that is what computes."""
    clock = time.process_time if kind == "cpu" else time.perf_counter
    seconds = []
    for _ in range(REPEATS + 1):
        began = clock()
        call()
        if kind == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - began)
    return min(seconds[1:])
