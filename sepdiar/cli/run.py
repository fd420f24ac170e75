"""A whole run: process, status, retry, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sepdiar.cli import options, say
from sepdiar.errors import DONE

RUN = click.argument("run", type=options.PATH)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=options.PATH, metavar="PATH...")
@click.option("--out", type=options.PATH, required=True, metavar="RUN", help="The run directory; a second run into it continues.")
@options.several(options.recipe, options.config, options.separator, options.diarizer, options.recognizer, options.pairing)
@options.several(options.device, options.use, options.salvage, options.settings)
@options.crew
@click.option("--dry-run", is_flag=True, help="Say what would be done, by which models, and the space that it needs.")
@options.several(options.log_format, options.machine)
def process(paths: tuple[Path, ...], out: Path, log_format: str, machine: bool, **chosen: Any) -> int:
    """Every recording under PATH into two channels in RUN.

    One speaker a channel, with turns and words. Interrupted anywhere and started again, it continues, and ends in the same bytes.
    """
    from sepdiar.cli.display import listening
    from sepdiar.cli.summary import plan, summary
    from sepdiar.results import Plan
    from sepdiar.run import process as start

    if chosen["dry_run"]:
        planned = start(paths, out, **chosen)
        if machine:
            say.as_json(planned)
        elif isinstance(planned, Plan):
            plan(planned)
        return DONE
    with listening(log_format) as listen:
        made = start(paths, out, **chosen, listen=listen)
    return summary(made, log_format, machine)


@click.command()
@RUN
@options.machine
def status(run: Path, machine: bool) -> None:
    """Where a run stands, and what failed."""
    from sepdiar.cli.summary import standing
    from sepdiar.run import status as ask

    found = ask(run)
    if machine:
        say.as_json({**say.plain(found), "left": found.left})
    else:
        standing(found)


@click.command()
@RUN
@options.crew
@options.several(options.log_format, options.machine)
def retry(run: Path, log_format: str, machine: bool, **chosen: Any) -> int:
    """Try again what failed in a run, as it was configured."""
    from sepdiar.cli.display import listening
    from sepdiar.cli.summary import summary
    from sepdiar.run import retry as start

    with listening(log_format) as listen:
        made = start(run, **chosen, listen=listen)
    return summary(made, log_format, machine)


@click.command()
@RUN
@click.option("--repair", is_flag=True, help="Make what is at fault again, from its input.")
@options.crew
@options.several(options.log_format, options.machine)
def verify(run: Path, log_format: str, machine: bool, **chosen: Any) -> int:
    """Compare every file of a run with its checksum."""
    from sepdiar.cli.display import listening
    from sepdiar.cli.summary import verified
    from sepdiar.run import verify as ask

    with listening(log_format) as listen:
        found = ask(run, **chosen, listen=listen)
    if machine:
        say.as_json(found)
    else:
        verified(found)
    return found.exit_code


@click.command()
@RUN
def report(run: Path) -> None:
    """A page to look at: RUN/report/index.html.

    Every run writes it; this makes it again from what is in the run. Its path goes to stdout.
    """
    from sepdiar.api import report as make
    from sepdiar.cli.display import listening

    with listening("lines") as listen:
        say.data(str(make(run, listen=listen)))
