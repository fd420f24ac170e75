"""Where WSJ0-2mix, WHAM!, WHAMR! and Libri2Mix have their mixtures on disk, and what separates a mixture's sources from them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sepdiar.errors import SepdiarError
from sepdiar.evaluation.shipped import Reference, reference

RATES, MODES = (8000, 16_000), ("min", "max")
NAMED = 3  # so many of the files that are missing are named

CLEAN = ("s1", "s2")
ANECHOIC, REVERBERANT = ("s1_anechoic", "s2_anechoic"), ("s1_reverb", "s2_reverb")


@dataclass(frozen=True)
class Layout:
    """A benchmark: `inner` are folders that may lie between DATA and wav8k, `splits` begins with the test set.

    `conditions` are kinds of mixtures by name, the published one first: the folder of the mixtures, and those of the sources.
    """

    name: str
    inner: tuple[str, ...]
    splits: tuple[str, ...]
    conditions: Mapping[str, tuple[str, tuple[str, str]]]


@dataclass(frozen=True)
class Mixture:
    """Two speakers at once, in one file, and each alone."""

    name: str
    file: Path
    sources: tuple[Path, Path]


WSJ = ("tt", "cv", "tr")
LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("wsj0mix", ("2speakers", "wsj0-mix/2speakers"), WSJ, {"mix": ("mix", CLEAN)}),
        Layout("wham", ("wham_wav", "wham"), WSJ, {name: (name, CLEAN) for name in ("mix_both", "mix_clean")}),
        Layout(
            "whamr",
            ("whamr_wav", "whamr"),
            WSJ,
            {
                **{
                    f"mix_{kind}": (f"mix_{kind}", ANECHOIC)
                    for kind in ("both_reverb", "clean_reverb", "both_anechoic", "clean_anechoic")
                },
                **{f"mix_{kind}-to-reverb": (f"mix_{kind}", REVERBERANT) for kind in ("both_reverb", "clean_reverb")},
            },
        ),
        Layout(
            "librimix",
            ("Libri2Mix",),
            ("test", "dev", "train-100", "train-360"),
            {name: (name, CLEAN) for name in ("mix_clean", "mix_both")},
        ),
    )
}


def mixtures(layout: Layout, data: Path, rate: int, mode: str, split: str, condition: str) -> list[Mixture]:
    """The mixtures of a part of a benchmark, in the order of their names.

    SD202: no such rate, mode, split or condition. SD603: a folder or a file is missing, with what to get from whom.
    """
    for word, value, known in (
        ("rate", rate, RATES),
        ("mode", mode, MODES),
        ("split", split, layout.splits),
        ("condition", condition, layout.conditions),
    ):
        if value not in known:
            raise SepdiarError("SD202", f"one of {', '.join(map(str, known))}, not {value!r}", where=word)
    about = reference(layout.name)
    root = _root(layout, data, about)
    part = root / f"wav{rate // 1000}k" / mode
    folder, sources = layout.conditions[condition]
    names = [_names(part / split / one, part, data, about) for one in (folder, *sources)]
    listed = _listed(part, split, folder)
    _complete(part / split, dict(zip((folder, *sources), names, strict=True)), listed, about)
    first, second = (part / split / one for one in sources)
    return [Mixture(Path(name).stem, part / split / folder / name, (first / name, second / name)) for name in sorted(names[0])]


def _root(layout: Layout, data: Path, about: Reference) -> Path:
    if not data.is_dir():
        raise about.missing("there is no such folder", data)
    for folder in (data, *(data / inner for inner in layout.inner)):
        if _parts(folder):
            return folder
    raise about.missing("neither wav8k nor wav16k is in it", data)


def _parts(root: Path) -> list[str]:
    """What is there of it: wav8k/min, ..."""
    return [f"wav{rate // 1000}k/{mode}" for rate in RATES for mode in MODES if (root / f"wav{rate // 1000}k" / mode).is_dir()]


def _names(folder: Path, part: Path, data: Path, about: Reference) -> set[str]:
    if not folder.is_dir():
        there = ", ".join(_parts(part.parent.parent)) if not part.is_dir() else ", ".join(_folders(folder.parent))
        raise about.missing(f"no folder {folder.relative_to(data)}; there are: {there or 'none'}", data)
    names = {path.name for path in folder.glob("*.wav")}
    if not names:
        raise about.missing(f"no WAV file in {folder.relative_to(data)}", data)
    return names


def _folders(place: Path) -> Iterator[str]:
    if place.is_dir():
        yield from sorted(path.name for path in place.iterdir() if path.is_dir())
    elif place.parent.is_dir():
        yield from (f"{place.parent.name}/{name}" for name in _folders(place.parent))


def _listed(part: Path, split: str, folder: str) -> set[str]:
    """The mixtures that LibriMix's own table names, where there is one; its paths are those of whoever mixed them."""
    for table in (part / "metadata", part.parent.parent / "metadata"):
        path = table / f"mixture_{split}_{folder}.csv"
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as rows:
                return {f"{row['mixture_ID']}.wav" for row in csv.DictReader(rows) if row.get("mixture_ID")}
    return set()


def _complete(place: Path, names: Mapping[str, set[str]], listed: set[str], about: Reference) -> None:
    wanted = listed.union(*names.values())
    for folder, there in names.items():
        if lacking := sorted(wanted - there):
            more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
            raise about.missing(f"{folder} lacks {', '.join(lacking[:NAMED])}{more}", place)
