"""How fast a recipe is, stage by stage, and how much memory it takes: `python -m sepdiar.evaluation.speed --out eval/speed`.

It runs `sepdiar process` as a user does, in a fresh process each time, on dialogues that it simulates.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from sepdiar.config import DEFAULT_RECIPE, resolve
from sepdiar.errors import SOME_FAILED, SepdiarError
from sepdiar.evaluation import machine
from sepdiar.evaluation.command import command
from sepdiar.evaluation.speed_table import put, tables
from sepdiar.simulation import simulate
from sepdiar.testing import voices

FLOORS = {"masking": 20.0, "embedded": 10.0}  # times real time, the whole command, without words
GROWTH = 1.10  # peak memory of the longest recording over that of ten minutes
SEED = 0


@dataclass(frozen=True)
class Case:
    """What is timed: `files` recordings of `minutes` each."""

    minutes: float
    files: int = 1
    workers: int = 1
    words: bool = False
    repeat: int = 1


@dataclass(frozen=True)
class Run:
    """One run of a case: seconds of audio, of the whole command, of the processors, of the stages; MiB of memory."""

    audio: float
    command: float
    processor: float
    stages: Mapping[str, float]
    memory: float
    largest: float


@dataclass(frozen=True)
class Check:
    """One floor, and whether it holds."""

    what: str
    value: float
    limit: float
    holds: bool

    def __str__(self) -> str:
        return f"{'pass' if self.holds else 'FAIL'}  {self.what}: {self.value:.3g} (floor {self.limit:.3g})"


def cases(minutes: Sequence[float], words: Sequence[float], batch: Sequence[float], repeat: int) -> list[Case]:
    """Each length alone, `repeat` times up to ten minutes and once above; then with words; then a batch on several workers."""
    alone = [Case(length, repeat=repeat if length <= 10 else 1) for length in minutes]
    told = [Case(length, words=True, repeat=repeat if length <= 1 else 1) for length in words]
    files, length, workers = batch or (0, 0, 0)
    return [*alone, *told, *([Case(length, int(files), int(workers))] if files else [])]


def time_case(case: Case, recipe: str, folder: Path, speech: Path) -> list[Run]:
    """Simulate the recordings of a case in `folder` and process them `repeat` times; `SepdiarError` where that fails."""
    made = folder / f"{case.files}x{case.minutes:g}"
    if not made.is_dir():
        simulate(speech, made, dialogues=case.files, seconds=60 * case.minutes, seed=SEED)
    files = [str(path) for path in sorted(made.glob("*/mixture.flac"))]
    words = [] if case.words else ["--recognizer", "none"]
    told = ["--set", "diarize.speakers=2", *words]
    runs = []
    for _ in range(case.repeat):
        with TemporaryDirectory(dir=folder) as out:
            target = ["--out", str(Path(out) / "run"), "--recipe", recipe, "--workers", str(case.workers), *told]
            cost = machine.measured([sys.executable, "-m", "sepdiar", "process", *files, *target, "--log-format", "json"])
        runs.append(_run(cost, len(files)))
    return runs


def checks(recipe: str, rows: Sequence[tuple[Case, Sequence[Run]]]) -> Iterator[Check]:
    """The floors that these rows can be held to: speed from ten minutes on (or of the longest there is), and memory."""
    alone = {case.minutes: runs for case, runs in rows if case.files == 1 and not case.words}
    long = [minutes for minutes in alone if minutes >= 10] or sorted(alone)[-1:]
    for minutes in long if recipe in FLOORS else ():
        speed = median(run.audio / run.command for run in alone[minutes])
        yield Check(f"times real time, {recipe} without words, {minutes:g} min", speed, FLOORS[recipe], speed >= FLOORS[recipe])
    if 10 in alone and max(alone) > 10:
        ratio = median(run.memory for run in alone[max(alone)]) / median(run.memory for run in alone[10])
        yield Check(f"peak memory at {max(alone):g} min over 10 min", ratio, GROWTH, ratio <= GROWTH)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write results.json and the table of README.md below `--out`; 1 where a floor does not hold."""
    return _measure(_asked(arguments))


def _measure(asked: Namespace) -> int:
    known = machine.facts(list(resolve(asked.recipe).facts()["versions"]))
    rows: list[tuple[Case, list[Run]]] = []
    with TemporaryDirectory(prefix="sepdiar-speed-", dir=asked.scratch) as scratch:
        speech = asked.speech or voices(Path(scratch) / "speech", speakers=6, utterances=20)
        for case in cases(asked.minutes, asked.words_minutes, asked.batch, asked.repeat):
            rows.append((case, time_case(case, asked.recipe, Path(scratch), speech)))
            print(f"timed  {case}", file=sys.stderr)
    found = list(checks(asked.recipe, rows))
    results = {
        "recipe": asked.recipe,
        "speech": asked.speech.stem if asked.speech else "sepdiar.testing",
        "machine": known,
        "rows": [{**asdict(case), "runs": [asdict(run) for run in runs]} for case, runs in rows],
        "checks": [asdict(check) for check in found],
    }
    shown = tables(results)
    print(shown, *found, sep="\n")
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "results.json").write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
        put(shown, asked.out / "README.md")
    return 0 if all(check.holds for check in found) else SOME_FAILED


def _run(cost: machine.Cost, files: int) -> Run:
    done = cost.told("item.done")
    if cost.code or len(done) != files:
        words = [
            str(event.get("message", "")) for event in cost.events if event["kind"] in ("item.failed", "item.skipped", "stderr")
        ]
        raise SepdiarError(
            "SD901", f"{len(done)} of {files} done, exit {cost.code}: {' '.join(words)[-500:]}", where="sepdiar process"
        )
    stages: dict[str, float] = {}
    for event in cost.told("stage.finished"):
        stages[event["stage"]] = stages.get(event["stage"], 0.0) + event["seconds"]
    audio = sum(event["audio_seconds"] for event in done)
    rounded = {name: round(seconds, 3) for name, seconds in stages.items()}
    return Run(audio, round(cost.seconds, 2), round(cost.processor, 2), rounded, round(cost.memory, 1), round(cost.largest, 1))


def _asked(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.speed", description=__doc__)
    parser.add_argument("--recipe", default=DEFAULT_RECIPE)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60], help="lengths timed without words")
    parser.add_argument("--words-minutes", type=float, nargs="*", default=[1, 10], help="lengths timed with words")
    parser.add_argument("--batch", type=float, nargs=3, metavar=("FILES", "MINUTES", "WORKERS"), help="a batch, timed as one")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each length of up to ten minutes")
    parser.add_argument("--speech", type=Path, help="manifest (TSV) that dialogues are simulated from; default: sepdiar.testing")
    parser.add_argument("--scratch", type=Path, help="folder for recordings and runs, emptied afterwards")
    parser.add_argument("--out", type=Path, help="folder for results.json and README.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
