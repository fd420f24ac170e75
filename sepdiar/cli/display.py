"""Who listens to a run for people: a bar on a terminal, lines in a pipe, one JSON object a line for programs."""

from __future__ import annotations

import json
import sys
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


@contextmanager
def listening(log_format: str) -> Iterator[Listener]:
    """The listener that `--log-format` names; `auto` is a bar on a terminal, lines elsewhere."""
    if log_format == "json":
        yield log_json
    elif log_format == "auto" and sys.stderr.isatty():
        with _bar() as bar:
            yield Bar(bar)
    else:
        yield Lines()


@contextmanager
def watching(name: str) -> Iterator[Listener]:
    """For one recording: on a terminal its stages, gone when it is done; in a pipe, nothing but notes."""
    if not sys.stderr.isatty():
        yield lambda event: _loud(event, say.words)
        return
    with _bar(transient=True) as bar:
        yield Stages(bar, bar.add_task(say.flat(name), total=None, now="", speed="", left=""))


def log_json(event: Event) -> None:
    """One object a line, on stderr."""
    line = {"at": round(event.at, 3), "kind": event.kind, "item": event.item, **event.facts}
    click.echo(json.dumps(say.plain(line), ensure_ascii=True), err=True)


@dataclass
class Lines:
    """A line for each recording that is done with."""

    tally: Tally = field(default_factory=Tally)

    def __call__(self, event: Event) -> None:
        self.tally(event)
        _loud(event, say.words)
        if event.kind == "run.started":
            say.words(opening(event.facts))
        elif event.kind == "item.done":
            place = f"{self.tally.ended}/{self.tally.total}" if self.tally.total else str(self.tally.ended)
            say.words(f"done     {place}  {event.item}  {done(event.facts)}")


@dataclass
class Bar:
    """One bar for the run; what fails is printed above it as it happens."""

    bar: Progress
    tally: Tally = field(default_factory=Tally)
    task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        self.tally(event)
        _loud(event, lambda text: _above(self.bar.console, text))
        if event.kind == "run.started":
            _above(self.bar.console, opening(event.facts))
            self.task = self.bar.add_task("", total=self.tally.total, completed=self.tally.before, now="", speed="", left="")
        elif self.task is not None:
            speed, left = self.tally.speed(), self.tally.left()
            self.bar.update(
                self.task,
                completed=self.tally.position,
                description=f"{self.tally.ended}/{self.tally.total}",
                now=self.tally.active,
                speed=f"{speed:.0f} x real time" if speed else "",
                left=f"{say.duration(left)} left" if left and event.kind != "run.finished" else "",
            )


@dataclass
class Stages:
    """The stages of one recording."""

    bar: Progress
    task: TaskID

    def __call__(self, event: Event) -> None:
        _loud(event, lambda text: _above(self.bar.console, text))
        if event.kind == "stage.started":
            self.bar.update(self.task, total=None, completed=0, now=event.facts["stage"])
        elif event.kind == "stage.progress":
            self.bar.update(self.task, total=1.0, completed=event.facts["fraction"])


def done(facts: dict[str, Any]) -> str:
    """How much audio, and how fast.

    >>> done({"audio_seconds": 42.0, "seconds": 2.0})
    '42.0 s of audio in 2.0 s, 21 x real time'
    """
    audio, seconds = facts.get("audio_seconds", 0.0), facts.get("seconds")
    speed = f" in {say.duration(seconds)}, {audio / seconds:.0f} x real time" if seconds else ""
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


def _loud(event: Event, tell: Any) -> None:
    if event.kind == "item.failed":
        tell(say.problem(failure(event)))
    elif event.kind == "item.skipped":
        tell(f"{ENDINGS[event.kind]}  {say.flat(str(failure(event)))}")
    elif event.kind == "note":
        tell(f"note     {say.flat(': '.join(filter(None, (event.item, event.facts['message']))))}")


def _above(console: Console, text: str) -> None:
    from rich.text import Text

    console.print(Text.from_ansi(text), soft_wrap=True)


def _bar(transient: bool = False) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    def cell(template: str, style: str = "") -> TextColumn:
        return TextColumn(template, style=style, markup=False)

    return Progress(
        cell("{task.description}"),
        BarColumn(bar_width=32),
        cell("{task.fields[speed]}", "green"),
        cell("{task.fields[left]}"),
        cell("{task.fields[now]}", "dim"),
        console=Console(stderr=True),
        transient=transient,
        refresh_per_second=8,
    )
