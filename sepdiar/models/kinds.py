"""What a file of weights is by its first bytes, whatever it is called."""

from __future__ import annotations

import re
from pathlib import Path

from sepdiar.errors import SepdiarError

SAFETENSORS = "safetensors"
HEAD = 512
LARGEST_HEADER = 100_000_000  # bytes: safetensors reads no larger one
MAGIC = (
    (re.compile(rb"PK\x03\x04"), "a zip archive, as torch writes pickles"),
    (re.compile(rb"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"), "a pickle of an old torch"),
    (re.compile(rb"\x80[\x02-\x05]"), "a pickle"),
    (re.compile(rb"[(\]})]*(?:[VSIFL][^\n]*\n)*[ci][\w.]+\n[\w.]+\n|\(?[dl]p\d+\n"), "a pickle"),  # protocols 0 and 1
    (re.compile(rb".{257}ustar", re.DOTALL), "a tar archive"),
    (re.compile(rb"\x1f\x8b"), "compressed by gzip"),
    (re.compile(rb"BZh[1-9]1AY&SY"), "compressed by bzip2"),
    (re.compile(rb"\xfd7zXZ\x00"), "compressed by xz"),
    (re.compile(rb"\x89HDF\r\n\x1a\n"), "HDF5"),
    (re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE), "a web page"),
)


def kind(file: Path) -> str:
    """What a file is, in words; "" where no format is known by its beginning.

    What could be safetensors and something else is safetensors: so it is read, and nothing in that can run.
    """
    with file.open("rb") as content:
        head = content.read(HEAD)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= min(LARGEST_HEADER, file.stat().st_size - 8):
        return SAFETENSORS
    return next((name for magic, name in MAGIC if magic.match(head)), "")


def refuse_misnamed(file: Path, name: str = "") -> None:
    """SD264 where what is called .safetensors is of another kind that is known; `name` is what it is called, if not as here."""
    if (name or file.name).endswith(".safetensors") and kind(file) not in ("", SAFETENSORS):
        raise misnamed(file, name or file.name)


def misnamed(file: Path, name: str) -> SepdiarError:
    """SD264 for a file that is called .safetensors and is none."""
    return SepdiarError("SD264", f"is {kind(file) or 'nothing that is known'}, though its name says safetensors", where=name)
