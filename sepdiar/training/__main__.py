"""Train the models of sepdiar on your own speech, on a processor or a graphics card.

\b
    python -m sepdiar.training separation models/compact-separation/train.toml --data SPEECH --out RUN
    python -m sepdiar.training export RUN models/my-separation
    python -m sepdiar.training settle RUN START SETTLED --data SPEECH      # with --start: is it best before its end?

SPEECH is a manifest (a TSV with the columns utt, speaker, file, text, and split where it names train and dev), a folder with
a manifest.tsv, a folder as LibriSpeech or VCTK has it, or one with a folder a speaker. Where nothing says which speakers are
for dev, one of twenty is held out.

\b
The same command again goes on where it was stopped: on a processor, with as many threads, to the same bits. It computes in bf16
where the device is quick with it (training.precision = "auto"), else in fp32; on another device perhaps in the other one.
In RUN there are:
    state.pt            what it goes on from
    log.csv dev.csv     loss and dev figures
    best.safetensors    the weights with the best first dev figure, last.safetensors the newest
    training.json       data, steps, seconds, precision, machine, figures, and the hash of the best weights
    train.toml          the recipe
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import click

from sepdiar.cli.say import data as say
from sepdiar.cli.say import refusal, words
from sepdiar.errors import DONE, INTERRUPTED, SepdiarError, from_os_error

ABOUT = {
    "separation": "Two people who talk at once into two channels.",
    "segmentation": "Who speaks when, overlap too, in a window of some seconds.",
    "embedding": "A voice as a vector.",
    "eend": "Who speaks when in half a minute, and how many they are, by attractors.",
}
PROGRAM = "python -m sepdiar.training"
PLACE = click.Path(path_type=Path)


@click.group(help=__doc__, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def program() -> None:
    pass


def _train(
    recipe: Path,
    data: Path,
    out: Path | None,
    cache: Path | None,
    noise: Path | None,
    rooms: Path | None,
    start: Path | None,
    device: str,
    threads: int | None,
    steps: int | None,
    minutes: float | None,
) -> int:
    import torch

    from sepdiar.training.recipe import Order, opened

    if threads:
        torch.set_num_threads(threads)
    task = str(click.get_current_context().info_name)
    order = Order(task, recipe, data, out or Path("runs") / task, cache, noise, rooms, start, device, steps)
    with opened(order, words) as training:
        stop = _asked_to_stop()
        finished = training.run(stop, minutes or float("inf"))
    words(f"{'finished' if finished else 'stopped'} at step {training.step}, {training.seconds:.0f} s")
    say(str(order.out))
    return INTERRUPTED if stop.is_set() and not finished else DONE


for _name, _about in ABOUT.items():
    _command: Any = program.command(_name, help=f"Train: {_about} RECIPE is a TOML file, as models/ has it for each of ours.")(
        _train
    )
    _command.params = [
        click.Argument(["recipe"], type=PLACE),
        click.Option(["--data"], type=PLACE, required=True, help="Speech: a manifest or a folder, see above."),
        click.Option(["--out"], type=PLACE, help=f"The folder of the training.  [default: runs/{_name}]"),
        click.Option(["--cache"], type=PLACE, help="Where decoded speech is kept.  [default: OUT/speech]"),
        click.Option(["--noise"], type=PLACE, help="Recordings of noise to augment with."),
        click.Option(["--rooms"], type=PLACE, help="Measured responses of rooms to augment with."),
        click.Option(["--start"], type=PLACE, help="Weights to begin with instead of random ones."),
        click.Option(["--device"], default="cpu", show_default=True, help="cpu or cuda."),
        click.Option(["--threads"], type=click.IntRange(1), help="Threads of the processor.  [default: what torch takes]"),
        click.Option(["--steps"], type=click.IntRange(1), help="Instead of training.steps of the recipe."),
        click.Option(["--minutes"], type=click.FloatRange(0, min_open=True), help="Stop after that long."),
    ]


@program.command()
@click.argument("run", type=PLACE)
@click.argument("folder", type=PLACE)
def export(run: Path, folder: Path) -> None:
    """Put the best weights of RUN into the FOLDER of a model, and what was measured into its card.toml."""
    from sepdiar.training.export import export as put

    say(put(run, folder)["sha256"])


@program.command()
@click.argument("run", type=PLACE)
@click.argument("start", type=PLACE)
@click.argument("out", type=PLACE)
@click.option("--data", type=PLACE, required=True, help="Speech, as for the training: its dev speakers choose.")
@click.option("--cache", type=PLACE, help="Where decoded speech is kept.  [default: RUN/speech]")
@click.option("--noise", type=PLACE, help="As for the training.")
@click.option("--rooms", type=PLACE, help="As for the training.")
@click.option(
    "--share",
    "shares",
    type=click.FloatRange(0, 1),
    multiple=True,
    default=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    show_default=True,
    help="Of the way; may be given several times.",
)
@click.option(
    "--newest", type=click.FloatRange(0, 1), default=0.0, help="The way ends so far from the best to the newest weights of RUN."
)
def settle(
    run: Path,
    start: Path,
    out: Path,
    data: Path,
    cache: Path | None,
    noise: Path | None,
    rooms: Path | None,
    shares: tuple[float, ...],
    newest: float,
) -> None:
    """Find the best place on the way from START, weights such as RUN began with, to its best weights, and leave it in OUT.

    RUN may have more layers than START. OUT is as RUN is, to be exported, or for --start: OUT/best.safetensors.
    """
    from sepdiar.training.settle import Way
    from sepdiar.training.settle import settle as find

    say(str(find(Way(run, start, data, cache, noise, rooms, newest), out, shares, words)["sha256"]))


def _asked_to_stop() -> Event:
    """Set by SIGINT or SIGTERM; the second one ends the process at once."""
    stop = Event()

    def heard(number: int, frame: FrameType | None) -> None:
        stop.set()
        words("stopping after this step; once more to stop at once")
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, heard)
    return stop


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code."""
    try:
        code: Any = program.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except (SepdiarError, click.ClickException, OSError) as error:
        if os.environ.get("SEPDIAR_DEBUG"):
            raise
        code = refusal(_as_ours(error))
    except (click.Abort, KeyboardInterrupt):
        code = refusal(SepdiarError("SD903"))
    sys.exit(code if isinstance(code, int) else DONE)


def _as_ours(error: SepdiarError | click.ClickException | OSError) -> SepdiarError:
    if isinstance(error, SepdiarError):
        return error
    if isinstance(error, OSError):
        return from_os_error(error)
    return SepdiarError("SD200", error.format_message().rstrip("."), hint=f"{PROGRAM} --help")


if __name__ == "__main__":
    main()
