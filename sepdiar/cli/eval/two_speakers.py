"""The benchmarks of two speakers: wsj0mix, wham, whamr, librimix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sepdiar.cli import options, say

DATA = click.argument("data", type=options.PATH)
OUT = click.option("--out", type=options.PATH, required=True, metavar="DIR", help="Where the results go, and what is done.")
RATE = click.option("--rate", type=int, default=8000, show_default=True, metavar="8000|16000", help="Of the mixtures.")
SCORED_RATE = click.option("--scored-rate", type=int, metavar="8000", help="Bring all to this rate before it is scored.")
MODE = click.option(
    "--mode",
    type=click.Choice(["min", "max"]),
    default="min",
    show_default=True,
    help="Mixtures as long as the shorter source, or as the longer.",
)
LIMIT = click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N mixtures.")


def _options(split: str, condition: str, others: str) -> Callable[[Any], Any]:
    return options.several(
        DATA,
        OUT,
        options.separator,
        RATE,
        SCORED_RATE,
        MODE,
        click.option("--split", default=split, show_default=True, metavar="NAME", help="Which part of the corpus."),
        click.option("--condition", default=condition, show_default=True, metavar="NAME", help=f"Which mixtures{others}."),
        LIMIT,
        options.device,
        options.settings,
        options.machine,
    )


@click.command()
@_options("tt", "mix", "")
def wsj0mix(**chosen: Any) -> None:
    """SI-SDRi and SDRi on WSJ0-2mix.

    DATA holds wav8k/min/tt/mix, s1, s2, as the corpus' own scripts make them.
    """
    _show("wsj0mix", **chosen)


@click.command()
@_options("tt", "mix_both", ": mix_both, mix_clean")
def wham(**chosen: Any) -> None:
    """SI-SDRi and SDRi on WHAM!, with noise.

    DATA holds wav8k/min/tt/mix_both, s1, s2, as the corpus' own scripts make them.
    """
    _show("wham", **chosen)


@click.command()
@_options(
    "tt",
    "mix_both_reverb",
    ": mix_both_reverb, mix_clean_reverb, mix_both_anechoic, mix_clean_anechoic; -to-reverb: the room stays",
)
def whamr(**chosen: Any) -> None:
    """SI-SDRi and SDRi on WHAMR!, with noise and rooms.

    DATA holds wav8k/min/tt/mix_both_reverb, s1_anechoic, s2_anechoic, as the corpus' own scripts make them.
    """
    _show("whamr", **chosen)


@click.command()
@_options("test", "mix_clean", ": mix_clean, mix_both")
def librimix(**chosen: Any) -> None:
    """SI-SDRi and SDRi on Libri2Mix.

    DATA is the folder Libri2Mix, with wav8k/min/test/mix_clean, s1, s2, as the corpus' own scripts make it.
    """
    _show("librimix", **chosen)


def _show(name: str, data: Path, machine: bool, **chosen: Any) -> None:
    import sepdiar
    from sepdiar.cli.display import watching
    from sepdiar.evaluation import shipped
    from sepdiar.evaluation.page import show
    from sepdiar.evaluation.two_speakers.sheets import sheet

    with watching(data.name) as listen:
        results = getattr(sepdiar.eval, name)(data, **chosen, listen=listen)
    if machine:
        say.as_json(results)
    else:
        show([sheet(results, shipped.reference(name).rows)], results["protocol"])
