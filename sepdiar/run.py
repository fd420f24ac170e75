"""A run from its inputs to its outputs: process, status, retry, verify. The command line says the same in the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sepdiar.audio.inputs import Input, find_recordings, named_recording
from sepdiar.audio.limits import Limits
from sepdiar.conduct import conduct
from sepdiar.config import Config, describe, resolve, setting, words_to_keys
from sepdiar.derived import derive, derived
from sepdiar.engine import Engine, Stop
from sepdiar.engine.local import LocalEngine
from sepdiar.errors import SepdiarError
from sepdiar.events import Event, Listener, silence
from sepdiar.ingredients import of
from sepdiar.ledger import Ledger
from sepdiar.results import Plan, RunSummary, Status, Verification
from sepdiar.space import space_needed
from sepdiar.store import Store, disk
from sepdiar.store.check import Fault, item_faults
from sepdiar.store.items import VALUE
from sepdiar.store.place import refuse_foreign
from sepdiar.store.reading import holds, kind
from sepdiar.store.settings import NAME
from sepdiar.survey import Survey

__all__ = ["Plan", "RunSummary", "Status", "Verification", "process", "retry", "status", "verify"]


def process(
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    recipe: str | Path | None = None,
    config: str | Path | None = None,
    separator: str | None = None,
    diarizer: str | None = None,
    recognizer: str | None = None,
    pairing: str | None = None,
    device: str | None = None,
    use: str | None = None,
    salvage: bool | None = None,
    settings: Iterable[str] = (),
    workers: int | None = None,
    engine: str = "local",
    timeout: float | None = None,
    dry_run: bool = False,
    listen: Listener = silence,
) -> RunSummary | Plan:
    """Every recording under `paths` becomes an item of the run directory `out`; called again, it continues.

    What is not given comes from the configuration: flag before environment before file before recipe. `workers` are
    processes, one a CPU by default; `timeout` is how many seconds a recording may take beyond 30 times its length.
    `use` is what the result is for: with "commercial", a model whose licence is not known to permit that is refused (SD208).
    With `dry_run` the answer is the plan, and nothing is made or changed.
    """
    named = words_to_keys(
        separator=separator, diarizer=diarizer, recognizer=recognizer, pairing=pairing, device=device, use=use, salvage=salvage
    )
    flags = named | dict(map(setting, settings))
    chosen = resolve(recipe, file=Path(config) if config else None, flags=flags)
    store = Store(Path(out), listen)
    with disk.refusals(store.run):
        new = store.empty  # a run that has begun has a chain that works, and refuses any other by the name of the key
    if new:
        chosen.pipeline().check(wanted={"files"})
    inputs = _inputs(paths, store, listen)
    with disk.refusals(store.run):
        refuse_foreign(store.run)
    crew = _engine(engine, workers, timeout)
    if dry_run:
        return _plan(inputs, store, chosen, crew)
    if new:
        with disk.refusals(store.run):
            crew.load(chosen, store, listen)
    with store.opened(chosen):
        store.refuse_mixed()
        return conduct(store, chosen, inputs, crew, listen)


def status(run: str | Path) -> Status:
    """Where a run stands, whether somebody works on it or not; SD207 where `run` is none."""
    store = Store(Path(run))
    with disk.refusals(store.run):
        mixed = tuple(store.mixed())
        done, failures = store.done(), store.failures()
        ledger = Ledger.read(store.inputs)
        known = [row.id for row in ledger.rows.values()]
        ids = known or [*done | failures.keys()]  # the ledger may be lost; what is there is there
    paths = ledger.paths()
    failed = [failures[id] for id in sorted(set(ids)) if id in failures and id not in done]
    ended = [replace(failure, path=paths.get(failure.id, failure.path)) for failure in failed]
    kinds = Counter(failure.outcome for failure in ended)
    finished = sum(id in done for id in ids)
    return Status(store.run, len(ids), finished, kinds["failed"], kinds["skipped"], tuple(ended), store.owner(), mixed)


def retry(
    run: str | Path,
    *,
    workers: int | None = None,
    engine: str = "local",
    timeout: float | None = None,
    listen: Listener = silence,
) -> RunSummary:
    """Try again what failed in a run, with the run's own configuration; the summary counts only that."""
    store = Store(Path(run), listen)
    chosen = store.settings().config
    crew = _engine(engine, workers, timeout)
    with store.opened():
        store.refuse_mixed()
        failed = {id for id, failure in store.failures().items() if failure.outcome == "failed"}
        rows = [row for row in Ledger.read(store.inputs).rows.values() if row.id in failed]
        return conduct(store, chosen, [named_recording(Path(row.file), row.path) for row in rows], crew, listen, failed)


