"""Does the predicted error hold? `python -m sepdiar.evaluation.calibration MANIFEST --out eval/calibration`.

Dialogues are simulated and processed by the recipe that ships. Who speaks when: what is learnt of one half of the speakers is
tested on the other, and the other way round. What is said (`--words`): learnt of the speakers of another split, tested on those
of `--split`. Those are the figures. What ships (`--learn`) is then learnt of all.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from sepdiar.calibration.model import COVERAGE
from sepdiar.calibration.targets import TARGETS
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import bootstrap, machine
from sepdiar.evaluation.calibration.held import learnt, on_others
from sepdiar.evaluation.calibration.rows import NORMALIZER, Part, Row, rows
from sepdiar.evaluation.calibration.sheets import notes, sheets
from sepdiar.evaluation.command import command
from sepdiar.evaluation.embedded.cases import Material
from sepdiar.evaluation.embedded.systems import weights
from sepdiar.evaluation.page import show, write
from sepdiar.simulation.manifest import choose

SEED = 300
PACKAGES = ("sepdiar", "numpy", "scipy", "pyannote.metrics", "meeteval")
PROTOCOL = (
    "simulated dialogues of two, a third of them clean, in noise, in measured rooms; 8, 20 and 35 % overlap",
    "DER, onsets and overlap: two halves of the speakers, no speaker in both; learnt of one half and tested on the other, both "
    "ways, the predictions together; what the chain refuses has none",
)
MEASURED = (
    "overlap: the energy in it that is not the speaker's over the speaker's own, as the mean SI-SDR of the two channels has it "
    f"(10 dB are 10 %), {100 * TARGETS['overlap-error'].most:.0f} % at most",
    f"covered: share of the true errors within the interval that is said to hold {100 * COVERAGE:.0f} % of them; rank "
    "correlation: Spearman, of the predicted with the true error",
    f"95 % intervals: bootstrap over recordings, {bootstrap.DRAWS} draws",
)


def halves(asked: Namespace) -> Iterator[Part]:
    """The speakers in two halves, by turns in the order of their names."""
    names = _speakers(asked.manifest, asked.split)
    for half in (0, 1):
        chosen, many = names[half::2], asked.dialogues // 2
        yield Part(f"half-{half}", _material(asked, asked.split), chosen, many, asked.seconds, SEED + 20 * half)


def told(asked: Namespace) -> Iterator[Part]:
    """The speakers whose words have times: of the split that is learnt of, then of the one that is tested on."""
    for side, split in enumerate((asked.words_split, asked.split)):
        names = _speakers(asked.manifest, split, asked.words)
        many, seed = asked.spoken // 2, SEED + 100 + 20 * side
        yield Part(f"words-{split}", _material(asked, split), names, many, asked.spoken_seconds, seed, asked.words)


def _speakers(manifest: Path, split: str | None, words: Path | None = None) -> tuple[str, ...]:
    chosen = choose(manifest, split=split, words=words, timed=words is not None)
    return tuple(sorted({utterance.speaker for utterance in chosen}))


def _material(asked: Namespace, split: str | None) -> Material:
    return Material(asked.manifest, split, asked.rooms, asked.noise)


def about_words(sides: Sequence[tuple[Part, Sequence[Row]]]) -> str:
    """The protocol of the word error, who was learnt of and who tested on."""
    (known, known_rows), (other, other_rows) = sides
    counted = []
    for part, done in ((known, known_rows), (other, other_rows)):
        pairs = {tuple(row["pair"]) for row in done}
        who = f"{len(part.speakers)} speakers of split {part.material.split}"
        counted.append(f"{len(done)} dialogues of {who} ({len(pairs)} pairs)")
    return (
        f"cpWER: meeteval, normalizer {NORMALIZER}; learnt of {counted[0]}, tested on {counted[1]}, and not the other way: our "
        f"separator and diarizer were trained on speakers of {known.material.split} (without their text), none of our models on "
        "those that it is tested on, and the recogniser on neither"
    )


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write results.json and README.md below `--out`; with `--learn`, what ships."""
    asked = _parser().parse_args(arguments)
    if asked.words and asked.split in (None, asked.words_split):
        raise SepdiarError("SD202", "words are learnt of one split and tested on another: name it by --split", where="--words")
    parts = [*halves(asked), *(told(asked) if asked.words else ())]
    done = [(part, rows(part, asked.scratch, asked.workers)) for part in parts]
    (_, one), (_, other), *spoken = done
    ways = {target: [(one, other), (other, one)] for target in ("der", "onsets-missed", "overlap-error")}
    protocol = list(PROTOCOL)
    if spoken:
        ways["cpwer"] = [(spoken[0][1], spoken[1][1])]
        protocol.append(about_words(spoken))
    models = {target: learnt([*each[0][0], *each[0][1]], target).facts() for target, each in ways.items()}
    results: dict[str, Any] = {
        "targets": {target: on_others(each, target) for target, each in ways.items()},
        "weights": {
            target: dict(zip(model["names"], (round(one, 3) for one in model["weights"]), strict=True))
            for target, model in models.items()
        },
        "refused": [f"{part.name}/{row['name']}" for part, found in done for row in found if row["refused"]],
        "parts": {part.name: {"dialogues": len(found), "seconds": part.seconds} for part, found in done},
        "protocol": [*protocol, *MEASURED],
        "machine": machine.facts(PACKAGES),
        "models": weights(),
        "coverage": COVERAGE,
    }
    made, said = list(sheets(results)), notes(results)
    show(made, said)
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        write(asked.out, results, made, said, "", "How well the chain knows how wrong it is")
    if asked.learn:
        last = next(row for row in done[-1][1] if not row["refused"])
        asked.learn.write_text(
            json.dumps({"made_by": last["made_by"], "models": models}, indent=1, sort_keys=True) + "\n", encoding="utf-8"
        )
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.calibration", description=__doc__)
    parser.add_argument("manifest", type=Path, help="speech of one person a file (TSV), as `sepdiar simulate` takes it")
    parser.add_argument("--split", help="only this split of it")
    parser.add_argument("--rooms", type=Path, required=True, help="folder of impulse responses")
    parser.add_argument("--noise", type=Path, required=True, help="folder of noise")
    parser.add_argument("--dialogues", type=int, default=108, help="how many in all")
    parser.add_argument("--seconds", type=float, default=75.0, help="how long each is")
    parser.add_argument("--words", type=Path, help="CTM of when each word is said (sepdiar.simulation.align): predict words too")
    parser.add_argument("--words-split", default="train", help="the split that the word error is learnt of")
    parser.add_argument("--spoken", type=int, default=54, help="how many dialogues with words in all")
    parser.add_argument("--spoken-seconds", type=float, default=60.0, help="how long each of those is")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--scratch", type=Path, default=Path(gettempdir()) / "sepdiar-calibration", help="what is made and done")
    parser.add_argument("--out", type=Path, help="folder for results.json and README.md")
    parser.add_argument("--learn", type=Path, help="the file for what is learnt of all: sepdiar/calibration/embedded.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
