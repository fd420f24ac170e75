"""Atheris on one parser: `python tests/conformance/fuzz.py PARSER FOLDER [-runs=N ...]`, FOLDER being its corpus.

Without arguments it tells the parsers. What it finds it leaves in the working directory, and ends with a status that is not 0.
"""

from __future__ import annotations

import runpy
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["sepdiar"]):
    import_module("sepdiar.formats.moshi_rules")  # which would be imported when it is asked for

    table: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("test_F8_fuzz.py")))

from sepdiar.errors import SepdiarError

TARGETS = {**table["TARGETS"], "containers": (table["contained"], "")}


def main() -> None:
    """Hand over to atheris, which does not come back."""
    if len(sys.argv) < 3:
        print("\n".join(TARGETS))
        return
    name, corpus = sys.argv[1], Path(sys.argv[2])
    target, sample = TARGETS[name]
    if sample:
        (corpus / "sample").write_text(sample)
    words = corpus.parent / "words.dict"
    short = [token for token in table["TOKENS"] if len(token) < 60]
    quoted = ("".join(f"\\x{byte:02x}" for byte in token) for token in short)
    words.write_text("".join(f'"{word}"\n' for word in quoted))
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))

    def once(data: bytes) -> None:
        try:
            target(data, place)
        except SepdiarError:
            return

    atheris.Setup([sys.argv[0], str(corpus), f"-dict={words}", "-max_len=4096", *sys.argv[3:]], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
