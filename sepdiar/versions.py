"""Which versions of packages are here, which of them sepdiar asks for, and which are known not to go together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

Number = tuple[int, ...]
COMPARE: dict[str, Callable[[Number, Number], bool]] = {
    ">=": lambda here, asked: here >= asked,
    "<=": lambda here, asked: here <= asked,
    "==": lambda here, asked: here == asked,
    "!=": lambda here, asked: here != asked,
    ">": lambda here, asked: here > asked,
    "<": lambda here, asked: here < asked,
}


FAULTS = (
    ("torch", "<2.10", "a pickle can break out of its restricted reader (CVE-2026-24747)"),
    ("FFmpeg", "<8.1.3", "a playlist can get around the protocols that it is allowed; sepdiar has it read no playlists"),
    ("libsndfile", "<=1.2.2", "builds without later patches can be crashed by a file; sepdiar decodes in a process apart"),
)
"""What is known against versions of what reads the files of strangers: the name, the versions, and why."""


@dataclass(frozen=True)
class Requirement:
    """A line of a package's metadata: `text` is what pip takes."""

    name: str
    bounds: str
    extra: str

    @property
    def text(self) -> str:
        return self.name + self.bounds


@dataclass(frozen=True)
class Clash:
    """A package in a version that is known not to work here, why, and the command that mends it."""

    name: str
    detail: str
    mend: str


def requirements(package: str = "sepdiar") -> Iterator[Requirement]:
    """What a package asks for: of its extras too, which `extra` names."""
    for line in requires(package) or ():
        wanted, _, marker = line.partition(";")
        found = re.fullmatch(r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*\(?([^)]*)\)?\s*", wanted.strip())
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
        if found:
            yield Requirement(found[1], found[2].replace(" ", ""), extra[1] if extra else "")


def within(here: str, bounds: str) -> bool:
    """Whether a version is within bounds as pip writes them; only releases are compared, as far as both have numbers.

    >>> within("2.13.0+cpu", ">=2.9,<3"), within("0.13", "==0.12.0"), within("1.26.4", ">=2.0")
    (True, False, False)
    """
    pairs = re.findall(r"(>=|<=|==|!=|>|<)([0-9][0-9A-Za-z.+]*)", bounds)
    return all(COMPARE[sign](*_alike(here, asked)) for sign, asked in pairs)


def installed(name: str) -> str:
    """The version of a package; "" where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def faults(here: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is known against the versions that are here, by name; a version that is "" is not here.

    >>> list(faults({"torch": "2.9.1+cpu", "FFmpeg": "8.1.3"}))
    [('torch', 'a pickle can break out of its restricted reader (CVE-2026-24747)')]
    """
    return ((name, why) for name, bounds, why in FAULTS if here.get(name) and within(here[name], bounds))


def clashes(cuda: bool) -> Iterator[Clash]:
    """What is here in a version that is known not to work; `cuda` is whether torch is built for it."""
    torchcodec, asteroid, metrics = (installed(name) for name in ("torchcodec", "asteroid", "torchmetrics"))
    if torchcodec and not cuda and "+cpu" not in torchcodec and within(torchcodec, ">0.12.0"):
        what = "newer than 0.12.0 is built for CUDA, and this torch is not: it cannot be loaded"
        yield Clash("torchcodec", f"{torchcodec}; {what}", "pip install torchcodec==0.12.0")
    if asteroid and within(asteroid, "<0.7.0"):
        what = "a resolver went back to it: newer ones ask for a torchmetrics that others refuse, and do not need it"
        yield Clash("asteroid", f"{asteroid}; {what}", "pip install --no-deps asteroid==0.7.0")
    if asteroid and metrics and installed("pyannote.audio") and within(metrics, "<1.6.1"):
        what = "asteroid asks for at most 0.11.4 and pyannote.audio for 1.6.1 or more; asteroid separates with that too"
        yield Clash("torchmetrics", f"{metrics}; {what}", "pip install 'torchmetrics>=1.6.1'")
    if (pyannote := installed("pyannote.audio")) and within(pyannote, "<4.0.7"):
        yield Clash(
            "pyannote.audio",
            f"{pyannote}; it cannot be imported beside today's torchaudio",
            "pip install 'pyannote.audio>=4.0.7,<5'",
        )
    if (clearvoice := installed("clearvoice")) and within(installed("numpy"), "<2"):
        what = "it asks for numpy below 2; the separator mossformer2 needs no clearvoice"
        yield Clash("clearvoice", f"{clearvoice}; {what}", "pip uninstall -y clearvoice && pip install 'numpy>=2.0'")


def _alike(here: str, asked: str) -> tuple[Number, Number]:
    """Both as numbers of one length."""
    first, second = ([int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3]] for text in (here, asked))
    size = max(len(first), len(second))
    return tuple(first + [0] * (size - len(first))), tuple(second + [0] * (size - len(second)))
