"""Who is measured: a recipe with settings, run as a user runs it, one process a case."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sepdiar.config import Config, resolve, setting
from sepdiar.conversation import Conversation
from sepdiar.environment import for_child
from sepdiar.errors import SepdiarError
from sepdiar.evaluation import machine
from sepdiar.evaluation.embedded.cases import recordings
from sepdiar.formats import read_conversation
from sepdiar.networks.weights import find
from sepdiar.store.failures import Failure

OURS = ("compact-separation", "compact-segmentation", "compact-embedding")
TRUTH = "TRUTH"  # in a setting: the folder of the case


@dataclass(frozen=True)
class System:
    """A recipe, and what is set on top of it."""

    name: str
    about: str
    recipe: str
    settings: tuple[str, ...] = ()

    def configured(self, folder: Path) -> Config:
        """Its configuration for a case, words left out; refused as a run would be (SD201, SD250, ...)."""
        told = dict(setting(text) for text in self.told(folder))
        config = resolve(self.recipe, flags={"transcribe.backend": "none", **told}, environ={})
        config.pipeline()
        return config

    def ready(self, folder: Path) -> None:
        """Refuse what cannot run here, missing weights too: every stage is opened but those that read the truth of a case."""
        truthful = {text.partition(".")[0] for text in self.settings if TRUTH in text}
        for stage in self.configured(folder).pipeline().stages:
            if stage.name not in truthful:
                stage.open()

    def told(self, folder: Path) -> list[str]:
        """Its settings, the folder of the case put in."""
        return [text.replace(TRUTH, str(folder)) for text in self.settings]


ORACLE = ("diarize.backend=oracle", f"diarize.oracle.turns={TRUTH}")
SYSTEMS = (
    System("masking-mfcc", "activity masks, turns by clusters of cepstra", "masking", ("diarize.backend=mfcc",)),
    System("masking-compact", "activity masks, turns by the compact diarizer", "masking", ("diarize.backend=compact",)),
    System("embedded", "overlap separated, turns by the compact diarizer: the default", "embedded"),
    System("separate-all", "every second separated, turns by the compact diarizer", "separate-all"),
    System("oracle", "overlap separated, true turns", "embedded", ORACLE),
    System("oracle-masking", "activity masks, true turns", "masking", ORACLE),
)


@dataclass(frozen=True)
class Ran:
    """What became of the recordings of a case: for the name of each the item, or the code and words of what stopped it."""

    items: Mapping[str, tuple[Conversation, Path]]
    failures: Mapping[str, str]
    stages: Mapping[str, float]
    """Seconds by the clock in the stages of each recording, the start of the process apart."""
    cost: Mapping[str, float]
    """Of the whole command: `seconds` by the clock, `processor` seconds, `memory` in MiB."""


def run(system: System, folder: Path, out: Path, threads: int) -> Ran:
    """Process the recordings of a case into `out`, which is emptied first: what is timed is one whole run."""
    if out.exists():
        shutil.rmtree(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    files = recordings(folder)
    settings = [part for text in system.told(folder) for part in ("--set", text)]
    command = [
        sys.executable,
        "-m",
        "sepdiar",
        "process",
        *map(str, files),
        "--out",
        str(out),
        "--recipe",
        system.recipe,
        *settings,
    ]
    quiet = ["--recognizer", "none", "--workers", "1", "--log-format", "json"]
    cost = machine.measured([*command, *quiet], environ=for_child(OMP_NUM_THREADS=str(threads)))
    if cost.code not in (0, 1):
        words = [str(event.get("message", "")) for event in cost.events if event["kind"] == "stderr"]
        raise SepdiarError("SD901", f"exit {cost.code}: {' '.join(words)[-500:]}", where=f"{system.name} on {folder.name}")
    known = [(read_conversation(file), file.parent) for file in sorted(out.glob("items/*/conversation.json"))]
    failures = [failure for file in sorted(out.glob("failures/*.json")) if (failure := Failure.read(file))]
    stages: dict[str, float] = {}
    for event in cost.told("stage.finished"):
        name = str(event["item"]).rpartition("-")[0]  # behind it stands the beginning of its hash
        stages[name] = stages.get(name, 0.0) + float(event["seconds"])
    return Ran(
        {Path(value.recording.path).stem: (value, item) for value, item in known},
        {Path(failure.path).stem: f"{failure.code} {failure.message}" for failure in failures},
        {name: round(seconds, 4) for name, seconds in stages.items()},
        {"seconds": round(cost.seconds, 2), "processor": round(cost.processor, 2), "memory": round(cost.memory, 1)},
    )


def weights() -> dict[str, str]:
    """The hashes of our own models that are here."""
    found = {}
    for name in OURS:
        with suppress(SepdiarError):
            found[name] = find(name).sha256
    return found


def models(ran: Ran) -> dict[str, str]:
    """The models that made it, each with the hash of its weights."""
    found: dict[str, str] = {}
    for value, _ in ran.items.values():
        for step in value.provenance:
            found.update(zip(step.model.split(", "), step.model_sha256.split(), strict=False))
            if heard := step.parameters.get("voice"):
                found[heard] = step.parameters["voice_sha256"]
    return {name: sha256 for name, sha256 in found.items() if name not in ("", "turns")}
