"""Made from files or said of files: score, simulate, validate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sepdiar.cli import options, say
from sepdiar.errors import DONE, SepdiarError

SECONDS = ("_median", "_p90", "_distance")
METRICS = ("der", "wer", "separation", "swaps", "turns")


@click.command()
@click.argument("metric", type=click.Choice(METRICS))
@click.argument("ref", type=options.PATH)
@click.argument("hyp", type=options.PATH, nargs=-1, required=True)
@click.option("--uem", type=options.PATH, metavar="FILE", help="der, wer: the stretches that are scored.")
@click.option("--collar", type=float, metavar="SECONDS", help="der: not scored on each side of a boundary; wer: for tcp.")
@click.option("--skip-overlap", is_flag=True, help="der: leave out where several speak.")
@click.option("--kind", type=click.Choice(["cp", "tcp", "orc"]), help="wer: how speakers are paired.")
@click.option("--normalizer", type=click.Choice(["none", "basic"]), help="wer: basic takes case and punctuation away.")
@click.option("--turns", type=options.PATH, metavar="FILE", help="separation, swaps: who really speaks when.")
@click.option("--mixture", type=options.PATH, metavar="FILE", help="separation: what was separated, for the improvement.")
@options.machine
def score(metric: str, ref: Path, hyp: tuple[Path, ...], machine: bool, **given: Any) -> None:
    """How far HYP is from REF: der, wer, separation, swaps or turns.

    Files of segments (RTTM, STM, CTM, SegLST), folders of them, or a run; for separation and swaps, audio.
    The protocol is printed with every number.
    """
    from sepdiar.metrics import score as measure

    result = measure(metric, ref, hyp[0] if len(hyp) == 1 else hyp, **given)
    if machine:
        click.echo(result.to_json())
        return
    decibel = metric == "separation"
    say.data(f"{click.style(result.metric, bold=True)}  {figure(result.metric, result.value, decibel)}")
    for line in say.columns([("  ", name, figure(name, value, decibel)) for name, value in result.figures.items()]):
        say.data(line)
    counts = ", ".join(f"{name} {value:g}" for name, value in result.counts.items())
    for title, text in (("counts", counts), ("protocol", result.protocol)):
        say.data(say.dim(say.paragraph(f"{title}: {text}")))


def names(context: click.Context, option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Names with commas between."""
    return tuple(filter(None, map(str.strip, text.split(",")))) if text is not None else None


@click.command()
@click.argument("manifest", type=options.PATH)
@click.option("--out", type=options.PATH, required=True, metavar="DIR", help="Where the dialogues go.")
@click.option("--dialogues", type=click.IntRange(min=1), default=1, metavar="N", help="How many. [1]")
@click.option("--seconds", type=float, default=60.0, metavar="S", help="How long each is. [60]")
@click.option("--overlap", type=float, default=0.2, metavar="F", help="Share of the speech time in which both speak. [0.2]")
@click.option("--seed", type=int, default=0, metavar="K", help="Another seed, other dialogues. [0]")
@click.option("--rate", type=click.IntRange(min=1), metavar="HZ", help="Sample rate; else that of the first utterance.")
@click.option("--split", metavar="NAME", help="Only the manifest's lines of this split.")
@click.option("--speakers", callback=names, metavar="A,B,...", help="Only these speakers.")
@click.option("--levels", type=float, nargs=2, default=(-28.0, -22.0), metavar="DB DB", help="Range of speech levels. [-28 -22]")
@click.option("--rooms", type=options.PATH, metavar="DIR", help="Impulse responses: speech is heard in a room.")
@click.option("--noise", type=options.PATH, metavar="DIR", help="Recordings of noise, added to the mixture.")
@click.option("--snr", type=float, nargs=2, default=(10.0, 25.0), metavar="DB DB", help="Range of speech over noise. [10 25]")
@click.option("--script", is_flag=True, help="The manifest's lines in their order, dialogue by dialogue.")
@click.option("--root", type=options.PATH, metavar="DIR", help="Where the manifest's files lie, if not beside it.")
@click.option("--words", type=options.PATH, metavar="CTM", help="Times of words, if not beside the manifest.")
@click.option("--timed", is_flag=True, help="Only speech whose words have times: python -m sepdiar.simulation.align finds them.")
@options.several(options.log_format, options.machine)
def simulate(manifest: Path, out: Path, log_format: str, machine: bool, **chosen: Any) -> None:
    """Two-channel dialogues with true turns and words.

    MANIFEST is a TSV of single-speaker speech with the columns utt, speaker, file and text. Where it tells sessions (a column of
    that name, or chapters in utt, as LibriSpeech has them), each speaker of a dialogue keeps to one.
    """
    from sepdiar.cli.display import listening
    from sepdiar.events import Event
    from sepdiar.simulation.dialogues import simulate as make

    with listening(log_format) as listen:
        many = 0 if chosen["script"] else chosen["dialogues"]
        listen(Event("run.started", "", {"inputs": many, "out": str(out), "noun": "dialogue", "stages": []}))
        statistics = make(manifest, out, **chosen, listen=listen)
        listen(Event("run.finished"))
    if machine:
        say.as_json(statistics)
        return
    made = [("  ", name, f"{value:g}") for name, value in statistics["made"].items() if isinstance(value, int | float)]
    say.words(f"\n{click.style(say.flat(str(out)), bold=True)}  {say.count(len(statistics['dialogues']), 'dialogue')}")
    for line in say.columns(made):
        say.words(line)


@click.command()
@click.argument("format", metavar="FORMAT")
@click.argument("path", type=options.PATH)
@options.machine
def validate(format: str, path: Path, machine: bool) -> int:
    """Whether a run keeps the rules of whoever will read it.

    FORMAT is moshi, rttm, stm, ctm or seglst.
    """
    from sepdiar.formats.validate import validate as check

    found = check(format, path)
    if machine:
        say.as_json(found)
    else:
        for problem in found.problems:
            say.data(say.flat(str(problem)))
    if found.problems:
        return say.refusal(SepdiarError("SD501", say.count(len(found.problems), "broken rule"), where=str(path)))
    say.words(f"{say.flat(str(path))}: valid {format}")
    return DONE


def figure(name: str, value: object, decibel: bool) -> str:
    """A figure with its unit, which its name tells.

    >>> figure("der", 0.125, False), figure("onset_error_median", 0.03, False), figure("clean", 9.5, True)
    ('12.50 %', '0.030 s', '9.50 dB')
    """
    if not isinstance(value, int | float):
        return "nothing to count" if value is None else say.flat(str(value))
    if name == "swaps":
        return f"{value:.2f} an hour"
    if decibel:
        return f"{value:.2f} dB"
    return f"{value:.3f} s" if name.endswith(SECONDS) else f"{100 * value:.2f} %"
