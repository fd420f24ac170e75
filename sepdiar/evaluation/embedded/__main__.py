"""How far the chain that ships is from the truth, beside the baselines: `python -m sepdiar.evaluation.embedded MANIFEST`.

Dialogues are simulated from the manifest, every system processes them as `sepdiar process` does, and what comes out is scored.
What is done is kept in `--scratch`, under a hash of code, models and settings, and not done again.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from sepdiar.conversation import canonical_json
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import machine
from sepdiar.evaluation.command import command
from sepdiar.evaluation.embedded.cases import SOUNDS, Case, Job, Material, call, cases, discard, simulated
from sepdiar.evaluation.embedded.plot import plot
from sepdiar.evaluation.embedded.results import Entry, collected, endured, entry_of
from sepdiar.evaluation.embedded.scores import scored
from sepdiar.evaluation.embedded.sheets import notes, sheets
from sepdiar.evaluation.embedded.systems import SYSTEMS, System, models, run, weights
from sepdiar.evaluation.keys import cache_key
from sepdiar.evaluation.page import results_before, show, write

PICTURE = "figures.png"
ENDURANCE_SEED = 1000
SHIPPED = "embedded"  # the system whose swaps are counted over hours, where none is named
PACKAGES = ("sepdiar", "numpy", "scipy", "soundfile", "soxr", "pyannote.metrics")


def measured(system: System, job: Job, threads: int) -> Entry:
    """What a system makes of a job; from the job's folder where it was made before, by the same models and settings."""
    config = system.configured(job.folder)
    trained = weights() if "compact" in config.values.values() else {}
    key = cache_key(config.fingerprint, trained, threads)
    place = job.folder / "systems" / f"{system.name}-{key}"
    if not (place / "scores.json").is_file():
        job.make()
        ran = run(system, job.folder, place / "run", threads)
        made = {"rows": [asdict(row) for row in scored(ran, job.folder)], "cost": ran.cost, "models": models(ran)}
        if trained and weights() != trained:
            where, hint = f"{system.name} on {job.name}", "Run the same command again."
            raise SepdiarError("SD205", "the models are others than when it began", where=where, hint=hint)
        shutil.rmtree(place / "run")
        (place / "part.json").write_text(canonical_json(made), encoding="utf-8")
        (place / "part.json").replace(place / "scores.json")
    known = json.loads((place / "scores.json").read_text(encoding="utf-8"))
    return entry_of({"system": system.name, "case": job.name, "group": job.group, "kind": job.kind, **known})


