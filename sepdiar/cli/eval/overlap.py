"""sepdiar eval overlap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sepdiar.cli import options, say
from sepdiar.cli.eval.corpus import corpus


@click.command()
@click.argument("oracle_dir", type=options.PATH)
@click.option("--out", type=options.PATH, required=True, metavar="DIR", help="results.json and the tables; it continues.")
@click.option("--turns", type=click.Choice(["true", "found"]), default="true", help="Whose turns the chains are given. [true]")
@corpus
@options.several(options.recipe, options.config, options.separator, options.diarizer, options.recognizer)
@options.several(options.device, options.settings)
@options.workers
@options.several(options.log_format, options.machine)
def overlap(oracle_dir: Path, out: Path, log_format: str, machine: bool, **chosen: Any) -> None:
    """What separation gives and what it costs.

    ORACLE_DIR is as for compounding. Beside it stand the figures of Raj et al. (2021).
    """
    from sepdiar.cli.display import listening
    from sepdiar.evaluation.compounding.overlap import notes, sheets
    from sepdiar.evaluation.compounding.overlap import overlap as measure
    from sepdiar.evaluation.page import show

    with listening(log_format) as listen:
        results = measure(oracle_dir, out, **chosen, listen=listen)
    if machine:
        say.as_json(results)
    else:
        show(list(sheets(results)), notes(results))
