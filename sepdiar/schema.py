"""JSON into frozen dataclasses, strictly: each value must be of the type that the field is annotated with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

DEPTH = 32
"""How deep a value without a schema of its own (the parameters of a stage) may be nested."""

Reader = Callable[[Any], Any]
Value = TypeVar("Value")


class Misfit(ValueError):
    """A value that the schema does not allow: the message says where it stands, as in `turns[3].span.start`."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.problem, self.place = problem, place

    def below(self, parent: str) -> Misfit:
        """The same, seen from one level up."""
        joint = "" if not self.place or self.place.startswith("[") else "."
        return Misfit(self.problem, f"{parent}{joint}{self.place}")


def parse(text: str) -> Any:
    """The value of a JSON text; ValueError for anything else, NaN and endless nesting included."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def build(kind: type[Value], data: Any) -> Value:
    """The dataclass `kind` made of parsed JSON; ValueError says which value does not fit.

    Fields with a default may be missing. A field that the class does not have is refused.
    """
    made: Value = _reader(cast(Hashable, kind))(data)
    return made


def plain(value: Any, depth: int = DEPTH) -> Any:
    """The same value, if JSON can hold it (no NaN) and it is nested at most `depth` levels."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return _number(value)
    if depth == 0:
        raise Misfit("nested too deeply")
    if isinstance(value, list):
        return [plain(entry, depth - 1) for entry in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(entry, depth - 1) for key, entry in value.items()}
    raise Misfit(f"a value of type {type(value).__name__} is not allowed")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


@cache
def _reader(hint: Any) -> Reader:
    if is_dataclass(hint):
        return partial(_dataclass, hint, _fields(cast(Hashable, hint)))
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        if arguments[1:] == (...,):
            return partial(_tuple, _reader(arguments[0]))
        return partial(_row, tuple(map(_reader, arguments)))
    if origin in (Union, UnionType) and len(arguments) == 2 and NoneType in arguments:
        return partial(_optional, _reader(next(kind for kind in arguments if kind is not NoneType)))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return partial(_table, _reader(arguments[1]))
    return {str: _text, int: _whole, float: _number, bool: _truth, Any: plain}[hint]  # type: ignore[return-value]


@cache
def _fields(kind: Any) -> tuple[dict[str, Reader], frozenset[str]]:
    """A reader for each field, and the names of the fields that must be there."""
    hints = get_type_hints(kind)
    needed = {each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING}
    return {each.name: _reader(hints[each.name]) for each in fields(kind)}, frozenset(needed)


def _dataclass(kind: Any, known: tuple[dict[str, Reader], frozenset[str]], data: Any) -> Any:
    readers, needed = known
    if not isinstance(data, dict):
        raise Misfit(f"a table is expected, not {_shown(data)}")
    if missing := needed - data.keys():
        raise Misfit(f"{min(missing)} is missing")
    values = {}
    for name, value in data.items():
        if name not in readers:
            raise Misfit(f"there is no field {name!r}")
        try:
            values[name] = readers[name](value)
        except Misfit as misfit:
            raise misfit.below(name) from None
    try:
        return kind(**values)
    except ValueError as error:
        raise Misfit(str(error)) from error


def _tuple(reader: Reader, data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise Misfit(f"a list is expected, not {_shown(data)}")
    values = []
    for index, value in enumerate(data):
        try:
            values.append(reader(value))
        except Misfit as misfit:
            raise misfit.below(f"[{index}]") from None
    return tuple(values)


def _row(readers: tuple[Reader, ...], data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list) or len(data) != len(readers):
        raise Misfit(f"a list of {len(readers)} is expected, not {_shown(data)}")
    return tuple(reader(value) for reader, value in zip(readers, data, strict=True))


def _table(reader: Reader, data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Misfit(f"a table is expected, not {_shown(data)}")
    values = {}
    for key, value in data.items():
        try:
            values[key] = reader(value)
        except Misfit as misfit:
            raise misfit.below(key) from None
    return values


def _optional(reader: Reader, data: Any) -> Any:
    return None if data is None else reader(data)


def _text(data: Any) -> str:
    if not isinstance(data, str):
        raise Misfit(f"a text is expected, not {_shown(data)}")
    return data


def _whole(data: Any) -> int:
    if not isinstance(data, int) or isinstance(data, bool):
        raise Misfit(f"a whole number is expected, not {_shown(data)}")
    return data


def _number(data: Any) -> float:
    if not isinstance(data, int | float) or isinstance(data, bool) or not abs(data) <= sys.float_info.max:
        raise Misfit(f"a number is expected, not {_shown(data)}")
    return data


def _truth(data: Any) -> bool:
    if not isinstance(data, bool):
        raise Misfit(f"true or false is expected, not {_shown(data)}")
    return data


def _shown(data: Any) -> str:
    kinds = {dict: "a table", list: "a list", NoneType: "null", str: "a text", bool: "true or false"}
    return kinds.get(type(data)) or f"{str(data)[:20]}"
