"""S8: where everything comes from: each model by commit and hash or with the reason why not, each package by its exact version.

Packages are pinned without hashes: which wheel of torch is right depends on the machine, and each index has its own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sepdiar import checkup
from sepdiar.models import cards
from sepdiar.models.state import verify
from sepdiar.versions import FAULTS, faults, within

ROOT = Path(__file__).parents[2]
SHA256 = re.compile(r"[0-9a-f]{64}")
PIN = re.compile(r"([A-Za-z0-9_.-]+)==([0-9][A-Za-z0-9.+]*)(?: ; [^#]+?)?(?:  # .+)?")
INSTALLED = ("score", "wer", "dev", "hub")  # the extras that `make test` brings


def unhashed(text: str) -> list[str]:
    """What of a card has neither a commit or a hash, nor a remark that says why."""
    facts = tomllib.loads(text)
    if "public" not in facts:
        known = SHA256.fullmatch(str(facts.get("sha256", ""))) and ("package" not in facts or facts.get("version"))
        return [] if known else ["sha256"]
    found = []
    head, *blocks = text.partition("[public]")[2].split("[[public.files]]")
    if "repository" in facts["public"] and not cards.COMMIT.fullmatch(facts["public"]["revision"]):
        found += [] if re.search(r"# the commit .*not known", head) else ["revision"]
    for file, block in zip(facts["public"]["files"], blocks, strict=True):
        known = SHA256.fullmatch(file.get("sha256", "")) or re.search(r"# sha256 not known", block)
        found += [] if known else [file["path"]]
    return found


@pytest.mark.parametrize("name", cards.names())
def test_each_card_has_a_commit_and_hashes_or_says_why_not(name: str) -> None:
    home = cards.home(name)
    assert home and unhashed((home / "card.toml").read_text(encoding="utf-8")) == []


def test_what_comes_with_sepdiar_is_what_its_card_says() -> None:
    shipped = [name for name in cards.names() if cards.card(name).public is None]
    assert shipped and [row.name for name in shipped for row in verify(name) if row.good is False] == []


def test_control_a_card_without_a_hash_is_found() -> None:
    home = cards.home("mossformer2-16k")
    assert home
    text = (home / "card.toml").read_text(encoding="utf-8")
    without = re.sub(r'sha256 = ".*"\n', "", re.sub(r'revision = ".*"', 'revision = "main"', text))
    assert unhashed(without) == ["revision", "last_best_checkpoint.pt"]


def pins() -> dict[str, str]:
    """The packages that are pinned, by the names that the index compares, and to what."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [PIN.fullmatch(line) for line in lines if line and not line.startswith("#")]
    assert all(found), [
        line for line, pin in zip((line for line in lines if line[:1] not in ("", "#")), found, strict=True) if not pin
    ]
    return {called(pin[1]): pin[2] for pin in found if pin}


def called(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked(lines: list[str], extras: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The packages that requirements ask for on this machine, each with its own extras."""
    from packaging.requirements import Requirement

    for line in lines:
        wanted = Requirement(line)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield called(wanted.name), tuple(sorted(wanted.extras))


@pytest.mark.skipif(find_spec("packaging") is None, reason="needs packaging")
def test_all_that_make_test_installs_is_pinned_exactly() -> None:
    pinned, seen = pins(), set()
    waiting = [("sepdiar", INSTALLED), *asked(project()["build-system"]["requires"], ())]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            waiting += asked(requires(name) or [], extras)
        except PackageNotFoundError:
            continue
    missing = {name for name, _ in seen} - pinned.keys() - {"sepdiar", "setuptools"}
    assert missing == set()


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def loose(table: Mapping[str, list[str]], pinned: Mapping[str, str]) -> list[str]:
    """Requirements that have neither a lower bound nor a pin."""
    lines = [(extra, line) for extra, wanted in table.items() for line in wanted]
    return [f"{extra}: {line}" for extra, line in lines if not re.search(r">=|==", line) and called(line) not in pinned]


def test_each_requirement_of_each_extra_has_a_bound_or_a_pin() -> None:
    about = project()["project"]
    assert loose({"": about["dependencies"], **about["optional-dependencies"]}, pins()) == []


def test_control_a_requirement_without_bounds_is_found() -> None:
    assert loose({"x": ["requests", "torch", "numpy>=2"]}, {"torch": "2.13.0"}) == ["x: requests"]


def test_every_pin_is_within_what_sepdiar_asks_for() -> None:
    pinned = pins()
    about = project()["project"]
    for line in (*about["dependencies"], *(one for wanted in about["optional-dependencies"].values() for one in wanted)):
        name, bounds = re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?(.*)", line).groups()  # type: ignore[union-attr]
        assert within(pinned.get(called(name), ""), bounds) or called(name) not in pinned, line


def test_what_is_pinned_has_no_known_fault_that_matters_here() -> None:
    assert list(faults(pins())) == []
    assert [name for name, _ in faults({"torch": "2.9.1", "FFmpeg": "8.1.2", "libsndfile": "1.2.2"})] == [
        row[0] for row in FAULTS
    ]


def test_doctor_is_calm_about_what_is_here() -> None:
    rows = [*checkup._sound(), *checkup._faults()]
    assert rows and [row for row in rows if row.good is False] == []
