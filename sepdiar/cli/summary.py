"""How a run is summed up for people: what came out, where, how fast, what failed and how to mend it, what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sepdiar.cli import COMMANDS, say
from sepdiar.errors import CODES, SepdiarError

if TYPE_CHECKING:
    from sepdiar.ingredients import Ingredient
    from sepdiar.results import Plan, RunSummary, Status, Verification
    from sepdiar.store import Failure


def summary(made: object, log_format: str, machine: bool) -> int:
    """Say what became of a run; the code to exit with."""
    from sepdiar.results import RunSummary

    if not isinstance(made, RunSummary):
        raise TypeError(f"a run gives a summary, not {type(made).__name__}")
    if machine:
        say.as_json({**say.plain(made), "left": made.left})
    if log_format != "json":
        for line in told(made):
            say.words(line)
    return made.exit_code


def told(made: RunSummary) -> Iterable[str]:
    """The lines of a summary."""
    run = say.flat(str(made.out))
    yield ""
    yield f"{click.style(run, bold=True)}  {counts(made)}"
    if made.done:
        others = made.items - made.done
        of = f", {others} of them of inputs not given now" if others > 0 else ""
        made_in_all = say.count(max(made.items, made.done), "recording")
        yield f"  {made_in_all} as two channels in {run}/items, listed for training in {run}/data.jsonl{of}"
    if made.audio_seconds:
        speed = click.style(f"{say.speed(made.audio_seconds / made.seconds)}", fg="green")
        yield f"  {say.duration(made.audio_seconds)} of audio in {say.duration(made.seconds)}: {speed}"
    for code, many in made.failures.items():
        words = f"{code} {CODES[code].title}"
        yield f"  {many} x {words} {say.dim('(skipped)')}" if CODES[code].skips else f"  {many} x {click.style(words, fg='red')}"
        yield f"      {say.bright('mend')}  {CODES[code].mend}"
    commands = following(made)
    if commands:
        yield ""
    for command, why in commands:
        yield f"  {say.bright('next')}  {command.ljust(max(len(one) for one, _ in commands))}  {say.dim(why)}"


def counts(made: RunSummary | Status) -> str:
    """How many of which kind."""
    before = getattr(made, "already_done", 0)
    parts = [
        f"{say.count(made.inputs, 'recording')}: {made.done} done" + (f" ({before} before)" if before else ""),
        f"{made.failed} failed" if made.failed else "",
        f"{made.skipped} skipped" if made.skipped else "",
        f"{made.left} left" if made.left else "",
    ]
    return ", ".join(filter(None, parts))


def following(made: RunSummary) -> list[tuple[str, str]]:
    """The commands that a user is likely to want next, and what for."""
    run = say.flat(shlex.quote(str(made.out)))
    if made.left:
        return [("the same command again", "continues where this one stopped")]
    steps = [(f"sepdiar status {run}", "what failed, one by one")] if made.failed or made.skipped else []
    if made.failed:
        steps.append((f"sepdiar retry {run}", "once it is mended"))
    if made.done and "validate" in COMMANDS:
        steps.append((f"sepdiar validate moshi {run}", "by the rules of the reader that trains on it"))
    if made.done and (made.out / "report" / "index.html").is_file():
        steps.append((say.flat(str(made.out / "report" / "index.html")), "a page to look at"))
    return steps


def plan(planned: Plan) -> None:
    """What a dry run found, on stdout."""
    say.data(f"{click.style(say.flat(str(planned.out)), bold=True)}  {say.count(planned.inputs, 'recording')}")
    say.data(f"  {len(planned.pending)} to do, {planned.done} done already, {len(planned.ignored)} not worked on")
    free = f"{say.size(planned.bytes_free)} free"
    short = planned.bytes_needed > planned.bytes_free
    say.data(f"  about {say.size(planned.bytes_needed)} needed, {click.style(free, fg='red') if short else free}")
    say.data(f"  {' > '.join(planned.chain)}")
    for line in _models(planned):
        say.data(f"  {line}")
    rows = [("  ", key, say.flat(str(value)), say.dim(origin)) for key, value, origin in planned.settings if key != "chain"]
    for line in [*say.columns(rows), *(f"  to do  {say.flat(path)}" for path in planned.pending)]:
        say.data(line)
    _list(planned.ignored)


def _models(planned: Plan) -> Iterable[str]:
    """The models of a chain, and what fetches those that are not here."""
    yield from say.columns(
        ("model", one.model or "not told", f"{one.stage}.{one.backend}", one.licence or "licence not known", _state(one))
        for one in planned.models
    )
    absent = {one.model: one for one in planned.models if one.state == "absent"}.values()
    if absent:
        told, untold = sum(one.megabytes for one in absent), sum(not one.megabytes for one in absent)
        sizes = [say.size(told * 1e6)] * bool(told) + [f"{say.count(untold, 'model')} of a size not known"] * bool(untold)
        yield f"{' and '.join(sizes)} to fetch first"
        yield from (f"  {say.bright('needs')}  {one.mend}" for one in absent)


def _state(one: Ingredient) -> str:
    size = f", {say.size(one.megabytes * 1e6)}" if one.state == "absent" and one.megabytes else ""
    return one.state + (", gated" if one.gated else "") + size


def standing(found: Status) -> None:
    """Where a run stands, on stdout."""
    say.data(f"{click.style(say.flat(str(found.out)), bold=True)}  {counts(found)}")
    if found.owner:
        say.data(f"  in use by {say.flat(found.owner)}")
    elif found.left:
        say.data("  nobody works on it; the same command again continues")
    if found.mixed:
        count = say.count(len(found.mixed), "item")
        say.data(f"  {count} of another configuration: sepdiar verify {say.flat(shlex.quote(str(found.out)))} --repair")
    _list(found.failures)


def verified(found: Verification) -> None:
    """What does not match its checksum, on stdout."""
    repaired = set(found.repaired)
    for fault in found.faults:
        place = f"items/{fault.item}/{fault.file}" if fault.item else fault.file
        now = click.style("repaired", fg="green") if fault in repaired else click.style(fault.kind, fg="red")
        say.data(f"{now}  {say.flat(str(found.out / place))}")
    if not found.faults:
        say.words(f"{say.count(found.items, 'item')}: every file is as it was written")
    elif not repaired.issuperset(found.faults):
        left = say.count(len(set(found.faults) - repaired), "file")
        say.refusal(
            SepdiarError("SD306", left, where=str(found.out), hint=f"sepdiar verify {shlex.quote(str(found.out))} --repair")
        )


def _list(failures: Iterable[Failure]) -> None:
    for failure in failures:
        what = "" if failure.message == CODES[failure.code].title else failure.message
        error = SepdiarError(failure.code, what, where=failure.path, hint=failure.hint)
        told = say.flat(str(error)) if CODES[failure.code].skips else say.problem(error)
        say.data(f"{failure.outcome:<8} {told}")
