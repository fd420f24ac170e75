"""A small hub that speaks as much of the real one's protocol as pulling needs, and a package that brings cards."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

COMMIT, NEWER = "a" * 40, "b" * 40
REPOSITORY = "somebody/talk"


@dataclass
class Hub:
    """What the hub has and how it behaves; `requests` is what the client asked, with its headers."""

    files: dict[str, bytes] = field(default_factory=dict)
    commit: str = COMMIT
    large: bool = True
    """Whether files are kept as large ones: behind a redirect, with their SHA-256 as ETag."""
    gated: bool = False
    token: str = "hf_secretsecret"
    stranger: str = "hf_strangersecret"
    """A token that it knows, of somebody who has not accepted the conditions."""
    down: int = 0
    lies: bool = False
    """Sends other bytes than those that the ETag promises."""
    cuts: int = 0
    """So many answers break off in the middle."""
    ignores_range: bool = False
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def ranges(self, path: str) -> list[str]:
        """The Range headers with which the bytes of a file were asked for."""
        return [headers.get("range", "") for method, asked, headers in self.requests if method == "GET" and asked.endswith(path)]


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        hub = self.hub
        hub.requests.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        parts = self.path.strip("/").split("/")
        if parts[0] == "cdn":
            self.send(hub.files["/".join(parts[1:])], {}, body)
        elif hub.down:
            self.refuse(hub.down)
        elif hub.gated and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self.refuse(403 if self.headers.get("Authorization") == f"Bearer {hub.stranger}" else 401, "GatedRepo")
        elif parts[:2] != REPOSITORY.split("/") or parts[2] != "resolve":
            self.refuse(404, "RepoNotFound")
        elif parts[3] not in (hub.commit, COMMIT, "main"):
            self.refuse(404, "RevisionNotFound")
        elif (path := "/".join(parts[4:])) not in hub.files:
            self.refuse(404, "EntryNotFound")
        else:
            content = hub.files[path]
            commit = hub.commit if parts[3] == "main" else parts[3]
            sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            about = {"X-Repo-Commit": commit, "ETag": f'"{sha1}"'}
            if hub.large:
                linked = {"X-Linked-Size": str(len(content)), "X-Linked-ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
                cdn = f"{hub.url.replace('127.0.0.1', 'localhost')}/cdn/{path}"  # on another host, as in the real hub
                self.head(302, about | linked | {"Location": cdn, "Content-Length": "0"})
            else:
                self.send(content, about, body)

    def send(self, content: bytes, headers: dict[str, str], body: bool) -> None:
        hub = self.hub
        start = 0
        if (wanted := self.headers.get("Range")) and not hub.ignores_range:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            headers = headers | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        rest = content[start:]
        self.head(206 if "Content-Range" in headers else 200, headers | {"Content-Length": str(len(rest))})
        if body:
            if hub.lies:
                rest = bytes(len(rest))
            if hub.cuts:
                hub.cuts -= 1
                rest = rest[: len(rest) * 2 // 3]
                self.close_connection = True
            self.wfile.write(rest)

    def refuse(self, status: int, code: str = "") -> None:
        self.head(status, {"Content-Length": "0"} | ({"X-Error-Code": code} if code else {}))

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on this machine, to which the client is sent; it has nothing yet."""
    pytest.importorskip("huggingface_hub", reason="needs the extra hub")
    made = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Answer,), {"hub": made}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", made.url)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pulled models go."""
    monkeypatch.setenv("SEPDIAR_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub) -> Callable[..., str]:
    """Put files into the hub and a card for them into a package installed by nothing but a folder on the import path."""
    package = tmp_path / "plugin" / "somebodys_cards"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    about = package.parent / "somebodys_cards-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-cards\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[sepdiar.cards]\nsomebody = somebodys_cards\n")
    sys.modules.pop(package.name, None)  # that of an earlier test
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))

    def put(
        files: dict[str, bytes],
        known: dict[str, str] | bool = False,
        name: str = "talk",
        revision: str = COMMIT,
        gated: bool = False,
        extra: str = "",
    ) -> str:
        hub.files.update(files)
        hub.gated = gated
        hashes = known if isinstance(known, dict) else {}
        if known is True:
            hashes = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
        told = defaultdict(str, {path: f'sha256 = "{value}"\n' for path, value in hashes.items()})
        entries = "".join(f'[[public.files]]\npath = "{path}"\n{told[path]}' for path in files)
        (package / name).mkdir(exist_ok=True)
        (package / name / "card.toml").write_text(
            f'name = "{name}"\nkind = "separation"\nlicence = "MIT"\nrate = 8000\n[public]\nrepository = "{REPOSITORY}"\n'
            f'revision = "{revision}"\ngated = {str(gated).lower()}\n{extra}\n{entries}'
        )
        return name

    return put


@pytest.fixture
def run(tmp_path: Path, home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `sepdiar models` as a user does, with a token store of its own, which is empty."""

    def command(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"HF_HOME": str(tmp_path / "hf")} | variables
        line = [sys.executable, "-m", "sepdiar", "models", *map(str, arguments)]
        return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return command
