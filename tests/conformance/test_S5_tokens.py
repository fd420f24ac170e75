"""S5: a token of the model hub, wherever it is kept, is in nothing that sepdiar says, writes, or starts."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sepdiar.environment import TOKENS
from sepdiar.models.converter import Converter
from sepdiar.store.lock import Lock

ROOT = Path(__file__).parents[2]
TOKEN = "hf_" + "canary" * 6
PROOF = "proof" * 6
"""A variable that is no token: it shows that what is told and written does reach where we look."""

DRIVER = """
import json, os, sys, traceback
from sepdiar.cli import main
for line in sys.stdin:
    order = json.loads(line)
    os.environ.update(order["environ"])
    try:
        main(order["arguments"])
    except SystemExit as ended:
        code = ended.code
    except BaseException as error:
        traceback.print_exc()
        code = getattr(error, "code", type(error).__name__)
    print(chr(0) + json.dumps(code), flush=True)
"""
STAGE = """
import os
from pathlib import Path
from sepdiar.pipeline import Stage
class Tell(Stage):
    name, requires, provides = "tell", frozenset(), frozenset({"tracks", "files"})
    def run(self, take, emit):
        print(Path("/proc/self/environ").read_text() if os.path.exists("/proc/self/environ") else "")
        raise ValueError(f"all that is known here: {dict(os.environ)}")
"""


def with_tokens(folder: Path) -> dict[str, str]:
    """An environment with a token in each place where the hub's client looks for one, and everybody as talkative as can be."""
    home, hub = folder / "home", folder / "hub"
    for place in (home, hub):
        place.mkdir()
    hosts = ("huggingface.co", "127.0.0.1", "localhost")
    (home / ".netrc").write_text("".join(f"machine {host} login somebody password {TOKEN}\n" for host in hosts))
    (home / ".netrc").chmod(0o600)
    (hub / "token").write_text(TOKEN)
    (hub / "stored_tokens").write_text(f"[mine]\nhf_token = {TOKEN}\n")
    loud = {"SEPDIAR_DEBUG": "1", "HF_HUB_VERBOSITY": "debug", "HF_DEBUG": "1", "PYTHONWARNINGS": "default", "PROOF": PROOF}
    return {**os.environ, **dict.fromkeys(TOKENS, TOKEN), "HOME": str(home), "HF_HOME": str(hub), **loud}


def leaks(folder: Path, *texts: str, of: str = TOKEN) -> list[str]:
    """Where the token is: in the texts, and in files but those that keep it."""
    kept = {folder / "home" / ".netrc", folder / "hub" / "token", folder / "hub" / "stored_tokens"}
    files = [path for path in folder.rglob("*") if path.is_file() and path not in kept]
    found = [str(path) for path in files if of.encode() in path.read_bytes() or of in path.name]
    return found + [text for text in texts if of in text]


