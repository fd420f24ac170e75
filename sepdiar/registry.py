"""Finds backends. Our own come through the same entry points as a stranger's; there is no private door."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from sepdiar.errors import SepdiarError

KINDS = ("diarizer", "separator", "recognizer")
# what a stranger's module is known to raise while it is imported: a library built for another GPU, say, is an OSError
UNLOADABLE = (ImportError, AttributeError, SyntaxError, OSError, RuntimeError, ValueError, TypeError, NameError)


@dataclass(frozen=True)
class Backend:
    """What `sepdiar backends` says of one: where it comes from, what it needs, and whether that is here."""

    kind: str
    name: str
    summary: str
    package: str
    missing: tuple[str, ...] = ()
    mend: str = ""

    @property
    def available(self) -> bool:
        return not self.mend


def find(kind: str) -> dict[str, EntryPoint]:
    """Every backend of a kind that is installed, by name."""
    if kind not in KINDS:
        raise SepdiarError("SD201", f"a kind of backend is one of {', '.join(KINDS)}, not {kind!r}")
    return {point.name: point for point in sorted(entry_points(group=f"sepdiar.{kind}s"), key=lambda point: point.name)}


def load(kind: str, name: str) -> type:
    """The class of a backend, its packages not yet imported; SD201, SD250 or SD252 where that is impossible."""
    points = find(kind)
    if name not in points:
        raise SepdiarError("SD201", f"no {kind} {name!r}; there are: {', '.join(points)}")
    try:
        return points[name].load()  # type: ignore[no-any-return]
    except UNLOADABLE as error:
        raise SepdiarError("SD252", f"{type(error).__name__}: {error}", where=f"{kind} {name}") from error


def fitting(kind: str, name: str, parameters: Mapping[str, Any]) -> type:
    """The class of a backend; SD202 where a parameter is not one of its own. Its packages need not be here."""
    backend = load(kind, name)
    accepted = inspect.signature(backend).parameters
    if unknown := [key for key in parameters if key not in accepted]:
        raise SepdiarError("SD202", f"{kind} {name} has no parameter {unknown[0]!r}; it has: {', '.join(accepted) or 'none'}")
    return backend


def checked(kind: str, name: str, parameters: Mapping[str, Any]) -> type:
    """The class of a backend that `make` could make: `fitting`, and SD250 where a package is missing."""
    backend = fitting(kind, name, parameters)
    if missing := missing_packages(backend, parameters):
        raise SepdiarError("SD250", f"{kind} {name} needs {', '.join(missing)}", hint=_mend(backend, missing))
    return backend


def make(kind: str, name: str, parameters: Mapping[str, Any]) -> Any:
    """A backend, ready to work; refused as `checked` refuses."""
    return checked(kind, name, parameters)(**parameters)


def packages(backend: type, parameters: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The packages that a backend imports when it is made with these parameters: `needs`, or what `needs` says of them."""
    needs = getattr(backend, "needs", ())
    return tuple(needs(**(parameters or {})) if callable(needs) else needs)


def models(backend: type, parameters: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The models that a backend loads when it is made with these parameters: `uses`, or what `uses` says of them.

    Without it, its `path` or `model`, and its `voice`. A name may lack the backend's own before it; "" is one that is not told.
    """
    given = dict(parameters or {})
    uses = getattr(backend, "uses", None)
    if uses is not None:
        return tuple(uses(**given) if callable(uses) else uses)
    accepted = inspect.signature(backend).parameters.values()
    known = {one.name: one.default for one in accepted if one.default is not one.empty} | given
    usual = getattr(backend, "usual", "") or getattr(backend, "model", "")
    made = str(known.get("path") or known.get("model") or usual)
    return (*made.split(", "), *filter(None, [str(known.get("voice") or "")]))


def missing_packages(backend: type, parameters: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Those of them that are not installed."""
    return tuple(name for name in packages(backend, parameters) if not _installed(name))


def backends() -> list[Backend]:
    """Every backend of every kind; one that cannot be imported is listed with the reason instead of raising."""
    rows = []
    for kind in KINDS:
        for name, point in find(kind).items():
            package = point.dist.name if point.dist else "?"
            try:
                backend = load(kind, name)
            except SepdiarError as error:
                rows.append(Backend(kind, name, error.what, package, mend=f"pip install --upgrade --force-reinstall {package}"))
                continue
            missing = missing_packages(backend)
            summary = (inspect.getdoc(backend) or "").partition("\n")[0]
            rows.append(Backend(kind, name, summary, package, missing, _mend(backend, missing) if missing else ""))
    return rows


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is missing
        return False


def _mend(backend: type, missing: tuple[str, ...]) -> str:
    if mend := getattr(backend, "mend", ""):
        return str(mend)
    extra = getattr(backend, "extra", "")
    return f"pip install 'sepdiar[{extra}]'" if extra else f"pip install {' '.join(missing)}"
