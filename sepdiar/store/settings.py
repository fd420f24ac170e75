"""run.toml: what made a run, written once; another configuration is refused by the name of the key that changed."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sepdiar.config import Config
from sepdiar.errors import SepdiarError
from sepdiar.pipeline import fingerprint

NAME = "run.toml"
ABOUT = "# What made this run. A second run into this directory with another configuration is refused.\n"
MISSING = "nothing"


@dataclass(frozen=True)
class Settings:
    """The facts that the bytes of a run depend on beside its inputs: settings by dotted key, and versions of packages."""

    settings: Mapping[str, Any]
    versions: Mapping[str, str]

    @classmethod
    def of(cls, config: Config) -> Settings:
        """The facts of a configuration; this makes its stages, to ask them for their packages."""
        facts = config.facts()
        return cls(facts["settings"], facts["versions"])

    @property
    def fingerprint(self) -> str:
        return fingerprint({"settings": dict(self.settings), "versions": dict(self.versions)})

    @property
    def config(self) -> Config:
        """The configuration that made the run."""
        return Config(self.settings, dict.fromkeys(self.settings, NAME))

    def to_toml(self) -> str:
        """The same facts, the same bytes."""
        settings = "".join(f"{_key(key)} = {_value(key, self.settings[key])}\n" for key in sorted(self.settings))
        versions = "".join(f"{_key(key, '')} = {_value(key, self.versions[key])}\n" for key in sorted(self.versions))
        return f'{ABOUT}fingerprint = "{self.fingerprint}"\n\n[settings]\n{settings}\n[versions]\n{versions}'

    @classmethod
    def read(cls, run: Path) -> Settings:
        """The facts of the run in that directory: SD207 where there is none, SD306 where they do not give its fingerprint."""
        path = run / NAME
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            found = cls(flat(table["settings"]), table["versions"])
            intact = table["fingerprint"] == found.fingerprint
        except (FileNotFoundError, NotADirectoryError) as error:
            raise SepdiarError("SD207", "no run.toml in it", where=str(run)) from error
        except (UnicodeDecodeError, KeyError, AttributeError, tomllib.TOMLDecodeError) as error:
            raise SepdiarError("SD306", f"cannot be read: {error}", where=str(path), hint=_RESTORE) from error
        if not intact:
            raise SepdiarError("SD306", "it does not give its own fingerprint", where=str(path), hint=_RESTORE)
        return found

    def refuse_other(self, config: Config, run: Path) -> None:
        """SD205, naming each key with both values, unless `config` on this machine would make the same bytes."""
        here = {**config.values, **{f"version of {name}": _version(name) for name in self.versions}}
        there = {**self.settings, **{f"version of {name}": made for name, made in self.versions.items()}}
        changed = [key for key in sorted(here.keys() | there.keys()) if _show(key, here) != _show(key, there)]
        if changed:
            what = "; ".join(f"{key} was {_show(key, there)}, now {_show(key, here)}" for key in changed)
            raise SepdiarError("SD205", what, where=str(run))


_RESTORE = "put run.toml back as it was, or process into a new --out"


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys.

    >>> flat({"device": "cpu", "decode": {"salvage": False}})
    {'device': 'cpu', 'decode.salvage': False}
    """
    keys: dict[str, Any] = {}
    for key, value in table.items():
        keys |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return keys


def _key(key: str, separator: str = ".") -> str:
    parts = key.split(separator) if separator else [key]
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else _value(key, part) for part in parts)


def _value(key: str, value: Any) -> str:
    """JSON is TOML for what a setting can be, apart from one control character and half of a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SepdiarError("SD202", f"{text!a} is not valid Unicode", where=key) from error
    return text


def _show(key: str, values: Mapping[str, Any]) -> str:
    return json.dumps(values[key]) if key in values else MISSING


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return MISSING
