"""F4: the power goes, and with it whatever was not synced; the same command again gives the same bytes.

No file system that loses power on demand is needed: strace tells every call with its bytes, and from these follows, at
each moment, what may be on the disk. What is synced is there. Of the rest nothing may be, or the names without the bytes,
or with other bytes, or only some of the names of each folder, in order. Each such disk is laid out and worked on again.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sepdiar.errors import SepdiarError
from sepdiar.run import process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")

CALLS = "openat,write,pwrite64,rename,mkdir,fsync,fdatasync,rmdir,unlink,unlinkat,ftruncate"
SAMPLE, SHARES = 48, 4
NO_SYNC = "import os\nos.fsync = lambda handle: None\n"

Tree = dict[str, Any]


@dataclass(eq=False)
class Node:
    """A file or a folder: as the processes see it, as it surely is on the disk, and what became of its names since."""

    now: Any
    safe: Any
    since: list[tuple[str, Node | None]] = field(default_factory=list)

    def sync(self) -> None:
        self.safe, self.since = type(self.now)(self.now), []

    def name(self, name: str, node: Node | None) -> None:
        self.now.pop(name, None)
        self.now |= {name: node} if node else {}
        self.since.append((name, node))


@dataclass
class Handle:
    node: Node
    at: int = 0


class Disk:
    """What the calls of a log do to the folder `root`; paths elsewhere are passed over."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.top = Node({}, {})
        self.handles: dict[tuple[str, str], Handle] = {}

    def do(self, pid: str, call: str, paths: list[str], said: str, result: str) -> bool:
        """One call that went well; whether it was about the folder."""
        handle = said.partition("<")[0]
        known = self.handles.get((pid, handle))
        if call == "openat":
            self.handles.pop((pid, result), None)
            node = self._opened(paths, said)
            if node:
                self.handles[pid, result] = Handle(node, len(node.now) if "O_APPEND" in said else 0)
            return node is not None and "O_CREAT" in said
        if call in ("write", "pwrite64", "ftruncate", "fsync", "fdatasync"):
            if not known:
                return False
            if call in ("fsync", "fdatasync"):
                known.node.sync()
            elif call == "ftruncate":
                length = int(said.rpartition(", ")[2])
                known.node.now = (known.node.now + bytes(length))[:length]
            else:
                self._write(known, paths[-1].encode("latin-1"), int(said.rpartition(", ")[2]) if call == "pwrite64" else None)
            return True
        places = [self._place(path) for path in ([f"{paths[0]}/{paths[1]}"] if call == "unlinkat" else paths[-2:])]
        if places[-1] is None:
            return False
        folder, name = places[-1]
        node = Node({}, {}) if call == "mkdir" else None
        if call == "rename":
            old, before = places[0] or pytest.fail(f"renamed from elsewhere: {said}")
            node = old.now[before]
            old.name(before, None)
        folder.name(name, node)
        return True

    def _place(self, path: str) -> tuple[Node, str] | None:
        """The folder that a path is in, and its name there."""
        if not path.startswith(f"{self.root}/"):
            return None
        *parents, name = Path(path).relative_to(self.root).parts
        folder = self.top
        for parent in parents:
            folder = folder.now[parent]
        return folder, name

    def _opened(self, paths: list[str], said: str) -> Node | None:
        if paths[-1] == str(self.root):
            return self.top
        if (place := self._place(paths[-1])) is None:
            return None
        folder, name = place
        if name not in folder.now:
            folder.name(name, Node(b"", b""))
        node: Node = folder.now[name]
        if "O_TRUNC" in said:
            node.now = b""
        return node

    def _write(self, handle: Handle, data: bytes, at: int | None) -> None:
        start = handle.at if at is None else at
        before = handle.node.now.ljust(start, b"\0")
        handle.node.now = before[:start] + data + before[start + len(data) :]
        handle.at = start + len(data) if at is None else handle.at


def surely(node: Node) -> Tree:
    """Only what is synced."""
    return {name: surely(below) if isinstance(below.now, dict) else below.safe for name, below in node.safe.items()}


def named(node: Node, unsynced: Callable[[Node], bytes]) -> Tree:
    """All names, and of the bytes what is synced; of files that are not, what `unsynced` says."""
    return {
        name: named(below, unsynced) if isinstance(below.now, dict) else below.now if below.now == below.safe else unsynced(below)
        for name, below in node.now.items()
    }


