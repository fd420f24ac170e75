"""S1: weights that would run code, crash their reader or eat its memory: nothing runs, and the refusal says what they are."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

import sepdiar
from sepdiar.errors import SepdiarError
from sepdiar.models import archives, converter, pickles, published
from sepdiar.training import state

OLD = 0x1950A86A20F9469CFC6C  # what an old torch.save begins with
CANARY = "canary"
"""The file that a payload makes in the working directory when it runs."""


class Reduce:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (CANARY,)


class Built:
    def __getstate__(self) -> dict[str, str]:
        return {"made": CANARY}

    def __setstate__(self, made: dict[str, str]) -> None:
        Path(made["made"]).touch()


class New:
    def __new__(cls, *given: str, **named: str) -> New:
        for name in (*given, *named.values()):
            Path(name).touch()
        return super().__new__(cls)

    def __getnewargs__(self) -> tuple[str, ...]:
        return (CANARY,)


class NewByName(New):
    def __getnewargs_ex__(self) -> tuple[tuple[str, ...], dict[str, str]]:
        return (), {"named": CANARY}


def without_running(kind: type[New]) -> New:
    return object.__new__(kind)


def made_of(content: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **how)
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"archive/{name.replace('__', '/').replace('_pkl', '.pkl')}", content)
        archive.writestr("archive/version", b"3\n")
    return file.getvalue()


def twice() -> bytes:
    """An archive with a harmless and a harmful member of one name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for content in (REDUCE, pickle.dumps({}, 2)):
            archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", b"3\n")
    return file.getvalue()


def tarred(**members: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name.replace("__", "."))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


REDUCE = pickle.dumps({"weight": Reduce()}, 2)
RUN = f"open({CANARY!r}, 'w')".encode()
TENSORS = {"weight": torch.arange(3.0)}
ARCHIVE = {"model_config__yaml": b"a: 1\n", "model_weights__ckpt": made_of(TENSORS)}
A_PICKLE, A_ZIP, AN_OLD, A_TAR = "a pickle:", "a zip archive", "an old torch", "a tar archive"

PAYLOADS: dict[str, tuple[bytes, str]] = {
    "reduce": (REDUCE, A_PICKLE),
    "reduce in protocol 0": (pickle.dumps(Reduce(), 0), A_PICKLE),
    "reduce in protocol 5": (pickle.dumps(Reduce(), 5), A_PICKLE),
    "stack_global": (pickle.dumps(Reduce(), 4), A_PICKLE),
    "build": (pickle.dumps(Built(), 2), A_PICKLE),
    "newobj": (pickle.dumps(without_running(New), 2), A_PICKLE),
    "newobj_ex": (pickle.dumps(without_running(NewByName), 4), A_PICKLE),
    "inst": (b"(V" + CANARY.encode() + b"\nios\nmkdir\n.", ""),
    "obj": (b"(cos\nmkdir\nV" + CANARY.encode() + b"\no.", ""),
    "eval": (b"\x80\x02cbuiltins\neval\nV" + RUN + b"\n\x85R.", A_PICKLE),
    "exec by timeit": (b"\x80\x02ctimeit\ntimeit\n(V" + RUN + b"\nVpass\nctime\nperf_counter\nK\x01tR.", A_PICKLE),
    "a pickle within": (b"\x80\x02c_pickle\nloads\nB" + struct.pack("<I", len(REDUCE)) + REDUCE + b"\x85R.", A_PICKLE),
    "beside tensors": (made_of({"state_dict": TENSORS, "more": Reduce()}), A_ZIP),
    "an old torch": (made_of({"state_dict": TENSORS, "more": Reduce()}, _use_new_zipfile_serialization=False), AN_OLD),
    "an older torch, a tar": (tarred(sys_info=REDUCE, pickle=REDUCE, storages=REDUCE, tensors=REDUCE), A_TAR),
    "TorchScript": (zipped(data_pkl=REDUCE, constants_pkl=REDUCE, code____torch____init__=b""), A_ZIP),
    "a pickle that is an archive too": (REDUCE + zipped(data_pkl=REDUCE), A_PICKLE),
    "an archive with two of a name": (twice(), A_ZIP),
    "compressed": (gzip.compress(REDUCE), "compressed by gzip"),
    "NeMo's": (tarred(**ARCHIVE | {"model_weights__ckpt": made_of({"weight": Reduce()})}), A_TAR),
}


