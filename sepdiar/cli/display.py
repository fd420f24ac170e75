"""Who listens to a run for people: a bar on a terminal, lines in a pipe, one JSON object a line for programs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from sepdiar.cli import say
from sepdiar.cli.tally import ENDINGS, Tally
from sepdiar.errors import CODES, SepdiarError
from sepdiar.events import Event, Listener

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

MARGIN = " " * 9


@contextmanager
def listening(log_format: str) -> Iterator[Listener]:
    """The listener that `--log-format` names; `auto` is a bar on a terminal, lines elsewhere."""
    if log_format == "json":
        yield log_json
    elif log_format == "auto" and sys.stderr.isatty():
        with bar(_stderr()) as shown:
            yield Bar(shown)
    else:
        yield Lines()


@contextmanager
def watching(name: str) -> Iterator[Listener]:
    """For one recording: on a terminal its stages, gone when it is done; in a pipe, nothing but notes."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    with bar(_stderr(), transient=True) as shown:
        yield Stages(shown, shown.add_task(say.flat(name), total=None, now="", speed="", left=""))


def log_json(event: Event) -> None:
    """One object a line, on stderr."""
    line = {"at": round(event.at, 3), "kind": event.kind, "item": event.item, **event.facts}
    click.echo(json.dumps(say.plain(line), ensure_ascii=True), err=True)


@dataclass
class Teller:
    """What is worth a line, whatever the display: failures as they happen, a note once, however many recordings it is of."""

    tally: Tally = field(default_factory=Tally)
    notes: Counter[str] = field(default_factory=Counter)

    def __call__(self, event: Event) -> None:
        self.tally(event)
        for line in self.lines(event):
            self.tell(line)

    def tell(self, line: str) -> None:
        """Show a line."""
        say.words(line)

    def lines(self, event: Event) -> Iterator[str]:
        """The lines that an event is worth."""
        facts = event.facts
        if event.kind == "run.started":
            yield opening(facts)
        elif event.kind in ("item.failed", "item.skipped"):
            told = say.problem(failure(event)) if event.kind == "item.failed" else say.flat(str(failure(event)))
            yield f"{ENDINGS[event.kind]:<8} {self.place()}  {told}"
        elif event.kind == "note":
            self.notes[facts["message"]] += 1
            if self.notes[facts["message"]] == 1:
                yield f"note     {say.flat(': '.join(filter(None, (event.item, facts['message']))))}"
        elif event.kind == "run.stopping" and facts.get("busy"):
            busy = say.count(facts.get("busy", 0), "recording")
            yield f"stopping: {busy} may finish within {facts.get('grace', 0):g} s; Ctrl-C again stops at once"
        elif event.kind == "run.finished":
            for message, many in self.notes.items():
                if many > 1:
                    yield f"note     {say.count(many, 'recording')}: {say.flat(message)}"

    def place(self) -> str:
        """Which recording this is, of how many."""
        return f"{self.tally.ended}/{self.tally.total}" if self.tally.total else str(self.tally.ended)


class Lines(Teller):
    """A line for each recording that is done with."""

    def lines(self, event: Event) -> Iterator[str]:
        """A line for those that are done, too."""
        yield from super().lines(event)
        if event.kind == "item.done":
            yield f"done     {self.place()}  {event.item}  {done(event.facts)}"


class Bar(Teller):
    """One bar for the run, under the lines that are worth it."""

    def __init__(self, shown: Progress) -> None:
        super().__init__()
        self.shown = shown
        self.task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if event.kind == "run.started":
            self.task = self.shown.add_task("", total=self.tally.total or None, now="", speed="", left="")
        if self.task is None:
            return
        speed, left = self.tally.speed(), self.tally.left()
        self.shown.update(
            self.task,
            completed=self.tally.position,
            description=self.place(),
            now=self.tally.active,
            speed=say.speed(speed) if speed else "",
            left=f"{say.duration(left)} left" if left and event.kind != "run.finished" else "",
        )

    def tell(self, line: str) -> None:
        """Above the bar."""
        _above(self.shown, line)


class Stages(Teller):
    """The stages of one recording."""

    def __init__(self, shown: Progress, task: TaskID) -> None:
        super().__init__()
        self.shown, self.task = shown, task

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if event.kind == "stage.started":
            self.shown.update(self.task, total=None, completed=0, now=event.facts["stage"])
        elif event.kind == "stage.progress":
            self.shown.update(self.task, total=1.0, completed=event.facts["fraction"])

    def tell(self, line: str) -> None:
        """Above the bar."""
        _above(self.shown, line)


def bar(console: Console, transient: bool = False) -> Progress:
    """A bar with what is done, how fast, how long still, and the stages going on now."""
    from rich.progress import BarColumn, Progress, TextColumn

    def cell(template: str, style: str = "") -> TextColumn:
        return TextColumn(template, style=style, markup=False)

    return Progress(
        cell("{task.description}"),
        BarColumn(bar_width=32),
        cell("{task.fields[speed]}", "green"),
        cell("{task.fields[left]}"),
        cell("{task.fields[now]}", "dim"),
        console=console,
        transient=transient,
        refresh_per_second=8,
    )


def done(facts: dict[str, Any]) -> str:
    """How much audio, and how fast.

    >>> done({"audio_seconds": 42.0, "seconds": 2.0})
    '42.0 s of audio in 2.0 s, 21 x real time'
    """
    audio, seconds = facts.get("audio_seconds", 0.0), facts.get("seconds")
    speed = f" in {say.duration(seconds)}, {say.speed(audio / seconds)}" if seconds else ""
    return f"{say.duration(audio)} of audio{speed}"


def opening(facts: dict[str, Any]) -> str:
    """How a run begins: how many recordings, where to, what is done already."""
    before = f", {facts['done']} done already" if facts.get("done") else ""
    noun = facts.get("noun", "recording")
    many = say.count(facts["inputs"], noun) if facts.get("inputs") else f"{noun}s"
    return f"{many} into {say.flat(str(facts.get('out', '')))}{before}"


def failure(event: Event) -> SepdiarError:
    """The error that an `item.failed` or `item.skipped` tells of."""
    code, message = event.facts["code"], event.facts.get("message", "")
    what = "" if message == CODES[code].title else message
    return SepdiarError(code, what, where=event.facts.get("path") or event.item, hint=event.facts.get("hint", ""))


def _above(shown: Progress, line: str) -> None:
    """Print above the bar; what is longer than the terminal is wide goes on below, indented."""
    from rich.text import Text

    for part in line.split("\n"):
        first, *rest = Text.from_ansi(part).wrap(shown.console, shown.console.width - len(MARGIN)) or [Text()]
        shown.console.print(first, *(Text(MARGIN) + more for more in rest), sep="\n", soft_wrap=True)


def _stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True)
