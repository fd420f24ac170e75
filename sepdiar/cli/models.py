"""Models by name: which there are, pulling one, and whether all are still whole."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from sepdiar.cli import say
from sepdiar.cli.about import JSON, mark
from sepdiar.cli.group import Group
from sepdiar.errors import DONE, SOME_FAILED
from sepdiar.events import Event, Listener


@click.group(cls=Group)
def models() -> None:
    """Models: list, pull, verify.

    What comes with sepdiar needs no pulling. Pulled models lie in SEPDIAR_MODELS, by default sepdiar/models below
    XDG_DATA_HOME (~/.local/share), and need no network ever after.
    """


@models.command("list")
@JSON
def listing(machine: bool) -> None:
    """Every model that sepdiar knows, and whether it is here."""
    from sepdiar.models import list as known

    listed = known()
    if machine:
        say.as_json(listed)
        return
    rows = [
        (
            mark(None if model.state == "absent" else True),
            click.style(model.name, bold=True),
            model.state + (", gated" if model.gated else ""),
            f"{model.rate} Hz",
            model.licence,
            model.about,
        )
        for model in listed
    ]
    for line in say.columns(rows):
        say.data(line)
    say.words(say.dim("what is absent can be fetched once: sepdiar models pull NAME"))


@models.command()
@click.argument("name")
def pull(name: str) -> None:
    """Fetch a public model once, check it and keep it.

    What was cut off goes on where it stopped. For a gated model: hf auth login, or export HF_TOKEN. The folder goes to stdout.
    """
    from sepdiar.models import pull as fetch

    with _progress() as listen:
        folder = fetch(name, listen=listen)
    say.data(str(folder))


@models.command()
@click.argument("name", required=False)
@JSON
def verify(name: str | None, machine: bool) -> int:
    """Compare the files of NAME, or of every model that is here, with their hashes."""
    from sepdiar.models import verify as check

    found = check(name)
    if machine:
        say.as_json(found)
    else:
        rows = [(mark(row.good), click.style(row.name, bold=True), say.flat(row.detail)) for row in found]
        for line, row in zip(say.columns(rows), found, strict=True):
            say.data(line)
            if row.mend:
                say.data(f"   {say.bright('mend')}  {row.mend}")
    return SOME_FAILED if any(row.good is False for row in found) else DONE


@contextmanager
def _progress() -> Iterator[Listener]:
    """On a terminal one line that counts; elsewhere a line for each file."""
    counts = sys.stderr.isatty()
    begun: set[str] = set()

    def listen(event: Event) -> None:
        file, done, of = event.facts["file"], event.facts["bytes"], event.facts["of"]
        if counts:
            total = f" of {say.size(of)}" if of else ""
            click.echo(f"\r\033[K{say.flat(file)}  {say.size(done)}{total}", err=True, nl=False)
        elif file not in begun:
            say.words(f"{say.flat(file)}  {say.size(of)}" if of else say.flat(file))
        begun.add(file)

    try:
        yield listen
    finally:
        if counts and begun:
            say.words()
