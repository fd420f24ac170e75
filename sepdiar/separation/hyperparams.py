"""The settings file of a speechbrain model as plain data: its own reader imports and calls whatever it names, this nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sepdiar.errors import SepdiarError

DESCRIBED = ("!new:", "!name:", "!apply:")
REFERENCE = re.compile(r"<(\w+)>")


@dataclass(frozen=True)
class Described:
    """Something that the file would make or call: its name, and what it would be given."""

    name: str
    given: Any


@dataclass(frozen=True)
class _Reference:
    to: str


def read(text: str, where: str) -> dict[str, Any]:
    """What the file says, references followed; SD264 where a tag says more than that, SD203 where it is no YAML."""
    import yaml

    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    for tag in DESCRIBED:
        loader.add_multi_constructor(tag, lambda made, name, node: Described(name, _plain(made, node)))
    loader.add_constructor("!ref", lambda made, node: _Reference(made.construct_scalar(node)))
    try:
        content = yaml.load(text, loader)
    except yaml.constructor.ConstructorError as error:
        raise SepdiarError("SD264", str(error.problem), where=where) from error
    except yaml.YAMLError as error:
        raise SepdiarError("SD203", str(error).partition("\n")[0], where=where) from error
    if not isinstance(content, dict):
        raise SepdiarError("SD203", "holds no settings by name", where=where)
    return {str(key): _followed(value, content, where, ()) for key, value in content.items()}


def _plain(made: Any, node: Any) -> Any:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return made.construct_mapping(node, deep=True)
    return made.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else {}


def _followed(value: Any, content: Mapping[str, Any], where: str, trail: tuple[str, ...]) -> Any:
    """A value with the references in it replaced by what they name; one that is more than a name stays as it is written."""
    if isinstance(value, Described):
        return Described(value.name, _followed(value.given, content, where, trail))
    if isinstance(value, Mapping):
        return {key: _followed(item, content, where, trail) for key, item in value.items()}
    if isinstance(value, list):
        return [_followed(item, content, where, trail) for item in value]
    if not isinstance(value, _Reference):
        return value
    name = REFERENCE.fullmatch(value.to)
    if name is None:
        return value.to
    if name[1] in trail or name[1] not in content:
        raise SepdiarError("SD203", f"{value.to} names nothing", where=where)
    return _followed(content[name[1]], content, where, (*trail, name[1]))
