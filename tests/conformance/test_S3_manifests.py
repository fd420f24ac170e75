"""S3: a manifest can name files below its own folder, and nothing else: no other is opened, no address called, no command run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sepdiar.testing import voices

FILES = {
    "SD401": (
        "../secret.wav",
        "x/../../secret.wav",
        "{outside}/secret.wav",
        "/etc/passwd",
        "~/secret.wav",
        "//host/secret.wav",
        "link.wav",
        "folder/secret.wav",
    ),
    "SD402": (
        "file://{outside}/secret.wav",
        "http://169.254.169.254/secret.wav",
        "https://example.org/secret.wav",
        "s3://bucket/secret.wav",
        "pipe:0",
        "concat:{outside}/secret.wav",
        "\\\\host\\secret.wav",
        "cat {outside}/secret.wav |",
        "| touch {outside}/pwned",
        "$(touch {outside}/pwned)",
        "-",
    ),
    "SD403": ("a\0../secret.wav", '{{"type": "command", "source": "touch {outside}/pwned"}}\tx', ""),
}
SCRIPT = """
import json, sys
from sepdiar.errors import SepdiarError
from sepdiar.simulation import simulate
codes = []
for manifest in sys.argv[2:]:
    try:
        simulate(manifest, sys.argv[1], seconds=5)
        codes.append("made")
    except SepdiarError as error:
        codes.append(error.code)
print(json.dumps(codes))
"""
LHOTSE = """
import json, sys
from sepdiar import SepdiarError, corpora
codes = []
for place in sys.argv[1:]:
    try:
        codes.append("made" if list(corpora.read(place, "lhotse")) else "nothing")
    except SepdiarError as error:
        codes.append(error.code)
print(json.dumps(codes))
"""


def test_hostile_manifests_open_nothing(tmp_path: Path, strace: str) -> None:
    corpus = voices(tmp_path / "corpus", utterances=2)
    outside = _secrets(tmp_path, corpus.parent / "voice0-00.wav")
    _links(corpus.parent, outside)
    manifests, codes = [], []
    for code, names in FILES.items():
        for name in names:
            manifests.append(corpus.parent / f"hostile-{len(manifests)}.tsv")
            codes.append(code)
            manifests[-1].write_text(corpus.read_text() + f"u\tvoice0\t{name.format(outside=outside)}\thello\t1.0\n")
    found = _traced(strace, tmp_path, SCRIPT, str(tmp_path / "out"), *map(str, manifests), str(corpus))
    assert found == [*codes, "made"]


@pytest.mark.parametrize("kind", ["recordings", "cuts"])
def test_hostile_manifests_of_lhotse_open_nothing(tmp_path: Path, strace: str, kind: str) -> None:
    audio = voices(tmp_path / "voices", utterances=1).parent / "voice0-00.wav"
    outside = _secrets(tmp_path, audio)
    wanted = [(code, "file", name.format(outside=outside)) for code, names in FILES.items() for name in names]
    wanted += [("SD402", kind, f"touch {outside}/pwned") for kind in ("command", "url", "memory", "shar")]
    wanted += [("SD102", "file", "pipe.wav"), ("SD101", "file", "gone.wav"), ("made", "file", audio.name)]
    places = [tmp_path / f"corpus-{number}" for number in range(len(wanted))]
    for place, (_, source, name) in zip(places, wanted, strict=True):
        place.mkdir()
        shutil.copy(audio, place)
        os.mkfifo(place / "pipe.wav")
        _links(place, outside)
        about = {"id": "talk", "sources": [{"type": source, "channels": [0], "source": name}]}
        said = {"id": "s", "recording_id": "talk", "start": 0, "duration": 0.5, "channel": 0, "text": "yes", "speaker": "A"}
        cut = {"id": "c", "start": 0, "duration": 0.5, "recording": about, "supervisions": [said], "type": "MonoCut"}
        for name, row in {"cuts": {"cuts": cut}, "recordings": {"recordings": about, "supervisions": said}}[kind].items():
            (place / f"{name}.jsonl").write_text(json.dumps(row))
    assert _traced(strace, tmp_path, LHOTSE, *map(str, places)) == [code for code, *_ in wanted]


def _secrets(folder: Path, audio: Path) -> Path:
    """What nobody may read: the folder that has it."""
    outside = folder / "outside"
    outside.mkdir()
    for place in (outside, folder):
        shutil.copy(audio, place / "secret.wav")
    return outside


def _links(corpus: Path, outside: Path) -> None:
    (corpus / "link.wav").symlink_to(outside / "secret.wav")
    (corpus / "folder").symlink_to(outside)


def _traced(strace: str, folder: Path, script: str, *arguments: str) -> list[str]:
    """What a script prints; it has opened no secret, called no address, started no command."""
    log = folder / "calls"
    command = [strace, "-f", "-qq", "-s", "300", "-e", "trace=open,openat,execve,connect", "-o", str(log)]
    ended = subprocess.run(
        [*command, sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=120, check=True
    )
    calls = log.read_text()
    assert "voice0-00.wav" in calls  # the log does see what is opened
    assert not re.search(r"secret\.wav|etc/passwd", calls)
    assert not re.search(r"connect\(.*AF_INET", calls)
    assert len(re.findall(r"execve\(", calls)) == 1
    assert not (folder / "outside" / "pwned").exists()
    found: list[str] = json.loads(ended.stdout)
    return found
