"""Train one of our models on your own speech.

    python -m sepdiar.training separation models/compact-separation/train.toml --data SPEECH --out RUN

TASK is separation, segmentation or embedding; RECIPE a TOML file with the tables [network] (the shape), [training] (see
`course.Course`) and those of the task. SPEECH is a manifest.tsv with the columns utt, speaker, file, text and split (train, dev).
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import click

from sepdiar.cli.say import refusal, words
from sepdiar.errors import DONE, INTERRUPTED, SepdiarError


@click.command(help=__doc__)
@click.argument("task")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A manifest, or a folder with one.")
@click.option("--out", type=click.Path(path_type=Path), help="State, figures and weights.  [default: runs/TASK]")
@click.option("--cache", type=click.Path(path_type=Path), help="Where decoded speech is kept.  [default: OUT/speech]")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--threads", type=click.IntRange(1), help="Processor threads of torch.")
@click.option("--steps", type=click.IntRange(1), help="Instead of training.steps of the recipe.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop after that long; the same command goes on.")
def command(
    task: str,
    recipe: Path,
    data: Path,
    out: Path | None,
    cache: Path | None,
    device: str,
    threads: int | None,
    steps: int | None,
    minutes: float | None,
) -> int:
    import torch

    from sepdiar.training.recipe import prepare

    if device != "cpu" and not torch.cuda.is_available():
        raise SepdiarError("SD253", device)
    if threads:
        torch.set_num_threads(threads)
    out = out or Path("runs") / task
    with prepare(task, recipe, data, out, cache, device, steps, words) as training:
        finished = training.run(_asked_to_stop(), minutes or float("inf"))
    words(f"{'finished' if finished else 'stopped'} at step {training.step}: {out}")
    return DONE if finished or minutes else INTERRUPTED


def _asked_to_stop() -> Event:
    """Set by SIGINT or SIGTERM; the second one ends the process at once."""
    stop = Event()

    def heard(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, heard)
    return stop


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with its code."""
    try:
        code: Any = command.main(arguments, prog_name="python -m sepdiar.training", standalone_mode=False)
    except click.ClickException as error:
        code = refusal(SepdiarError("SD200", error.format_message().rstrip("."), hint="python -m sepdiar.training --help"))
    except SepdiarError as error:
        if os.environ.get("SEPDIAR_DEBUG"):
            raise
        code = refusal(error)
    except (click.Abort, KeyboardInterrupt):
        code = refusal(SepdiarError("SD903"))
    sys.exit(code if isinstance(code, int) else DONE)


if __name__ == "__main__":
    main()
