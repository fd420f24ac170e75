"""Dialogues whose truth is known, and what the chain that ships makes of each: what it knows of it, and how wrong it is.

Both are kept below a scratch folder, under the hash of what they were made of: the dialogues by speech, speakers and seed, the
run by the settings of the recipe, the versions of packages, and the weights; both by the code. A command that is stopped goes on
where it was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from sepdiar.calibration.features import features
from sepdiar.calibration.targets import TARGETS, made_by
from sepdiar.config import resolve, words_to_keys
from sepdiar.conversation import Conversation, Span
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.embedded.cases import Material
from sepdiar.evaluation.keys import cache_key
from sepdiar.events import Event, Listener
from sepdiar.formats import read_conversation
from sepdiar.formats.segments import TICKS, of_conversation
from sepdiar.metrics.diarization import diarization_error
from sepdiar.metrics.recognition import word_error
from sepdiar.metrics.result import Counts, added
from sepdiar.metrics.separation import separation
from sepdiar.metrics.truth import Pair, Side, dialogues
from sepdiar.metrics.turns import turn_taking
from sepdiar.run import process
from sepdiar.simulation import simulate
from sepdiar.simulation.truth import sha256
from sepdiar.store import Failure

RECIPE = "embedded"
OVERLAPS = (0.08, 0.2, 0.35)
NORMALIZER = "basic"
Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Dialogues of some speakers, about as many of each sound and share of overlap.

    With `words`, a CTM of when each word of the speech is said, the chain hears words too, and they are counted.
    """

    name: str
    material: Material
    speakers: tuple[str, ...]
    dialogues: int
    seconds: float
    seed: int
    words: Path | None = None

    @property
    def each(self) -> int:
        """How many of one sound and one share of overlap."""
        return max(1, round(self.dialogues / len(self.material.sounds) / len(OVERLAPS)))


def rows(part: Part, scratch: Path, workers: int, recipe: str | Path = RECIPE) -> list[Row]:
    """Of every dialogue its speakers, its true errors, what the chain knows of it, and what made that; or why it was refused."""
    made_of = [part.material.facts(), part.speakers, part.seconds, part.seed, sha256(part.words) if part.words else ""]
    folder = scratch / f"{part.name}-{cache_key(*made_of)}"
    places = list(simulated(part, folder))
    recognizer = None if part.words else "none"
    config = resolve(recipe, flags=words_to_keys(recognizer=recognizer))
    out = folder / f"run-{cache_key(config.facts())}"
    mixtures = [place / "mixture.flac" for place in places]
    process(mixtures, out, recipe=recipe, recognizer=recognizer, workers=workers, listen=_told(part.name))
    items = [(read_conversation(file), file) for file in out.glob("items/*/conversation.json")]
    made = {one.recording.sha256: (one, file.parent) for one, file in items}
    failures = [failure for file in out.glob("failures/*.json") if (failure := Failure.read(file))]
    found = []
    for place in places:
        true = read_conversation(place / "conversation.json")
        row: Row = {"name": f"{place.parent.name}/{place.name}", "pair": sorted(true.speakers), "refused": ""}
        if true.recording.sha256 in made:
            item, written = made[true.recording.sha256]
            row |= {**errors(true, item, bool(part.words)), **overlap_error(Pair(item, written, true, place))}
            row |= {"features": features(item), "made_by": made_by(item)}
        else:
            known = (one for one in failures if true.recording.sha256.startswith(one.id.rpartition("-")[2]))
            row["refused"] = next((f"{one.code} {one.message}" for one in known), "not done")
        found.append(row)
    return found


def simulated(part: Part, folder: Path) -> Iterator[Path]:
    """The folder of each dialogue; those that are not there are made."""
    rooms, noise = {"rooms": part.material.rooms}, {"noise": part.material.noise}
    place: dict[str, dict[str, Any]] = {"reverberant": rooms, "noisy": noise}
    for number, (sound, overlap) in enumerate(product(part.material.sounds, OVERLAPS)):
        case = folder / f"{sound}-{100 * overlap:g}"
        if len(_listed(case)) < part.each:
            simulate(
                part.material.manifest,
                case,
                dialogues=part.each,
                seconds=part.seconds,
                overlap=overlap,
                seed=part.seed + number,
                split=part.material.split,
                speakers=part.speakers,
                words=part.words,
                timed=part.words is not None,
                **place.get(sound, {}),
            )
        yield from _listed(case)[: part.each]


def errors(true: Conversation, made: Conversation, words: bool) -> dict[str, float]:
    """How wrong an item is, each error as a fraction: of the speech, of the true turns, of the true words."""
    ours = of_conversation(true)
    theirs = [replace(one, session=true.recording.id) for one in of_conversation(made)]
    whole = Span(0, true.recording.samples).at_rate(true.recording.rate, TICKS)
    found = {
        "der": diarization_error(ours, theirs, uem={true.recording.id: [whole]}).value,
        "onsets-missed": 1 - (turn_taking(ours, theirs).value or 0.0),
    }
    if words:
        found["cpwer"] = word_error(ours, theirs, normalizer=NORMALIZER).value
    return {name: float(value) for name, value in found.items() if value is not None}


def overlap_error(pair: Pair) -> dict[str, float]:
    """In overlap, the energy of what is not the speaker's over that of what is, as the mean SI-SDR of the channels has it (10 dB
    is 0.1), at most as much as can be predicted. Empty without overlap, and where the truth of a dialogue is silent.
    """
    counts = added(found for side in dialogues(pair) if (found := _separation(side)))
    channels = counts.get("si_sdr_overlap_channels")
    most = TARGETS["overlap-error"].most
    return {"overlap-error": min(10 ** (-counts["si_sdr_overlap_db"] / channels / 10), most)} if channels else {}


def _separation(side: Side) -> Counts:
    try:
        return separation(side.reference, side.hypothesis, turns=side.turns, name=side.name, filtered=False).counts
    except SepdiarError as error:
        if error.code != "SD602":
            raise
        return {}


def _listed(case: Path) -> list[Path]:
    listed = case / "manifest.jsonl"
    return [case / json.loads(line)["id"] for line in listed.read_text(encoding="utf-8").splitlines()] if listed.is_file() else []


def _told(name: str) -> Listener:
    def listen(event: Event) -> None:
        if event.kind in ("item.done", "item.failed", "item.skipped"):
            print(f"{event.kind.partition('.')[2]}  {name}  {event.item}", file=sys.stderr)

    return listen
