"""run.toml: what made a run, written once; another configuration is refused by the name of the key that changed."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sepdiar import identity
from sepdiar.config import Config
from sepdiar.errors import SepdiarError
from sepdiar.pipeline import fingerprint
from sepdiar.schema import build
from sepdiar.store.reading import SMALL, read_text
from sepdiar.versions import installed

NAME = "run.toml"
ABOUT = "# What made this run. A second run into this directory with another configuration is refused.\n"
MISSING = "nothing"


@dataclass(frozen=True)
class Settings:
    """The facts that the bytes of a run depend on beside its inputs.

    They are settings by dotted key, versions of packages by name, and the hashes of our code by package and of weights by model.
    """

    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    code: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config) -> Settings:
        """The facts of a configuration; this makes its stages, to ask them for their packages."""
        return cls(**config.facts())

    @property
    def facts(self) -> dict[str, Any]:
        """As they stand in every item, with their fingerprint."""
        return {**self._tables, "fingerprint": self.fingerprint}

    @property
    def fingerprint(self) -> str:
        return fingerprint(self._tables)

    @property
    def config(self) -> Config:
        """The configuration that made the run."""
        return Config(self.settings, dict.fromkeys(self.settings, NAME))

    @property
    def _tables(self) -> dict[str, Any]:
        """What there is; a run made before code and weights were told apart has neither."""
        return {name: dict(table) for name, table in asdict(self).items() if table or name in ("settings", "versions")}

    def to_toml(self) -> str:
        """The same facts, the same bytes."""
        parts = [f'{ABOUT}fingerprint = "{self.fingerprint}"\n']
        for name in ("settings", "versions", "code", "weights"):
            table, separator = getattr(self, name), "." if name == "settings" else ""
            if name in self._tables:
                lines = (f"{_key(key, separator)} = {_value(key, table[key])}\n" for key in sorted(table))
                parts.append(f"[{name}]\n{''.join(lines)}")
        return "\n".join(parts)

    @classmethod
    def read(cls, run: Path) -> Settings:
        """The facts of the run in that directory.

        SD207 where there is no run.toml, SD307 where it is no file of ours, SD306 where it does not give its own fingerprint.
        """
        path = run / NAME
        try:
            table = tomllib.loads(read_text(path, SMALL))
            return cls.checked({**table, "settings": flat(table.get("settings", {}))}, path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise SepdiarError("SD207", "no run.toml in it", where=str(run)) from error
        except (AttributeError, RecursionError, ValueError) as error:
            raise SepdiarError("SD307", f"cannot be read: {error}", where=str(path), hint=_RESTORE) from error

    @classmethod
    def checked(cls, facts: Mapping[str, Any], path: Path) -> Settings:
        """Facts read from a file; ValueError where they are none, SD306 where they do not give their fingerprint."""
        found = build(cls, {key: value for key, value in facts.items() if key != "fingerprint"})
        if facts.get("fingerprint") != found.fingerprint:
            raise SepdiarError("SD306", "it does not give its own fingerprint", where=str(path), hint=_RESTORE)
        return found

    def refuse_other(self, config: Config, run: Path) -> None:
        """SD205, naming each key with both values, unless `config` on this machine would make the same bytes."""
        here = Settings(
            config.values,
            {name: installed(name) or MISSING for name in self.versions},
            {package: identity.code_sha256(package) for package in self.code},
            {model: identity.weights_sha256(model) for model in self.weights},
        )
        if changed := self.differences(here):
            raise SepdiarError("SD205", "; ".join(changed), where=str(run))
        if not self.code:
            raise SepdiarError("SD205", "it was made by a sepdiar that did not record its code and weights", where=str(run))

    def differences(self, other: Settings) -> list[str]:
        """Each key that is not the same in the other configuration, in words, with both values."""
        there, here = self._named, other._named
        keys = [key for key in sorted(here.keys() | there.keys()) if _show(key, here) != _show(key, there)]
        return [f"{key} was {_show(key, there)}, now {_show(key, here)}" for key in keys]

    @property
    def _named(self) -> dict[str, Any]:
        """Every fact under a name that a user understands; of a hash the first twelve digits."""
        named = {**self.settings, **{f"version of {name}": made for name, made in self.versions.items()}}
        named |= {f"code of {name}": sha256[:12] for name, sha256 in self.code.items()}
        return named | {f"weights of {name}": sha256[:12] for name, sha256 in self.weights.items()}


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
