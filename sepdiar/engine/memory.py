"""How a process of sepdiar's own keeps memory."""

from __future__ import annotations

import ctypes
import os

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # as malloc.h of glibc calls them, with M_ before
SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_")


def keep() -> None:
    """From now on what arrays give back is kept for those that come, where the C library is glibc and nobody has told it else.

    By itself it gives a large one back to the system at once, and the next is handed over anew, page by page of zeros, which
    costs large networks much of their time on a CPU. The process stays as large as it once was, up to 2 GiB.
    """
    libc = ctypes.CDLL(None)
    told = any(name in os.environ for name in SETTINGS) or "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", "")
    if hasattr(libc, "mallopt") and not told:
        libc.mallopt(MMAP_MAX, 0)
        libc.mallopt(TRIM_THRESHOLD, 2**31 - 1)