def verify(
    run: str | Path,
    *,
    repair: bool = False,
    workers: int | None = None,
    engine: str = "local",
    timeout: float | None = None,
    listen: Listener = silence,
) -> Verification:
    """Read every item again and compare it with its checksums; with `repair`, make again only what is at fault.

    What is at fault moves to RUN/lost first. An item whose input is gone, or has changed, is left as it is.
    """
    store = Store(Path(run), listen)
    found = _faults(store, in_progress=bool(store.owner()))
    items = len(store.done())
    if not repair or not found:
        return Verification(store.run, items, found)
    crew = _engine(engine, workers, timeout)
    with store.opened():
        rows = [row for row in Ledger.read(store.inputs).rows.values() if Path(row.file).exists()]
        at_fault = {fault.item for fault in found if fault.item}
        mendable = {row.id for row in rows if row.id in at_fault and _holds(Path(row.file), row.sha256)}
        for path in [*store.strays(), *(folder for folder in store.folders() if folder.name in mendable)]:
            store.set_aside(path)
        for path in store.unreadable():
            store.set_aside(path)
        conduct(store, store.settings().config, [named_recording(Path(row.file), row.path) for row in rows], crew, listen)
        derive(store)
    remaining = set(_faults(store))
    return Verification(store.run, items, found, tuple(fault for fault in found if fault not in remaining))


def _inputs(paths: Iterable[str | Path], store: Store, listen: Listener) -> list[Input]:
    """What is to be worked on; what lies in the run directory itself is its output."""
    out = store.run.resolve()
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    with disk.refusals(store.run):
        found = find_recordings(given)
    inputs = [input for input in found.inputs if out not in input.file.parents]
    inside = len(found.inputs) - len(inputs)
    notes = [*found.notes, *([f"files inside --out, which holds what came out, were passed over: {inside}"] if inside else [])]
    if not inputs:
        hint = "Choose a --out that does not hold the recordings." if inside else ""
        raise SepdiarError("SD206", "; ".join(notes), where=", ".join(map(str, given)), hint=hint)
    for message in notes:
        listen(Event("note", "", {"message": message}))
    return inputs


def _engine(name: str, workers: int | None, timeout: float | None) -> Engine:
    if name != "local":
        raise SepdiarError("SD201", f"no engine {name!r}; there is: local")
    return LocalEngine(workers) if timeout is None else LocalEngine(workers, timeout)


def _plan(inputs: Sequence[Input], store: Store, config: Config, crew: Engine) -> Plan:
    with disk.refusals(store.run):
        store.agreed(config).to_toml()
        done, standing = store.done(), store.failures()
        verdicts = list(Survey(inputs, Ledger.read(store.inputs), done, Stop(), Limits.of(config)).verdicts())
        todo = [verdict.job for verdict in verdicts if verdict.job and verdict.job.id not in standing]
        failed = [(verdict.failure or standing.get(verdict.row.id), verdict.row.path) for verdict in verdicts]
        rows = {verdict.row.file: verdict.row for verdict in verdicts}
        return Plan(
            store.run,
            tuple(config.values["chain"]),
            tuple(describe(config)),
            len(inputs),
            sum(row.id in done for row in rows.values()),
            tuple(job.path for job in todo),
            tuple(replace(failure, path=path) for failure, path in failed if failure and failure.id not in done),
            space_needed((job.file for job in todo), crew.workers),
            store.free(),
            of(config.stages()),
        )


def _faults(store: Store, in_progress: bool = False) -> tuple[Fault, ...]:
    with disk.refusals(store.run):
        texts = {store.run / NAME: store.settings().to_toml()}
        faults = [fault for folder in store.folders() for fault in item_faults(folder)]
        faults += [Fault(path.name, "", "stray") for path in store.strays()]
        faults += [Fault(id, VALUE, "of another configuration") for id in store.mixed()]
        faults += [Fault("", f"failures/{path.name}", "damaged") for path in store.unreadable()]
        if not faults and not in_progress:  # what follows from items can only be told from whole ones, all of them
            texts |= derived(store)
        for path, text in texts.items():
            name = path.relative_to(store.run).as_posix()
            if not kind(path):
                faults.append(Fault("", name, "missing"))
            elif not holds(path, text):
                faults.append(Fault("", name, "damaged"))
    return tuple(sorted(faults))


def _holds(file: Path, sha256: str) -> bool:
    return file.is_file() and disk.digest(file) == sha256
