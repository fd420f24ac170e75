"""One recording, one answer on stdout: separate, diarize, transcribe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sepdiar.cli import options, say

FILE = click.argument("file", type=options.PATH)


@click.command()
@FILE
@click.option("--out", type=options.PATH, required=True, metavar="DIR", help="Where the files go.")
@options.several(options.separator, options.diarizer, options.speakers, options.pairing)
@options.chain
def separate(file: Path, out: Path, **chosen: Any) -> None:
    """One WAV a speaker: STEM-1.wav, STEM-2.wav.

    Each is as long as the recording, at its rate. Their paths go to stdout.
    """
    from sepdiar.api import separate as ask
    from sepdiar.cli.display import watching
    from sepdiar.engine import memory

    memory.keep()
    with watching(file.name) as listen:
        written = ask(file, out, **chosen, listen=listen)
    for path in written.values():
        say.data(str(path))


@click.command()
@FILE
@options.several(options.diarizer, options.speakers)
@click.option("--rttm", type=options.PATH, metavar="OUT", help="A file instead of stdout.")
@options.chain
def diarize(file: Path, rttm: Path | None, **chosen: Any) -> None:
    """Who speaks when, as RTTM."""
    from sepdiar.api import as_rttm
    from sepdiar.api import diarize as ask
    from sepdiar.cli.display import watching
    from sepdiar.engine import memory

    memory.keep()
    with watching(file.name) as listen:
        found = ask(file, rttm=rttm, **chosen, listen=listen)
    if rttm is None:
        say.data(as_rttm(found).rstrip("\n"))


@click.command()
@FILE
@options.several(options.recognizer, options.diarizer, options.separator, options.speakers)
@click.option("--ctm", type=options.PATH, metavar="OUT", help="A file instead of stdout.")
@options.chain
def transcribe(file: Path, ctm: Path | None, **chosen: Any) -> None:
    """What each speaker says, as CTM.

    Channel 1 is the speaker who speaks first, 2 the second.
    """
    from sepdiar.api import as_ctm
    from sepdiar.api import transcribe as ask
    from sepdiar.cli.display import watching
    from sepdiar.engine import memory

    memory.keep()
    with watching(file.name) as listen:
        found = ask(file, ctm=ctm, **chosen, listen=listen)
    if ctm is None:
        say.data(as_ctm(found).rstrip("\n"))
