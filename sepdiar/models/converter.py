"""The process that reads pickles and archives of strangers, from outside: started, told what to do, and replaced where it died.

`sepdiar.models.convert_process` is its inside. What it reads may crash it, hang it or ask for all memory: that ends in SD264.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sepdiar.environment import for_child
from sepdiar.errors import SepdiarError

COMMAND = (sys.executable, "-P", "-m", "sepdiar.models.convert_process")
SECONDS = 120
"""Of a processor, for any file; a large one has more."""
LONGEST = 1 << 16  # bytes of an answer
TAIL = 400
SIGNALS = {signal.SIGXCPU: "reading it takes longer than any weights of its size should", signal.SIGKILL: "reading it was killed"}


class Converter:
    """A process that makes safetensors of what could run. It is started when it is needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()

    def work(self, kind: str, source: Path, made: Path, **how: Any) -> None:
        """Have something made of the file `source`; SD264 where that cannot be done, OSError where the disk refuses."""
        process = self._running()
        files = {"source": str(source.absolute()), "made": str(made.absolute())}
        answer = self._asked(process, {"kind": kind, **files, "seconds": SECONDS, **how})
        if answer is None:
            raise SepdiarError("SD264", self._died(process), where=source.name)
        if number := answer.get("disk"):
            raise OSError(number, os.strerror(number), str(made))
        if what := answer.get("refused"):
            raise SepdiarError("SD264", what, where=source.name)

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._end(self._process)
        self._said.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            environ = for_child(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
            piped = subprocess.PIPE
            self._process = subprocess.Popen(COMMAND, stdin=piped, stdout=piped, stderr=self._said, env=environ)
            if self._asked(self._process, {"kind": "nothing"}) is None:
                raise SepdiarError("SD252", self._died(self._process), where="torch, safetensors")
        return self._process

    def _asked(self, process: subprocess.Popen[bytes], order: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to an order; None where the process has died."""
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process has no pipes")
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        line = process.stdout.readline(LONGEST)
        answer: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return answer

    def _died(self, process: subprocess.Popen[bytes]) -> str:
        """How the process ended, in words; the next order gets a new one."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        self._end(process)
        self._process = None
        if process.returncode < 0:
            ended = signal.Signals(-process.returncode)
            return SIGNALS.get(ended, f"reading it crashed ({ended.name})")
        self._said.seek(0)
        last = self._said.read()[-TAIL:].decode(errors="replace").strip().rpartition("\n")[2]
        return last or f"reading it ended with status {process.returncode}"

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()


_here: ContextVar[Converter | None] = ContextVar("converter", default=None)


@contextmanager
def converter() -> Iterator[Converter]:
    """A converter; inside, whoever needs one gets the same, so that torch is imported once."""
    if there := _here.get():
        yield there
        return
    made = Converter()
    token = _here.set(made)
    try:
        yield made
    finally:
        _here.reset(token)
        made.close()