def available(systems: Sequence[System], scratch: Path) -> tuple[list[System], dict[str, str]]:
    """Those that can run here, and why the others cannot."""
    there, missing = [], {}
    for system in systems:
        try:
            system.ready(scratch)
            there.append(system)
        except SepdiarError as error:
            missing[system.name] = str(error)
    return there, missing


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and write results.json, README.md and the picture below `--out`."""
    return _measure(_asked(arguments))


def _measure(asked: Namespace) -> int:
    known = {"machine": machine.facts(PACKAGES), "material": asked.material.facts()}
    systems, missing = available([system for system in SYSTEMS if system.name in asked.systems], asked.scratch)
    for name, why in missing.items():
        print(f"left out  {name}: {why}", file=sys.stderr)
    before = results_before(asked.out)  # the hours stay when the table is made again, and the table when the hours are
    if asked.hours:
        long = endured(list(_endure(asked, systems)))
        _show({**collected([]), **known, "left_out": missing, **before, "endurance": long}, asked.out)
        return 0
    entries = []
    for job in _jobs(asked):
        for system in systems:
            entries.append(measured(system, job, asked.threads))
            print(f"done  {job.name}  {system.name}  {entries[-1].cost['seconds']:.0f} s", file=sys.stderr)
    told = {
        system.name: {"about": system.about, "recipe": system.recipe, "settings": list(system.settings)} for system in systems
    }
    kept = {key: before[key] for key in ("endurance",) if key in before}
    _show({**kept, **known, **collected(entries), "left_out": missing, "systems": told}, asked.out)
    return 0


def _jobs(asked: Namespace) -> Iterator[Job]:
    lengths = {asked.minutes: asked.dialogues, asked.long_minutes: asked.long_dialogues}
    sounds = [sound for sound in asked.material.sounds if sound in asked.sounds]
    for case in cases(sounds, asked.overlap, lengths, asked.long_overlap):
        yield simulated(case, asked.material, asked.scratch)
    if asked.call:
        yield call(asked.call, asked.scratch)


def _endure(asked: Namespace, systems: Sequence[System]) -> Iterator[Entry]:
    """Long clean dialogues, one after the other, until there are so many hours or the time is over; their audio is not kept."""
    if not systems:
        raise SepdiarError("SD201", f"none of {', '.join(asked.systems)} can run here")
    began = time.monotonic()
    for number in range(math.ceil(60 * asked.hours / asked.long_minutes)):
        if number and time.monotonic() - began > 60 * asked.within:
            return
        job = simulated(
            Case("clean", asked.long_overlap, asked.long_minutes, seed=ENDURANCE_SEED + number), asked.material, asked.scratch
        )
        entry = measured(systems[0], job, asked.threads)
        discard(job)
        print(f"done  {job.name}  {entry.rows[0].counts.get('swaps', 0):g} swaps", file=sys.stderr)
        yield entry


def _show(results: dict[str, Any], out: Path | None) -> None:
    made, told = list(sheets(results)), notes(results)
    show(made, told)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        drawn = plot(results, out / PICTURE)
        write(out, results, made, told, f"![Errors and separation over the share of overlap]({PICTURE})" if drawn else "")


def _asked(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.embedded", description=__doc__)
    parser.add_argument("manifest", type=Path, help="speech of one person a file (TSV), as `sepdiar simulate` takes it")
    parser.add_argument("--split", help="only this split of it")
    parser.add_argument("--rooms", type=Path, help="folder of impulse responses; without it no reverberant dialogues")
    parser.add_argument("--noise", type=Path, help="folder of noise; without it no noisy dialogues")
    parser.add_argument(
        "--call", type=Path, help="a recording with one speaker a channel (WAV, FLAC), mixed down and processed too"
    )
    parser.add_argument("--sounds", nargs="+", choices=SOUNDS, default=SOUNDS, help="only these")
    parser.add_argument("--overlap", type=float, nargs="+", default=[0.1, 0.2, 0.4], help="shares of overlap")
    parser.add_argument("--minutes", type=float, default=2.0, help="length of the dialogues of every sound and overlap")
    parser.add_argument("--dialogues", type=int, default=4, help="how many of each")
    parser.add_argument("--long-minutes", type=float, default=30.0, help="length of the long ones")
    parser.add_argument("--long-overlap", type=float, default=0.2, help="their share of overlap")
    parser.add_argument("--long-dialogues", type=int, default=1, help="how many long ones of each sound; 0: none")
    parser.add_argument("--quick", action="store_true", help="one dialogue of a minute, a fifth in overlap, of each sound")
    parser.add_argument("--systems", nargs="+", choices=[system.name for system in SYSTEMS], help="only these; for --hours one")
    parser.add_argument("--threads", type=int, default=1, help="threads that a system may compute with")
    parser.add_argument(
        "--scratch", type=Path, default=Path(gettempdir()) / "sepdiar-embedded", help="folder for what is made and done"
    )
    parser.add_argument("--out", type=Path, help="folder for results.json, README.md and the picture")
    parser.add_argument(
        "--hours", type=float, default=0.0, help="instead: so many hours of long clean dialogues, for their swaps"
    )
    parser.add_argument("--within", type=float, default=math.inf, help="minutes after which no other of them is begun")
    asked = parser.parse_args(arguments)
    asked.systems = asked.systems or ([SHIPPED] if asked.hours else [system.name for system in SYSTEMS])
    asked.material = Material(asked.manifest, asked.split, asked.rooms, asked.noise)
    if asked.quick:
        asked.overlap, asked.minutes, asked.dialogues, asked.long_dialogues = [0.2], 1.0, 1, 0
    return asked


if __name__ == "__main__":
    sys.exit(main())
