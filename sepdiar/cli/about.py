"""What there is, whether it works here, and what a code means: recipes, backends, doctor, explain."""

from __future__ import annotations

from pathlib import Path

import click

from sepdiar.cli import say
from sepdiar.errors import CODES, DONE

JSON = click.option("--json", "machine", is_flag=True, help="For programs.")


@click.command()
@JSON
def backends(machine: bool) -> None:
    """What diarizes, separates and recognizes here.

    Every backend that is installed, and what those that cannot work lack.
    """
    from sepdiar.registry import backends

    listed = backends()
    if machine:
        say.as_json(listed)
        return
    rows = [
        (
            mark(backend.available),
            backend.kind,
            click.style(backend.name, bold=True),
            backend.summary if backend.available else _lack(backend.missing, backend.summary),
        )
        for backend in listed
    ]
    for line, backend in zip(say.columns(rows), listed, strict=True):
        say.data(line)
        if backend.mend:
            say.data(f"   {say.bright('mend')}  {backend.mend}")
    say.words(say.dim("any installed package can add one: see CONTRIBUTING.md, a backend in 40 lines"))


@click.command()
@JSON
def recipes(machine: bool) -> None:
    """The recipes that ship with sepdiar.

    Below each, the commands that bring what it needs and this machine lacks.
    """
    from sepdiar.config import DEFAULT_RECIPE, resolve
    from sepdiar.config import recipes as shipped
    from sepdiar.ingredients import lacking

    known = {name: resolve(name, environ={}) for name in shipped()}
    if machine:
        say.as_json({name: config.values for name, config in known.items()})
        return
    rows = [
        (name, "default" if name == DEFAULT_RECIPE else "", str(config.values.get("about", ""))) for name, config in known.items()
    ]
    for line, config in zip(say.columns(rows), known.values(), strict=True):
        say.data(line)
        for command in lacking(config.stages()):
            say.data(f"   {say.bright('needs')}  {command}")


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@JSON
def doctor(folder: Path | None, machine: bool) -> int:
    """Whether this machine has what a run needs.

    Each red line names the command that mends it.     FOLDER is where runs would be written (default: here).
    """
    from sepdiar.checkup import doctor, missing

    findings = doctor(folder)
    if machine:
        say.as_json(findings)
    else:
        width = max(len(finding.name) for finding in findings)
        room = ""
        for finding in findings:
            if finding.room != room:
                room = finding.room
                say.data(click.style(room, bold=True))
            say.data(f"  {mark(finding.good)} {finding.name.ljust(width)}  {say.flat(finding.detail)}")
            if finding.mend:
                say.data(f"    {say.bright('mend')}  {say.flat(finding.mend)}")
    if refusal := missing(findings):
        return say.refusal(refusal)
    say.words(click.style("everything that the default recipe needs is here", fg="green"))
    return DONE


@click.command()
@click.argument("code", required=False)
@JSON
def explain(code: str | None, machine: bool) -> None:
    """What a code such as SD112 means, and how to mend it.

    Without CODE, all of them.
    """
    if code is None:
        if machine:
            say.as_json(CODES)
            return
        for line in say.columns([(click.style(name, fg="red"), found.title) for name, found in CODES.items()]):
            say.data(line)
        return
    from sepdiar.api import known

    name = known(code)
    found = CODES[name]
    if machine:
        say.as_json({"code": name, **say.plain(found)})
        return
    say.data(click.style(f"{name} {found.title}", bold=True))
    say.data(say.paragraph(f"why   {found.why}"))
    say.data(say.paragraph(f"{say.bright('mend')}  {found.mend}"))
    say.data(say.paragraph(f"exit  {0 if found.skips else found.exit}{' (the recording is skipped)' if found.skips else ''}"))


def mark(good: bool | None) -> str:
    """One letter wide: good, bad, or neither."""
    return {True: click.style("✓", fg="green"), False: click.style("✗", fg="red"), None: say.dim("–")}[good]


def _lack(missing: tuple[str, ...], reason: str) -> str:
    return f"needs {', '.join(missing)}" if missing else reason
