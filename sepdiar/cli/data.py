"""Made from files or said of files: score, simulate, validate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sepdiar.cli import options, say
from sepdiar.errors import DONE, SepdiarError

METRICS = ("der", "wer", "separation", "turns")


@click.command()
@click.argument("metric", type=click.Choice(METRICS))
@click.argument("ref", type=options.PATH)
@click.argument("hyp", type=options.PATH, nargs=-1, required=True)
@click.option("--uem", type=options.PATH, metavar="FILE", help="der, wer: the stretches that are scored.")
@click.option("--collar", type=float, metavar="SECONDS", help="der: not scored on each side of a boundary; wer: for tcp.")
@click.option("--skip-overlap", is_flag=True, help="der: leave out where several speak.")
@click.option("--kind", type=click.Choice(["cp", "tcp", "orc"]), help="wer: how speakers are paired.")
@click.option("--normalizer", type=click.Choice(["none", "basic"]), help="wer: basic takes case and punctuation away.")
@click.option("--turns", type=options.PATH, metavar="FILE", help="separation: who really speaks when.")
@click.option("--mixture", type=options.PATH, metavar="FILE", help="separation: what was separated, for the improvement.")
@options.machine
def score(metric: str, ref: Path, hyp: tuple[Path, ...], machine: bool, **given: Any) -> None:
    """How far HYP is from REF: der, wer, separation or turns.

    Files of segments (RTTM, STM, CTM, SegLST), folders of them, or a run; for separation, audio.
    The protocol is printed with every number.
    """
    from sepdiar.metrics import score as measure

    result = measure(metric, ref, hyp[0] if len(hyp) == 1 else hyp, **given)
    if machine:
        click.echo(result.to_json())
        return
    unit = "dB" if metric == "separation" else "%"
    say.data(f"{click.style(result.metric, bold=True)}  {_number(result.value, unit)}")
    figures = [("  ", name, _number(value, unit)) for name, value in result.figures.items() if isinstance(value, float)]
    counted = [("  ", name, f"{value:g}") for name, value in result.counts.items() if isinstance(value, int | float)]
    for line in [*say.columns(figures), *say.columns(counted)]:
        say.data(line)
    say.data(f"  {say.dim(f'protocol: {result.protocol}')}")


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


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "nothing to count"
    return f"{100 * value:.2f} %" if unit == "%" else f"{value:.2f} dB"
