"""S2: archives whose members lead elsewhere, are no files, or burst: nothing is written outside, and each is one refusal."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from sepdiar.errors import SepdiarError
from sepdiar.models import archives

Member = tuple[tarfile.TarInfo, bytes]


def entry(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "", **pax: str) -> Member:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname, made.pax_headers = len(content), kind, link, pax
    return made, content


def whole() -> list[Member]:
    """What a network of NeMo's has."""
    file = io.BytesIO()
    torch.save({"weight": torch.arange(3.0)}, file)
    return [entry("./model_config.yaml", b"a: 1\n"), entry("./model_weights.ckpt", file.getvalue())]


def outside(place: Path) -> dict[str, list[Member]]:
    """Members that a careless reader follows out of its folder, or that are no files; `place` is a folder beside that."""
    return {
        "up": [entry("../canary.txt", b"x")],
        "up from below": [entry("deep", kind=tarfile.DIRTYPE), entry("deep/../../canary.txt", b"x")],
        "absolute": [entry(f"{place}/canary.txt", b"x")],
        "a link up": [entry("canary.txt", kind=tarfile.SYMTYPE, link="../canary.txt")],
        "through a link": [entry("out", kind=tarfile.SYMTYPE, link=str(place)), entry("out/canary.txt", b"x")],
        "through a link of its name": [entry("a.txt", kind=tarfile.SYMTYPE, link=f"{place}/canary.txt"), entry("a.txt", b"x")],
        "a hard link": [entry("canary.txt", kind=tarfile.LNKTYPE, link=f"{place}/secret.txt")],
        "a longer name behind": [entry("a.txt", b"x", path="../canary.txt")],
        "a name of 300 letters up": [entry("../" * 100 + f"{place}/canary.txt"[1:], b"x")],
    }


def other(_: Path) -> dict[str, list[Member]]:
    """What no careless reader is asked to unpack here: it would fill the disk, make devices, or overwrite."""
    return {
        "a device": [entry("a.txt", kind=tarfile.CHRTYPE)],
        "a disk": [entry("a.txt", kind=tarfile.BLKTYPE)],
        "a pipe": [entry("a.txt", kind=tarfile.FIFOTYPE)],
        "a member twice": [entry("model_config.yaml", b"b: 2\n")],
        "weights twice": [entry("model_weights.safetensors", b"\x02" + bytes(7) + b"{}")],
        "no name": [entry(".", b"x")],
        "a kind of its own": [entry("a.txt", b"x", kind=b"Z")],
    }


def written(file: Path, members: list[Member], mode: str = "w") -> Path:
    with tarfile.open(file, mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for about, content in members:
            archive.addfile(about, io.BytesIO(content))
    return file


def names() -> list[str]:
    return [*outside(Path("/x")), *other(Path("/x"))]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder with a folder for archives in it; nothing may appear in either."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    yield tmp_path
    assert not list(tmp_path.rglob("*canary*")) and (tmp_path / "secret.txt").read_text() == "secret"


def converted(file: Path) -> None:
    archives.convert(file, file.with_name("kept.nemo"))


def unpacked(file: Path) -> None:
    with archives.unpacked(file, file.parent):
        pass


@pytest.mark.parametrize("reader", [converted, unpacked])
@pytest.mark.parametrize("name", names())
def test_nothing_leaves_an_archive(place: Path, name: str, reader: Callable[[Path], None]) -> None:
    members = {**outside(place), **other(place)}[name]
    file = written(place / "inner" / "talk.nemo", whole() + members)
    with pytest.raises(SepdiarError) as refused:
        reader(file)
    assert refused.value.code == "SD264" and refused.value.where == "talk.nemo"
    assert [path.name for path in file.parent.iterdir()] == ["talk.nemo"]


def bomb(place: Path) -> Path:
    """300 MB of nothing in 300 kB."""
    return written(place / "inner" / "talk.nemo", [*whole(), entry("a.txt", bytes(300 << 20))], "w:gz")


def said_to_be_huge(place: Path) -> Path:
    """A member that says it has a terabyte."""
    file = written(place / "inner" / "talk.nemo", whole())
    about = tarfile.TarInfo("a.txt")
    about.size = 1 << 40
    content = file.read_bytes().rstrip(b"\0")
    content += bytes(-len(content) % tarfile.BLOCKSIZE)
    file.write_bytes(content + about.tobuf(tarfile.GNU_FORMAT) + bytes(tarfile.BLOCKSIZE))
    return file


def with_holes(place: Path) -> Path:
    """A sparse member: a terabyte of holes."""
    file = written(place / "inner" / "talk.nemo", whole())
    sizes = {"GNU.sparse.size": str(1 << 40), "GNU.sparse.numblocks": "0", "GNU.sparse.map": "", "GNU.sparse.name": "a.txt"}
    return written(file, [*whole(), entry("a.txt", b"", **sizes)])


def many(place: Path) -> Path:
    """Members without end and without content."""
    return written(place / "inner" / "talk.nemo", [*whole(), *(entry(f"{number}.txt") for number in range(1000))], "w:gz")


def long_name(place: Path) -> Path:
    """A name of 3 GB, in 3 MB."""
    about = tarfile.TarInfo("././@LongLink")
    about.type, about.size = tarfile.GNUTYPE_LONGNAME, 3 << 30
    file = written(place / "inner" / "talk.nemo", whole())
    content = file.read_bytes().rstrip(b"\0")
    content += bytes(-len(content) % tarfile.BLOCKSIZE)
    file.write_bytes(content + about.tobuf(tarfile.GNU_FORMAT) + b"a" * (1 << 20))
    return file


def cut(place: Path) -> Path:
    file = written(place / "inner" / "talk.nemo", whole(), "w:gz")
    file.write_bytes(file.read_bytes()[:-40])
    return file


@pytest.mark.parametrize("make", [bomb, said_to_be_huge, with_holes, many, long_name, cut])
def test_what_bursts_is_refused_before_it_fills_the_disk(place: Path, make: Callable[[Path], Path]) -> None:
    file = make(place)
    with pytest.raises(SepdiarError, match="SD264"):
        converted(file)
    assert [path.name for path in file.parent.iterdir()] == ["talk.nemo"]


@pytest.mark.parametrize("name", outside(Path("/x")))
def test_control_a_careless_reader_does_leave_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    file = written(tmp_path / "talk.nemo", outside(tmp_path)[name])
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path / "inner", filter="fully_trusted")
    reached = [path for path in tmp_path.glob("*") if path.name == "canary.txt"]
    linked = [path for path in (tmp_path / "inner").iterdir() if path.is_symlink() or path.stat().st_nlink > 1]
    assert reached or linked


def test_control_a_whole_archive_is_read(tmp_path: Path) -> None:
    converted(written(tmp_path / "talk.nemo", whole()))
    assert (tmp_path / "kept.nemo").is_file()
