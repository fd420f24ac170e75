"""What files that strangers give may ask for: regular files below one folder, and nothing else."""

from __future__ import annotations

import re
from io import BufferedReader
from pathlib import Path

from sepdiar.audio.inputs import open_regular
from sepdiar.errors import SepdiarError

_CONTROL = re.compile(r"[\x00-\x1f]")
_SCHEME_OR_COMMAND = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|-$|.*[|`]|.*\$\(|.*\\")


def inside(name: str, root: Path, where: str, start: Path | None = None) -> Path:
    """The path of the file that is called `name` at `where`, links followed; nothing is opened.

    It is relative to the folder `start`, or else to `root`, a path that is resolved already. SD401: it leads outside of `root`.
    SD402: a URL, a pipe or a command. SD403: no name of a file.
    """
    if not name.strip():
        raise SepdiarError("SD403", "no file", where=where)
    if _CONTROL.search(name):
        raise SepdiarError("SD403", f"a control character in {name!r}", where=where)
    if _SCHEME_OR_COMMAND.match(name):
        raise SepdiarError("SD402", repr(name), where=where)
    try:
        path = ((start or root) / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, or what cannot be a name here
        raise SepdiarError("SD403", f"{name!r}: {error}", where=where) from error
    if name.startswith("~") or path == root or not path.is_relative_to(root):
        raise SepdiarError("SD401", repr(name), where=where)
    return path


def no_path(name: str, where: str) -> str:
    """A name that becomes a part of a file's name; SD401 where it would lead to another folder."""
    if "/" in name or "\0" in name:
        raise SepdiarError("SD401", repr(name), where=where)
    return name


def opened(file: Path) -> BufferedReader:
    """The file, open for reading; SD101 to SD104 where it is no regular one, so that nothing blocks."""
    try:
        return open_regular(file)
    except SepdiarError as error:
        raise SepdiarError(error.code, error.what, where=str(file), hint=error.hint) from error