@dataclass
class Front:
    """The command line in a process of its own, one command after the other."""

    process: subprocess.Popen[str]
    said: list[str]

    def run(self, *arguments: object, **environ: str) -> Any:
        """The code, or the exception, with which a command ends."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"arguments": list(map(str, arguments)), "environ": environ}) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith("\0"):
                return json.loads(line[1:])
        raise EOFError("".join(self.said))


@pytest.fixture
def front(tmp_path: Path, hub: Any, home: Path, publish: Callable[..., str]) -> Iterator[Front]:
    environ = {**with_tokens(tmp_path), "HF_ENDPOINT": hub.url, "SEPDIAR_MODELS": str(home)}
    with (tmp_path / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER], env=environ, cwd=tmp_path, text=True, stdin=-1, stdout=-1, stderr=errors
        )
    made = Front(process, [])
    yield made
    assert process.stdin and process.stdout
    process.stdin.close()
    process.wait(timeout=30)
    process.stdout.close()


def test_no_failing_pull_tells_the_token(front: Front, hub: Any, home: Path, publish: Callable[..., str], tmp_path: Path) -> None:
    name = publish({"model.safetensors": bytes(3000), "a.json": b"{}"}, True)
    ended: dict[str, Any] = {}
    hub.token, hub.gated = "hf_another", True
    ended["a token that nobody knows"] = front.run("models", "pull", name)
    hub.stranger = TOKEN
    ended["a token of a stranger"] = front.run("models", "pull", name)
    hub.gated = False
    for status in (500, 503, 429):
        hub.down = status
        ended[f"answers {status}"] = front.run("models", "pull", name)
    hub.down, hub.lies = 0, True
    ended["other bytes"] = front.run("models", "pull", name)
    hub.lies = False
    publish({"model.safetensors": bytes(3000)}, {"model.safetensors": "0" * 64})
    ended["another hash"] = front.run("models", "pull", name)
    publish({"a.bin": b"\x80\x02cos\nmkdir\nVharmed\n\x85R."})
    ended["a harmful pickle"] = front.run("models", "pull", name)
    publish({"a.safetensors": b"\x80\x02]."})
    ended["a pickle for safetensors"] = front.run("models", "pull", name)
    publish({"gone.json": b"{}"})
    del hub.files["gone.json"]
    ended["no such file"] = front.run("models", "pull", name)
    publish({"gone.json": b"{}"}, revision="c" * 40)
    ended["no such commit"] = front.run("models", "pull", name)
    with Lock(home / f".{name}.lock"):
        ended["in use"] = front.run("models", "pull", name)
    ended["no such model"] = front.run("models", "pull", "nonesuch")
    ended["the token for a name"] = front.run("models", "pull", TOKEN)
    ended["the token as an option"] = front.run("models", "pull", name, "--token", TOKEN)
    ended["offline"] = front.run("models", "pull", name, HF_HUB_OFFLINE="1")
    ended["nobody there"] = front.run("models", "pull", name, HF_HUB_OFFLINE="0", HF_ENDPOINT="http://127.0.0.1:9")
    ended["the token in the address"] = front.run("models", "pull", name, HF_ENDPOINT=f"http://me:{TOKEN}@127.0.0.1:9")
    ended["and there"] = front.run("models", "pull", name, HF_ENDPOINT=hub.url.replace("//", f"//me:{TOKEN}@"))
    ended["no address"] = front.run("models", "pull", name, HF_ENDPOINT=f"{TOKEN}://x")
    proxy = {"HTTP_PROXY": f"http://me:{TOKEN}@127.0.0.1:9", "NO_PROXY": ""}
    ended["behind a proxy"] = front.run("models", "pull", name, HF_ENDPOINT="http://nowhere.invalid", **proxy)
    assert all(ended.values()) and len(ended) >= 20, ended
    told = (tmp_path / "stderr").read_text()
    assert leaks(tmp_path, *front.said, told) == []
    asked = [headers.get("authorization", "") for _, _, headers in hub.requests]
    assert f"Bearer {TOKEN}" in asked  # the token was there, and used


def test_no_failing_run_tells_the_token_and_no_process_gets_it(tmp_path: Path, strace: str, record: Callable[..., Path]) -> None:
    plugin, out = tmp_path / "plugin", tmp_path / "out"
    (plugin / "telling-1.0.dist-info").mkdir(parents=True)
    (plugin / "telling.py").write_text(STAGE)
    (plugin / "telling-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: telling\nVersion: 1.0\n")
    (plugin / "telling-1.0.dist-info" / "entry_points.txt").write_text("[sepdiar.stages]\ntell = telling:Tell\n")
    (tmp_path / "tell.toml").write_text('chain = ["decode", "tell"]\n[decode]\nminimum_seconds = 0.01\n[tell]\n')
    (tmp_path / "bad.toml").write_text('chain = ["decode", "nothing"]\n')
    for name in ("a", "b"):
        record(tmp_path / "in" / f"{name}.wav")
    (tmp_path / "in" / "damaged.flac").write_bytes(b"fLaC" + bytes(100))
    (tmp_path / "in" / "none.mp3").write_bytes(b"no audio")
    sepdiar = f"{shlex.quote(sys.executable)} -m sepdiar"
    lines = [
        "process in --out out --recipe tell.toml --workers 2 --log-format json",
        "retry out --workers 1",
        "status out",
        "report out",
        "verify out",
        "process in --out out2 --recipe bad.toml",
        "process nowhere --out out3 --recipe tell.toml",
        "process in --out in/a.wav --recipe tell.toml",
        "models verify nonesuch",
        "score der nowhere.rttm nowhere.rttm",
        "explain nothing",
    ]
    script = "\n".join(f"{sepdiar} {line}; echo $? >>codes" for line in lines)
    command = [strace, "-f", "--seccomp-bpf", "-qq", "-v", "-s", "100000", "-e", "trace=execve", "-o", str(tmp_path / "started")]
    environ = {**with_tokens(tmp_path), "PYTHONPATH": str(plugin)}
    ran = subprocess.run(
        [*command, "sh", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=200, check=False
    )
    started = (tmp_path / "started").read_text().splitlines()
    (tmp_path / "started").unlink()
    codes = (tmp_path / "codes").read_text().split()
    assert len(codes) == len(lines) and codes.count("0") <= 4, codes
    assert leaks(tmp_path, ran.stdout, ran.stderr) == []
    told = leaks(out, of=PROOF)
    assert any("failures" in path for path in told), "what the stage tells is kept"
    ours = [line for line in started if f'"{sys.executable}", "-m", "sepdiar", ' in line or '["sh", ' in line]
    theirs = [line for line in started if line not in ours and "= 0" in line]
    assert any("sepdiar.engine.worker" in line for line in theirs) and any("decode_process" in line for line in theirs)
    assert all(PROOF in line for line in theirs)  # whole environments are seen
    assert [line for line in theirs if TOKEN in line] == []
    assert all(TOKEN in line for line in ours)


POOL = """
import contextlib, os, sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, resource_tracker
from pathlib import Path
from sepdiar.environment import without_tokens
if __name__ == "__main__":
    around = {"hidden": without_tokens, "shown": contextlib.nullcontext}[sys.argv[1]]
    with around(), ProcessPoolExecutor(1, get_context("spawn")) as pool:
        print(pool.submit(Path.read_text, Path("/proc/self/environ")).result())
        print(Path(f"/proc/{resource_tracker._resource_tracker._pid}/environ").read_text())
    print(*(name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if name in os.environ))
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize(("how", "seen"), [("hidden", False), pytest.param("shown", True, id="control")])
def test_pools_of_processes_have_no_token(how: str, seen: bool, tmp_path: Path) -> None:
    (tmp_path / "pool.py").write_text(POOL)
    environ = {**os.environ, **dict.fromkeys(TOKENS, TOKEN)}
    ran = subprocess.run([sys.executable, tmp_path / "pool.py", how], env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout.count("PATH=") >= 2 and (TOKEN in ran.stdout) is seen and ran.stdout.split("\n")[-2].split() == list(TOKENS)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_the_process_that_reads_pickles_has_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TOKENS:
        monkeypatch.setenv(name, TOKEN)
    made = Converter()
    try:
        environ = Path(f"/proc/{made._running().pid}/environ").read_bytes()
    finally:
        made.close()
    assert b"PATH=" in environ and TOKEN.encode() not in environ


def starts(source: str) -> Iterator[tuple[int, bool]]:
    """The lines of a module that start a process, and whether they say with which environment."""
    likely = re.search(r"subprocess|os\.system|popen|Pool|Process\(", source)
    for node in ast.walk(ast.parse(source)) if likely else ():
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if re.fullmatch(r"subprocess\.(run|Popen|call|check_call|check_output)|os\.(system|popen|spawn\w*)", called):
            yield node.lineno, any(keyword.arg == "env" for keyword in node.keywords)
        elif called in ("ProcessPoolExecutor", "Process", "context.Process", "context.Pool"):
            yield node.lineno, "without_tokens" in source


def test_every_start_of_a_process_says_with_which_environment() -> None:
    found = [
        (f"{path.relative_to(ROOT)}:{line}", said)
        for path in sorted((ROOT / "sepdiar").rglob("*.py"))
        for line, said in starts(path.read_text(encoding="utf-8"))
    ]
    assert len(found) > 8 and [where for where, said in found if not said] == []


def test_control_a_start_that_does_not_say_it_is_found() -> None:
    assert [said for _, said in starts("subprocess.run([1])\nos.system('x')\nsubprocess.Popen([1], env={})")] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    "place", ["out/failures/a.json", "out/events.log", "out/run.toml", "out/report/index.html", f"out/{TOKEN}.wav"]
)
def test_control_a_token_in_a_file_is_found(place: str, tmp_path: Path) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text(f'"{TOKEN}"')
    assert leaks(tmp_path) == [str(tmp_path / place)]


def test_control_a_process_without_more_ado_gets_the_token() -> None:
    environ = {**os.environ, **dict.fromkeys(TOKENS, TOKEN)}
    code = "import subprocess, sys; print(subprocess.run(['env'], capture_output=True, text=True).stdout)"
    assert leaks(
        Path("nowhere"), subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True).stdout
    )
