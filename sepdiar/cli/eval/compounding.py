"""sepdiar eval compounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sepdiar.cli import options, say
from sepdiar.cli.eval.corpus import corpus


@click.command()
@click.argument("oracle_dir", type=options.PATH)
@click.option("--out", type=options.PATH, required=True, metavar="DIR", help="results.json, the tables, a picture; it continues.")
@corpus
@options.several(options.recipe, options.config, options.separator, options.diarizer, options.recognizer)
@options.several(options.device, options.settings)
@options.workers
@options.several(options.log_format, options.machine)
def compounding(oracle_dir: Path, out: Path, log_format: str, machine: bool, **chosen: Any) -> None:
    """What each stage costs, alone and together.

    ORACLE_DIR holds recordings whose truth is known: two channels or more, one speaker each, with turns and words. Each is mixed
    down, and the chain runs with each of separation, diarization and recognition either the system's or the truth's. What
    sepdiar simulate writes is such a folder.
    """
    from sepdiar.cli.display import listening
    from sepdiar.evaluation.compounding.run import compounding as measure
    from sepdiar.evaluation.compounding.sheets import notes, sheets
    from sepdiar.evaluation.page import show

    with listening(log_format) as listen:
        results = measure(oracle_dir, out, **chosen, listen=listen)
    if machine:
        say.as_json(results)
    else:
        show(list(sheets(results)), notes(results))
