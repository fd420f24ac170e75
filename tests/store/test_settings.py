"""run.toml: what is written can be read, whatever the values, and says the same."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sepdiar.errors import SepdiarError
from sepdiar.store.settings import Settings

texts = some.text(some.characters(exclude_categories=["Cs"]), max_size=20)
values = some.one_of(some.booleans(), some.integers(), some.floats(allow_nan=False, allow_infinity=False), texts)
keys = some.one_of(some.from_regex(r"[a-z_]+\.[a-z_]+", fullmatch=True), some.sampled_from(["device", "seed"]))


@given(some.dictionaries(keys, some.one_of(values, some.lists(texts))), some.dictionaries(texts.filter(bool), texts))
def test_whatever_is_written_is_read_again(settings: dict[str, Any], versions: dict[str, str]) -> None:
    made = Settings(settings, versions)
    table = tomllib.loads(made.to_toml())
    assert table["fingerprint"] == made.fingerprint
    assert table["versions"] == versions


def write(folder: Path, text: str) -> Path:
    (folder / "run.toml").write_text(text, encoding="utf-8")
    return folder


def test_it_is_read_as_it_was(tmp_path: Path) -> None:
    made = Settings({"chain": ["copy"], "copy.tag": 'a "b"\n', "copy.x.y": 1e-9, "device": "cpu"}, {"numpy": "2.0"})
    found = Settings.read(write(tmp_path, made.to_toml()))
    assert found == made and found.config.values == made.settings


UNREADABLE = ("", "x =", "settings = 3\nversions = 4\n", "a = " + 10000 * "[", "[settings]\na = 2020-01-01\n[versions]\n")
UNREADABLE += ("[settings]\na = nan\n[versions]\n", "[versions]\n[settings]\n" + ".".join(3000 * ["a"]) + " = 1\n")
UNREADABLE += ("[settings]\n[versions]\nsepdiar = 7\n", "[settings]\n[versions]\n[other]\n")


@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_no_run_toml_of_ours_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SepdiarError, match="SD307"):
        Settings.read(write(tmp_path, text))


def test_what_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    text = "fingerprint = 'x'\n[settings]\n[versions]\n"
    with pytest.raises(SepdiarError, match="SD306"):
        Settings.read(write(tmp_path, text))


def test_a_value_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(SepdiarError, match="SD202"):
        Settings({"copy.tag": "\udcff"}, {}).to_toml()