def partly(node: Node, chance: random.Random) -> Tree:
    """In each folder some of what happened to its names, in order; of each file the old bytes, the new ones, or some."""
    names = dict(node.safe)
    for name, below in node.since[: chance.randint(0, len(node.since))]:
        names.pop(name, None)
        names |= {name: below} if below else {}
    made: Tree = {}
    for name, below in names.items():
        if isinstance(below.now, dict):
            made[name] = partly(below, chance)
        else:
            unsynced = (below.safe, below.now[: len(below.now) // 2]) if below.now != below.safe else ()
            made[name] = chance.choice((below.now, *unsynced))
    return made


def disks(disk: Disk, moment: int) -> Iterator[Tree]:
    """What may be found after the power went at this moment."""
    yield surely(disk.top)
    yield named(disk.top, lambda file: file.safe)
    yield named(disk.top, lambda file: bytes(len(file.now)))
    yield named(disk.top, lambda file: file.now[: len(file.now) // 2])
    for more in range(2):
        yield partly(disk.top, random.Random(10 * moment + more))


def calls(log: Path) -> Iterator[tuple[str, str, list[str], str, str]]:
    """Process, call, the strings in it (handles as their paths), its arguments, and its result, of those that went well."""
    begun: dict[str, str] = {}
    for line in log.read_text().splitlines():
        pid, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>", rest):
            rest = begun.pop(pid) + rest[resumed.end() :]
        if whole := re.fullmatch(r"(\w+)\((.*)\)\s+= (\d+)(?:<.*>)?", rest):
            call, said, result = whole.groups()
            paths = [
                bytes.fromhex(text.replace("\\x", "")).decode("latin-1")
                for text in re.findall(r'["<]((?:\\x[0-9a-f]{2})*)[">]', said)
            ]
            yield pid, call, paths, re.sub(r'"(\\x..)*"', "", said), result


def watched(bench: Any, strace: str, out: Path, **more: str) -> list[Tree]:
    """Every disk that a power cut could leave of one run, each once; the last is what is sure after its end."""
    log = bench.folder / "calls.log"
    fast = ("--seccomp-bpf",)
    if subprocess.run([strace, "-f", *fast, "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        fast = ()
    before = (strace, "-f", *fast, "-qq", "-xx", "-y", "-s", "1000000", "-o", str(log), "-e", f"trace={CALLS}")
    made = bench.run(out, 1, before, **more)
    assert made.returncode == 1, made.stderr
    disk, found = Disk(out.parent), {}
    for moment, call in enumerate(calls(log)):
        if disk.do(*call):
            for tree in disks(disk, moment):
                found[repr(tree)] = tree
    last = surely(disk.top)
    assert "items" in named(disk.top, lambda file: file.safe)[out.name]
    return [*found.values(), last]


@pytest.fixture(scope="module")
def power_cuts(strace: str, still: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Tree]:
    return watched(still, strace, tmp_path_factory.mktemp("watched") / "out")


def lay_out(tree: Tree, place: Path) -> None:
    place.mkdir(exist_ok=True)
    for name, below in tree.items():
        if isinstance(below, dict):
            lay_out(below, place / name)
        else:
            (place / name).write_bytes(below)


def wrong(tree: Tree, place: Path, bench: Any, golden: Any, read: Any, whole: Any) -> str:
    """What is wrong after a power cut that left this: an item that is not whole, or other bytes after the same command again."""
    shutil.rmtree(place, ignore_errors=True)
    lay_out(tree, place)
    if not whole(place / "out"):
        return "an incomplete item can be seen"
    try:
        process([bench.corpus], place / "out", recipe=bench.recipe, workers=1)
    except SepdiarError as error:
        return str(error)
    made = read(place / "out")
    return ", ".join(sorted(name for name in made.keys() | golden.keys() if made.get(name) != golden.get(name)))


def check(trees: list[Tree], place: Path, *more: Any) -> None:
    bad = [(found, tree) for tree in trees if (found := wrong(tree, place, *more))]
    assert not bad, [found for found, _ in bad]


@pytest.mark.parametrize("share", range(SHARES))
def test_f4_the_power_goes(
    share: int, power_cuts: Any, tiny: Path, tmp_path: Path, still: Any, golden: Any, tree: Any, whole: Any, record_property: Any
) -> None:
    chosen = [power_cuts[round(at * (len(power_cuts) - 1) / (SAMPLE - 1))] for at in range(share, SAMPLE, SHARES)]
    record_property("cases", len(chosen))
    check(chosen, tmp_path, still, golden, tree, whole)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_f4_the_power_goes_at_every_moment(
    power_cuts: Any, tiny: Path, tmp_path: Path, still: Any, golden: Any, tree: Any, whole: Any, record_property: Any
) -> None:
    record_property("cases", len(power_cuts))
    check(power_cuts, tmp_path, still, golden, tree, whole)


def test_f4_what_is_done_is_done(power_cuts: Any, tmp_path: Path, golden: Any) -> None:
    """Once the command has ended, nothing of the result can be lost any more."""
    lay_out(power_cuts[-1], tmp_path)
    out = tmp_path / "out"
    assert {name: (out / name).read_bytes() if (out / name).is_file() else None for name in golden} == golden


def test_f4_control_without_fsync_it_is_caught(
    strace: str, tiny: Path, tmp_path: Path, still: Any, golden: Any, tree: Any, whole: Any, record_property: Any
) -> None:
    """The same run by processes whose fsync does nothing: some of the same power cuts must lose something."""
    (tmp_path / "sitecustomize.py").write_text(NO_SYNC)
    (tmp_path / "watched").mkdir()
    left = watched(still, strace, tmp_path / "watched" / "out", PYTHONPATH=f"{tmp_path}:{still.recipe.parent}")
    chosen = [left[round(at * (len(left) - 1) / 19)] for at in range(20)]
    caught = sum(bool(wrong(one, tmp_path / "place", still, golden, tree, whole)) for one in chosen)
    record_property("cases", len(chosen))
    record_property("caught", caught)
    assert caught >= 3
