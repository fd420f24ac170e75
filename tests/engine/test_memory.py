from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from sepdiar.engine import memory

ARRAYS = """
import resource
for count in range(11):
    if count == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [b"x" * 4_000_000 for _ in range(16)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
KEPT = f"from sepdiar.engine import memory\nmemory.keep()\n{ARRAYS}"


def faults(program: str, **environ: str) -> int:
    """How many pages came anew."""
    plain = {name: value for name, value in os.environ.items() if name not in (*memory.SETTINGS, "GLIBC_TUNABLES")}
    return int(subprocess.run([sys.executable, "-c", program], env=plain | environ, capture_output=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory as it likes")
def test_arrays_as_large_as_those_before_find_their_pages_there() -> None:
    assert 20 * faults(KEPT) < faults(ARRAYS)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory as it likes")
def test_what_a_user_told_the_c_library_stays() -> None:
    kept = faults(KEPT)
    assert faults(KEPT, MALLOC_TRIM_THRESHOLD_="0") > 20 * kept
    assert faults(KEPT, GLIBC_TUNABLES="glibc.malloc.trim_threshold=0") > 20 * kept
    assert faults(KEPT, MALLOC_ARENA_MAX="1") < 2 * kept + 100
