"""A torchaudio whose compiled part is for another torch is let in without that part; one that works is left alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

TORCHAUDIO = {
    "__init__.py": "from . import _extension, functional\n",
    "functional.py": "from torchaudio._extension import _IS_TORCHAUDIO_EXT_AVAILABLE as compiled, fail_if_no_align\n"
    "@fail_if_no_align\ndef forced_align(): return 1\n",
}
WORKS = "_IS_TORCHAUDIO_EXT_AVAILABLE = True\ndef fail_if_no_align(function): return function\n"
ASK = """
from sepdiar.networks.torchaudio_cpu import importable
importable()
importable()
import torchaudio
print(torchaudio.functional.compiled)
torchaudio.functional.forced_align()
"""


@pytest.mark.parametrize(
    ("extension", "printed", "raised"),
    [(WORKS, "True", ""), ("raise OSError('libcudart.so.13')\n", "False", "torchaudio.forced_align needs")],
)
def test_it_can_be_imported(tmp_path, extension, printed, raised):
    (tmp_path / "torchaudio").mkdir()
    for name, text in {**TORCHAUDIO, "_extension.py": extension}.items():
        (tmp_path / "torchaudio" / name).write_text(text)
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{ASK}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == printed and (raised in done.stderr if raised else not done.stderr)
