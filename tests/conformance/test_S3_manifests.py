"""S3: a manifest can name files below its own folder, and nothing else: no other is opened, no address called, no command run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

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


def test_hostile_manifests_open_nothing(tmp_path: Path, strace: str) -> None:
    corpus = voices(tmp_path / "corpus", utterances=2)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.wav").write_bytes((corpus.parent / "voice0-00.wav").read_bytes())
    (tmp_path / "secret.wav").write_bytes((corpus.parent / "voice0-00.wav").read_bytes())
    (corpus.parent / "link.wav").symlink_to(outside / "secret.wav")
    (corpus.parent / "folder").symlink_to(outside)
    manifests, codes = [], []
    for code, names in FILES.items():
        for name in names:
            manifests.append(corpus.parent / f"hostile-{len(manifests)}.tsv")
            codes.append(code)
            manifests[-1].write_text(corpus.read_text() + f"u\tvoice0\t{name.format(outside=outside)}\thello\t1.0\n")
    log = tmp_path / "calls"
    command = [strace, "-f", "-qq", "-s", "300", "-e", "trace=open,openat,execve,connect", "-o", str(log)]
    command += [sys.executable, "-c", SCRIPT, str(tmp_path / "out"), *map(str, manifests), str(corpus)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(ended.stdout) == [*codes, "made"]
    calls = log.read_text()
    assert "voice0-00.wav" in calls  # the log does see what is opened
    assert not re.search(r"secret\.wav|etc/passwd", calls)
    assert not re.search(r"connect\(.*AF_INET", calls)
    assert len(re.findall(r"execve\(", calls)) == 1
    assert not (outside / "pwned").exists()
