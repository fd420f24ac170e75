"""S7: nothing but `models pull` uses a network. `make test-offline` runs all tests without one; here, commands are watched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).parents[2]
OFFLINE = (sys.executable, str(ROOT / "tests" / "offline.py"))
WITH_A_NETWORK = re.compile(r"^.*\b(?:connect|sendto|sendmsg|sendmmsg)\(.*AF_INET.*$", re.MULTILINE)
QUICK = """
set -e
$SEPDIAR models list
$SEPDIAR process in --out RUN --recipe masking --recognizer none --workers 2
$SEPDIAR status RUN
$SEPDIAR verify RUN
$SEPDIAR report RUN
"""
THOROUGH = """
set -e
$SEPDIAR doctor
$SEPDIAR recipes
$SEPDIAR backends
$SEPDIAR models verify
$SEPDIAR process in --out RUN
$SEPDIAR validate moshi RUN
$SEPDIAR separate in/talk.wav --out apart
$SEPDIAR transcribe in/talk.wav
$SEPDIAR diarize in/talk.wav --rttm talk.rttm
$SEPDIAR score der talk.rttm talk.rttm
"""


@pytest.fixture(scope="module")
def offline() -> None:
    if subprocess.run([*OFFLINE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a network cannot be taken away here")


@pytest.fixture
def talk(tmp_path: Path, podcasts: Path) -> Path:
    """The beginning of an example: two people talk."""
    samples, rate = soundfile.read(podcasts / "bread.flac", frames=15 * 16000)
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "talk.wav", samples, rate)
    return tmp_path / "in"


def watched(strace: str, folder: Path, script: str, **more: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """What a script did without a network, and every call by which one of its processes tried to use one."""
    log = folder / "calls"
    command = [strace, "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(log)]
    environment = {**os.environ, "SEPDIAR": f"{sys.executable} -m sepdiar", **more}
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        environment.pop(name, None)
    line = [*command, *OFFLINE, "sh", "-c", script]
    ended = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False)
    return ended, WITH_A_NETWORK.findall(log.read_text(errors="replace"))


@pytest.mark.parametrize("script", [QUICK, pytest.param(THOROUGH, marks=pytest.mark.slow)], ids=["quick", "thorough"])
def test_commands_work_without_a_network_and_do_not_look_for_one(
    script: str, tmp_path: Path, talk: Path, strace: str, offline: None
) -> None:
    ended, calls = watched(strace, tmp_path, script)
    assert ended.returncode == 0, ended.stderr
    assert calls == []


def test_control_pulling_does_look_for_one(tmp_path: Path, strace: str, offline: None) -> None:
    pytest.importorskip("huggingface_hub", reason="needs the extra hub")
    ended, calls = watched(
        strace,
        tmp_path,
        "$SEPDIAR models pull sepformer-whamr16k",
        HF_ENDPOINT="http://127.0.0.1:9",
        SEPDIAR_MODELS=str(tmp_path),
    )
    assert ended.returncode == 3 and "SD260" in ended.stderr, ended.stderr
    assert any("127.0.0.1" in call for call in calls)
