"""One measurement in a process of its own: `python -m sepdiar.evaluation.backends.work ORDER`, an order being JSON.

It tells what it measured as a line of JSON on stderr, and leaves what was said in the file `answer`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sepdiar import registry
from sepdiar.asr import Recognizer
from sepdiar.audio.source import FileAudio
from sepdiar.conversation import Span
from sepdiar.diarization import Diarizer
from sepdiar.engine import memory
from sepdiar.evaluation.backends.order import BACKENDS, FIRST, Backend
from sepdiar.evaluation.backends.same import Answer
from sepdiar.evaluation.bench.order import OURS
from sepdiar.evaluation.bench.telling import limit, measured, tell
from sepdiar.separation.portion import lacking

Call = Callable[[Path], Answer]


def main(arguments: Sequence[str]) -> int:
    """Time the call that the order describes; what a package's call cannot do, and a lack of memory, are told as a reason."""
    order: Mapping[str, Any] = json.loads(arguments[0])
    limit(order["memory"], order["device"])
    backend = BACKENDS[order["backend"]]
    try:
        call = ours(backend, order) if order["way"] == OURS else theirs(backend, order)
        timed(call, backend, order)
    except (MemoryError, RuntimeError) as error:
        short = lacking(error)
        if not short and order["way"] == OURS:
            raise
        tell("failed", reason=_limit(order) if short else f"the call fails: {str(error).partition(chr(10))[0]}")
    return 0


def timed(call: Call, backend: Backend, order: Mapping[str, Any]) -> None:
    """Time a call for a whole recording, after one for its beginning."""
    talk = Path(order["talk"])
    first = call(talk / FIRST)
    about = ", ".join(f"{name} {version(name)}" for name in backend.packages)
    with measured(order["device"], package=about):
        whole = call(talk / "mixture.flac")
    Path(order["answer"]).write_text(json.dumps({"first": first, "whole": whole}))


def ours(backend: Backend, order: Mapping[str, Any]) -> Call:
    """Our backend on a file."""
    device = {} if order["device"] == "cpu" else {"device": order["device"]}
    made: Any = registry.make(backend.kind, backend.name, {**order["parameters"], **device})
    if hasattr(backend.home, "prepare"):
        backend.home.prepare(made)
    memory.keep()
    return lambda file: heard(made, FileAudio.open(file))


def heard(backend: Diarizer | Recognizer, audio: FileAudio) -> Answer:
    """Who speaks when, in seconds; or the words, where somebody is said to speak from the beginning to the end."""
    if hasattr(backend, "diarize"):
        return [[turn.speaker, turn.span.start / audio.rate, turn.span.end / audio.rate] for turn in backend.diarize(audio)]
    return [word.text for word in backend.transcribe(audio, [Span(0, audio.samples)])]


def theirs(backend: Backend, order: Mapping[str, Any]) -> Call:
    """The package's own call, with as many threads as are asked for."""
    if "torch" in backend.packages:
        import torch

        torch.set_num_threads(order["threads"])
    call: Call = backend.home.theirs(order["backend"], order["parameters"], order["device"], order["threads"])
    return call


def _limit(order: Mapping[str, Any]) -> str:
    return f"out of memory ({order['memory']:g} GiB)" if order["device"] == "cpu" else "out of memory"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
