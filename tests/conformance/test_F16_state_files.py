"""F16: whatever stands in place of a file of a run, each command answers with a code, soon, and leaves what it found."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sepdiar import api
from sepdiar.errors import SepdiarError
from sepdiar.run import process, retry, status, verify

FILES = {
    "run.toml": "run.toml",
    "marker": ".sepdiar",
    "ledger": "inputs.log",
    "log": "events.log",
    "lock": ".lock",
    "manifest": "data.jsonl",
    "page": "report/index.html",
    "record": "report/made-from.json",
    "failure": "failures/damaged-*.json",
    "value": "items/b-*/conversation.json",
    "sums": "items/b-*/SUMS",
    "copy": "items/b-*/copy.bin",
}
DEEP = 100_000 * "[" + 100_000 * "]"


def with_value(*place: str, value: Any) -> Callable[[Path], None]:
    """Another value at one place of a JSON file, or of its last line."""

    def spoil(path: Path) -> None:
        lines = path.read_text().splitlines() if path.suffix == ".log" else [path.read_text()]
        facts = json.loads(lines[-1])
        table = facts
        for key in place[:-1]:
            table = table[key]
        table[place[-1]] = value
        path.write_text("\n".join([*lines[:-1], json.dumps(facts)]) + "\n")

    return spoil


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "mine.txt").write_text("mine")


def as_link(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}.real"))
    path.symlink_to(f"{path.name}.real")


SPOILS: dict[str, Callable[[Path], None]] = {
    "pipe": as_pipe,
    "folder": as_folder,
    "link": as_link,
    "nothing": lambda path: path.write_text(""),
    "zeros": lambda path: path.write_bytes(bytes(300)),
    "deep": lambda path: path.write_text(DEEP),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00{}"),
}
VALUES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "value-samples": ("value", with_value("recording", "samples", value="x")),
    "value-deep-parameters": ("value", lambda path: path.write_text('{"schema":1,"provenance":' + DEEP + "}")),
    "value-infinite": ("value", lambda path: path.write_text('{"schema":1,"scores":[{"numerator":Infinity}]}')),
    "failure-id": ("failure", with_value("id", value=None)),
    "failure-sha256": ("failure", with_value("sha256", value=7)),
    "failure-code": ("failure", with_value("code", value="SD999")),
    "ledger-sha256": ("ledger", with_value("sha256", value=7)),
    "ledger-stamp": ("ledger", with_value("stamp", value=["x"])),
    "ledger-deep": ("ledger", with_value("stamp", value=[[]])),
    "record-files": ("record", with_value("files", value=3)),
    "run-date": ("run.toml", lambda path: path.write_text(path.read_text().replace("[settings]", "[settings]\nx = 2020-01-01"))),
    "run-nan": ("run.toml", lambda path: path.write_text(path.read_text().replace("[settings]", "[settings]\nx = nan"))),
}
CASES = {f"{name}-{how}": (name, spoil) for name in FILES for how, spoil in SPOILS.items()} | VALUES
del CASES["manifest-nothing"]  # this run has no dialogue, and its manifest is empty


@pytest.fixture(scope="module")
def finished(_plugin: Path, tmp_path_factory: pytest.TempPathFactory, record: Callable[..., Path]) -> tuple[Path, Path]:
    """A run of four inputs, of which one is damaged, and its recipe; each test works on a copy."""
    folder = tmp_path_factory.mktemp("finished")
    for name in ("a", "b", "damaged"):
        record(folder / "in" / f"{name}.wav")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(_plugin)
        patch.setenv("PYTHONPATH", str(_plugin))
        process([folder / "in"], folder / "run", recipe=_plugin / "copy.toml", workers=1)
    return folder, _plugin / "copy.toml"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", CASES)
def test_f16_each_command_answers(case: str, finished: tuple[Path, Path], tiny: Path, tmp_path: Path) -> None:
    folder, recipe = finished
    run = Path(shutil.copytree(folder / "run", tmp_path / "run"))
    name, spoil = CASES[case]
    victim = next(iter(run.glob(FILES[name])))
    spoil(victim)
    refused: list[str] = []

    def ask(command: Callable[[], Any]) -> Any:
        try:
            return command()
        except SepdiarError as error:
            assert error.what and error.where, error
            refused.append(error.code)
        return None

    found = ask(lambda: verify(run))
    ask(lambda: status(run))
    ask(lambda: api.report(run))
    ask(lambda: retry(run, workers=1))
    ask(lambda: process([folder / "in"], run, recipe=recipe, workers=1))
    mended = ask(lambda: verify(run, repair=True, workers=1))
    assert refused or found.faults or name in ("marker", "lock", "ledger", "log")
    assert set(refused) <= {"SD306", "SD307"}
    if mended is not None:
        assert mended.exit_code == 0 and not verify(run).faults
    kept = [path.read_text() for path in run.rglob("mine.txt")]
    assert kept == (["mine"] if case.endswith("-folder") else [])


def test_f16_a_file_that_is_too_large_is_not_read(finished: tuple[Path, Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished[0] / "run", tmp_path / "run"))
    with (run / "run.toml").open("ab") as file, suppress(OSError):
        file.truncate(1 << 40)
    with pytest.raises(SepdiarError, match=r"SD307.*bytes; at most"):
        status(run)