def converted(payload: bytes) -> None:
    Path("a.bin").write_bytes(payload)
    pickles.convert(Path("a.bin"), Path("a.safetensors"))


def of_a_backend(payload: bytes) -> None:
    Path("a.pt").write_bytes(payload)
    published.weights(Path("a.pt"))


def called_safetensors(payload: bytes) -> None:
    Path("a.safetensors").write_bytes(payload)
    published.weights(Path("a.safetensors"))


def in_an_archive(payload: bytes) -> None:
    Path("a.nemo").write_bytes(tarred(**ARCHIVE | {"model_weights__ckpt": payload}))
    archives.convert(Path("a.nemo"), Path("b.nemo"))


def called_safetensors_in_an_archive(payload: bytes) -> None:
    Path("a.nemo").write_bytes(tarred(**ARCHIVE | {"other__safetensors": payload}))
    archives.convert(Path("a.nemo"), Path("b.nemo"))


def an_archive(payload: bytes) -> None:
    Path("a.nemo").write_bytes(payload)
    with archives.unpacked(Path("a.nemo")):
        raise ValueError("it was unpacked")


def of_a_training(payload: bytes) -> None:
    Path(state.STATE).write_bytes(payload)
    state.load(Path())


LOADERS = (
    converted,
    of_a_backend,
    called_safetensors,
    in_an_archive,
    called_safetensors_in_an_archive,
    an_archive,
    of_a_training,
)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol", "ignore:'torch.load' received a zip file")
@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("name", PAYLOADS)
def test_no_payload_runs(name: str, loader: Callable[[bytes], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    payload, kind = PAYLOADS[name]
    with pytest.raises(SepdiarError) as refused:
        loader(payload)
    assert not (tmp_path / CANARY).exists()
    assert refused.value.code == ("SD502" if loader is of_a_training else "SD264")
    if loader in (converted, of_a_backend, called_safetensors):
        assert kind in f"{refused.value.what}:".replace(", though", ":, though"), refused.value
    made = {"a.bin", "a.pt", "a.safetensors", "a.nemo", state.STATE}
    assert {path.name for path in tmp_path.iterdir()} <= made  # nothing is left that was unpacked or converted


def run_by_pickle(payload: bytes) -> None:
    """What a reader without restrictions does with what is in a payload."""
    if payload[:2] == b"\x1f\x8b":
        return run_by_pickle(gzip.decompress(payload))
    if payload[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(payload)) as archive:
            members = [archive.extractfile(entry) for entry in archive if entry.name in ("pickle", "model_weights.ckpt")]
            return run_by_pickle(members[0].read() if members[0] else b"")
    if payload[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            payload = archive.read(next(entry for entry in archive.infolist() if entry.filename == "archive/data.pkl"))
    file = io.BytesIO(payload)
    for _ in range(4 if payload.startswith(pickle.dumps(OLD, 2)) else 1):  # the content is behind three numbers and words

        class Unpickler(pickle.Unpickler):
            def persistent_load(self, _: object) -> Any:
                return torch.UntypedStorage(12)

            def find_class(self, module: str, name: str) -> Any:
                return (lambda *_: None) if "rebuild_tensor" in name else super().find_class(module, name)

        Unpickler(file).load()


@pytest.mark.parametrize("name", PAYLOADS)
def test_control_each_payload_does_run_where_nothing_restricts_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_by_pickle(PAYLOADS[name][0])
    assert (tmp_path / CANARY).exists()


@pytest.mark.parametrize("loader", [converted, of_a_backend, in_an_archive])
def test_control_what_is_harmless_is_read(
    loader: Callable[[bytes], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loader(made_of(TENSORS))


def expanded(elements: int) -> bytes:
    """A tensor of few bytes that says it has many."""
    return made_of({"weight": torch.zeros(1).expand(elements)})


def folded(levels: int) -> Any:
    """Few lists that are very many where each is written out."""
    value: Any = ["x"] * 2
    for _ in range(levels):
        value = [value, value]
    return value


def nested(levels: int) -> bytes:
    return b"\x80\x02" + b"]" * levels + b"a" * (levels - 1) + b"."


def endless() -> Any:
    content: list[Any] = []
    content.append(content)
    return content


def swollen(megabytes: int) -> bytes:
    """An archive of which very much more comes out than it has."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("archive/data.pkl", "w") as member:
            member.write(b"\x80\x02")
            for _ in range(megabytes):
                member.write(b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"0")
        archive.writestr("archive/version", b"3\n")
    return file.getvalue()


def said_to_swell() -> bytes:
    """The same, but only by what it says of itself."""
    content = swollen(1)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = struct.pack("<I", archive.getinfo("archive/data.pkl").file_size)
    return content.replace(size, struct.pack("<I", 3 << 30))


SHAPES: dict[str, Callable[[], bytes]] = {
    "16 GB of one number": lambda: expanded(1 << 32),
    "more than there are addresses": lambda: expanded(1 << 60),
    "3 GB, as it says": said_to_swell,
    "a list of a list of a list": lambda: nested(100_000),
    "a list that holds itself": lambda: made_of({"state_dict": TENSORS, "more": endless()}),
    "two of a name": lambda: made_of({1: torch.ones(1), "1": torch.zeros(1)}),
    "sparse": lambda: made_of({"weight": torch.eye(2).to_sparse()}),
    "no tensors": lambda: made_of({"state_dict": {}}),
    "no mapping": lambda: made_of(torch.ones(2)),
    "metadata for a name": lambda: made_of({"__metadata__": torch.ones(2)}),
    "cut": lambda: made_of(TENSORS)[:-30],
    "a number without end": lambda: b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b".",
    "a length below zero": lambda: b"\x80\x02\x8b" + struct.pack("<i", -5) + b".",
    "nothing on the stack": lambda: b"\x80\x02R.",
    "a memo that is not there": lambda: b"\x80\x02h\x07.",
    "a protocol to come": lambda: b"\x80\xff.",
    "no bytes": lambda: b"",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_a_pickle_holds_it_is_one_refusal(shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SepdiarError) as refused:
        converted(SHAPES[shape]())
    assert refused.value.code == "SD264" and refused.value.what, refused.value
    if "GB" in shape:
        assert "more memory than weights of its size should" in refused.value.what
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.slow
def test_an_archive_that_swells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SepdiarError, match=r"SD264.*more memory than weights of its size should"):
        converted(swollen(1600))


def test_reading_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as hurried, pytest.raises(SepdiarError, match=r"SD264.*(longer|more memory) than"):
        hurried.setattr(converter, "SECONDS", 1)
        converted(made_of({"state_dict": TENSORS, "more": folded(60)}))
    converted(made_of(TENSORS))  # by a new process


@pytest.mark.parametrize("step", [37, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("zipped", [True, False])
def test_mutated_weights_are_read_or_refused(step: int, zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = made_of({"state_dict": TENSORS, "epoch": 3}, _use_new_zipfile_serialization=zipped)
    for place in range(0, len(whole), step):
        for value in (0, 0x80, 0xFF, ord("R"), ord("}")):
            try:
                converted(whole[:place] + bytes([value]) + whole[place + 1 :])
            except SepdiarError as error:
                assert error.code == "SD264"


def test_a_pickle_that_is_pulled_as_safetensors_says_so(hub: Any, home: Path, publish: Callable[..., str]) -> None:
    for name, (payload, kind) in {**PAYLOADS, "none": (save(TENSORS), "")}.items():
        model = publish({"a.safetensors": payload}, True)
        if name == "none":
            assert (sepdiar.models.pull(model) / "a.safetensors").read_bytes() == payload
            continue
        with pytest.raises(SepdiarError) as refused:
            sepdiar.models.pull(model)
        assert refused.value.code == "SD264" and "though its name says safetensors" in refused.value.what
        assert kind.rstrip(":") in refused.value.what and not (home / "talk").exists()
