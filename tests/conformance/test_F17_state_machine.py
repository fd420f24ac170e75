"""F17: whatever happens to a run and its inputs, in any order, what is on the disk is what a model of it says."""

from __future__ import annotations

import hashlib
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from sepdiar.run import process, status, verify
from sepdiar.store import Store

NAMES = st.sampled_from(["a", "b", "c", "d"])
SEEDS = st.integers(1, 4)  # few, so that recordings come twice
FORMS = ("flip", "lose", "add", "unsign")


def content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


class Machine(RuleBasedStateMachine):
    """The model: the inputs by name, which contents are items, and which of those were tampered with.

    Nothing of an item may ever go: it stays in items/, or is found in lost/.
    """

    def __init__(self, bench: Any, folder: Path, record: Callable[..., Path]) -> None:
        super().__init__()
        self.bench, self.record = bench, record
        self.corpus, self.out = folder / "in", folder / "out"
        self.inputs: dict[str, bytes] = {}
        self.done: set[str] = set()
        self.rotten: set[str] = set()
        self.kept: set[bytes] = set()
        self.record(self.corpus / "always.wav", seed="always")
        self._took(self.corpus / "always.wav")

    def _took(self, path: Path) -> None:
        self.inputs[path.stem] = path.read_bytes()

    def _good(self) -> set[str]:
        """What the inputs hold now that can become an item."""
        return {hashlib.sha256(data).hexdigest()[:12] for name, data in self.inputs.items() if "damaged" not in name}

    @property
    def command(self) -> list[str]:
        return list(self.bench.command(self.out, 1, (self.corpus,)))

    @rule(name=NAMES, seed=SEEDS)
    def add(self, name: str, seed: int) -> None:
        self._took(self.record(self.corpus / f"{name}.wav", seed=seed))

    @rule(name=NAMES)
    def add_damaged(self, name: str) -> None:
        self._took(self.record(self.corpus / f"damaged-{name}.wav", seed=f"damaged {name}"))

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        if self.inputs.pop(name, None) is not None:
            (self.corpus / f"{name}.wav").unlink()

    @rule(old=NAMES, new=NAMES)
    def rename(self, old: str, new: str) -> None:
        if old in self.inputs and new not in self.inputs:
            (self.corpus / f"{old}.wav").rename(self.corpus / f"{new}.wav")
            self.inputs[new] = self.inputs.pop(old)

    @rule()
    def run(self) -> None:
        """The whole of it: what can be done is done, and the counts add up."""
        made = process([self.corpus], self.out, recipe=self.bench.recipe, workers=1)
        self.done |= self._good()
        assert made.inputs == made.done + made.failed + made.skipped == len(self.inputs)
        assert made.failed == sum("damaged" in name for name in self.inputs)
        assert made.done == len(self._good())
        assert {fault.item[-12:] for fault in verify(self.out).faults} <= self.rotten
        self._signed()

    @rule(lines=st.integers(0, 12))
    def kill(self, lines: int) -> None:
        """A run that is killed once it has written so many lines more to its log."""
        log = self.out / "events.log"
        before = log.read_bytes().count(b"\n") if log.exists() else 0
        started = subprocess.Popen(self.command, env=self.bench.environment(), stderr=subprocess.DEVNULL)
        while started.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= before + lines):
            time.sleep(0.003)
        started.send_signal(signal.SIGKILL)
        started.wait()
        self._somewhere()

    @rule(limit=st.sampled_from([100, 300, 600, 900, 2000]))
    def fill(self, limit: int) -> None:
        """A run on a disk that takes no larger files."""
        command = [*self.command[:3], str(self.out), str(self.bench.recipe), "1", str(self.corpus)]
        made = subprocess.run(command, env=self.bench.environment(FSIZE=str(limit)), capture_output=True, text=True, check=False)
        assert made.returncode in (0, 1, 74) and "Traceback" not in made.stderr, made.stderr
        self._somewhere()

    @rule(how=st.sampled_from(FORMS), seed=st.integers(0, 10**6))
    def corrupt(self, how: str, seed: int) -> None:
        """One file of an item: a bit flips, it goes, there is one more, or the checksums go."""
        chance = random.Random(seed)
        if not (items := sorted(self.out.glob("items/*"))):
            return
        item = chance.choice(items)
        victim = item / chance.choice(("copy.bin", "conversation.json"))
        match how:
            case "flip" if victim.exists() and victim.stat().st_size:
                data = bytearray(victim.read_bytes())
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                victim.write_bytes(data)
            case "lose":
                victim.unlink(missing_ok=True)
            case "add":
                (item / "note.txt").write_text(f"mine {seed}")
                self.kept.add(f"mine {seed}".encode())
            case "unsign":
                (item / "SUMS").unlink(missing_ok=True)
                self.done.discard(item.name[-12:])
        self.rotten.add(item.name[-12:])

    @rule(name=st.sampled_from(["data.jsonl", "report/index.html"]), data=st.sampled_from([b"", b"\0" * 100]))
    def spoil(self, name: str, data: bytes) -> None:
        """A file that follows from the items; the next run mends it."""
        if (self.out / name).exists():
            (self.out / name).write_bytes(data)

    @rule()
    def mend(self) -> None:
        """What is at fault is made again, where its input is there; nothing else is touched."""
        self.run()
        before = {path.name: path.stat().st_ino for path in (self.out / "items").iterdir() if path.name[-12:] not in self.rotten}
        made = verify(self.out, repair=True, workers=1)
        left = set(verify(self.out).faults)
        assert {fault.item[-12:] for fault in left if fault.item}.isdisjoint(self._good())
        assert left == set(made.faults) - set(made.repaired)
        self.rotten -= self._good()
        assert {path.name: path.stat().st_ino for path in (self.out / "items").iterdir() if path.name in before} == before
        self._signed()

    def _signed(self) -> None:
        """Which items count; those whose checksums went and came again are whole once more."""
        whole = {path.parent.name[-12:] for path in self.out.glob("items/*/SUMS")}
        assert whole >= self._good()
        assert whole == self.done

    def _somewhere(self) -> None:
        """After a run that was cut short: what was done is done, and what came is of the inputs."""
        whole = {path.parent.name[-12:] for path in self.out.glob("items/*/SUMS")}
        assert self.done <= whole <= self.done | self._good()
        self.done = whole

    @invariant()
    def nothing_is_lost(self) -> None:
        assert {path.stem: path.read_bytes() for path in self.corpus.iterdir()} == self.inputs
        found = {path.read_bytes() for path in self.out.rglob("note.txt")}
        assert self.kept <= found | {b""}
        for item in self.out.glob("items/*"):
            if item.name[-12:] not in self.rotten:
                assert (item / "SUMS").is_file() and content(item / "copy.bin") == item.name[-12:]

    @invariant()
    def what_is_told_is_so(self) -> None:
        if (self.out / "run.toml").exists():
            told = status(self.out)
            assert told.done <= told.inputs


def play(bench: Any, tmp_path: Path, record: Callable[..., Path], examples: int, steps: int) -> None:
    games = 0

    def machine() -> Machine:
        nonlocal games
        games += 1
        shutil.rmtree(tmp_path / f"game-{games - 1}", ignore_errors=True)
        return Machine(bench, tmp_path / f"game-{games}", record)

    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(machine, settings=chosen)


def test_f17_a_few_games(still: Any, tiny: Path, tmp_path: Path, record: Callable[..., Path], record_property: Any) -> None:
    play(still, tmp_path, record, 4, 10)
    record_property("cases", 4)


def test_f17_control_a_repair_that_deletes_is_caught(
    still: Any, tiny: Path, tmp_path: Path, record: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    game = Machine(still, tmp_path, record)
    game.run()
    game.corrupt("add", 1)
    monkeypatch.setattr(Store, "set_aside", lambda store, path: shutil.rmtree(path))
    game.mend()
    with pytest.raises(AssertionError):
        game.nothing_is_lost()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_f17_five_hundred_games(
    still: Any, tiny: Path, tmp_path: Path, record: Callable[..., Path], record_property: Any
) -> None:
    play(still, tmp_path, record, 500, 20)
    record_property("cases", 500)
