"""The benchmarks of meetings: libricss, simulated-libricss, ami, voxconverse, chime6."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sepdiar.cli import options, say
from sepdiar.errors import DONE, SOME_FAILED

out = click.option("--out", type=options.PATH, required=True, metavar="DIR", help="results.json, README.md, and the run itself.")
recipe = click.option("--recipe", metavar="NAME|FILE", help="What the chain is. Default: the benchmark's own recipe.")
split = click.option("--split", type=click.Choice(["test", "dev"]), default="test", help="Which part of the data. [test]")
gss = click.option(
    "--gss",
    type=click.Choice(["system", "oracle"]),
    help="Also the array, by guided source separation: with the chain's turns, or the true ones. Needs sepdiar[nemo].",
)
measuring = options.several(
    out, recipe, options.settings, split, options.limit, options.workers, options.log_format, options.machine
)
DATA = click.argument("data", type=options.PATH)


@click.command()
@DATA
@measuring
@gss
def libricss(data: Path, log_format: str, machine: bool, **chosen: Any) -> int:
    """LibriCSS: words and speakers from no overlap to 40 %.

    DATA is the folder for_release. True segments (best of the output streams), whole sessions (cpWER, ORC-WER), and DER.
    --limit counts sessions of each condition.
    """
    return _measured("libricss", data, log_format, machine, **chosen)


@click.command("simulated-libricss")
@click.argument("manifest", type=options.PATH)
@measuring
@click.option("--sessions", type=click.IntRange(2, 100), default=3, metavar="N", help="Of each condition; the first is dev. [3]")
@click.option("--minutes", type=click.FloatRange(0, 60, min_open=True), default=5.0, metavar="M", help="How long each is. [5]")
@click.option("--speakers", type=click.IntRange(min=2), default=8, metavar="N", help="In each session, at most. [8]")
@click.option("--seed", type=int, default=0, metavar="K", help="Another seed, other sessions. [0]")
@click.option("--words", type=options.PATH, metavar="CTM", help="Times of words, if not beside the manifest.")
@click.option("--root", type=options.PATH, metavar="DIR", help="Where the manifest's files lie, if not beside it.")
@click.option("--part", metavar="NAME", help="Only the manifest's lines of this split.")
def simulated_libricss(manifest: Path, log_format: str, machine: bool, **chosen: Any) -> int:
    """LibriCSS made from clean speech of yours.

    MANIFEST is a TSV with the columns utt, speaker, file and text, as for sepdiar simulate.
    """
    return _measured("simulated_libricss", manifest, log_format, machine, **chosen)


@click.command()
@DATA
@measuring
def ami(data: Path, log_format: str, machine: bool, **chosen: Any) -> int:
    """AMI: who speaks when in meetings.

    DATA holds audio, and the only_words references with their UEMs, or the annotations. --limit counts meetings.
    """
    return _measured("ami", data, log_format, machine, **chosen)


@click.command()
@DATA
@measuring
def voxconverse(data: Path, log_format: str, machine: bool, **chosen: Any) -> int:
    """VoxConverse: who speaks when in debates and news.

    DATA holds dev/*.rttm and test/*.rttm, and the WAV files anywhere below.
    """
    return _measured("voxconverse", data, log_format, machine, **chosen)


@click.command()
@DATA
@measuring
@gss
def chime6(data: Path, log_format: str, machine: bool, **chosen: Any) -> int:
    """CHiME-6: dinner parties; tracks 1 and 2, CHiME-8 DASR.

    DATA holds audio/ and transcriptions/; with uem/, the stretches of CHiME-8. test is CHiME-6's eval.
    """
    return _measured("chime6", data, log_format, machine, **chosen)


def _measured(name: str, data: Path, log_format: str, machine: bool, **chosen: Any) -> int:
    from importlib import import_module

    from sepdiar.cli.display import listening
    from sepdiar.evaluation.meetings import pages
    from sepdiar.evaluation.page import show

    measure = getattr(import_module("sepdiar.eval"), name)
    with listening(log_format) as listen:
        results = measure(data, listen=listen, **chosen)
    if machine:
        say.as_json(results)
    else:
        show(list(pages.sheets(results)), pages.notes(results))
    return SOME_FAILED if any(row["failure"] for row in results["recordings"]) else DONE
