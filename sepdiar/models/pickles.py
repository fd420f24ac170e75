"""Weights that their authors pickled, made into safetensors once: read by torch's restricted reader, which runs nothing."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sepdiar.errors import SepdiarError

if TYPE_CHECKING:
    from torch import Tensor

ABOUT = "about"


def convert(source: Path, made: Path, tensors: str = "", ignore: tuple[str, ...] = ()) -> None:
    """Write the tensors of a pickle as safetensors; what else it says goes into the header. `read` explains the parameters."""
    from safetensors.torch import save_file

    state, rest = read(source, tensors, ignore)
    header = {ABOUT: json.dumps(rest, sort_keys=True)}  # one entry: safetensors writes several in any order
    save_file({name: value.detach().clone().contiguous() for name, value in state.items()}, made, header)


def read(source: Path, tensors: str = "", ignore: tuple[str, ...] = ()) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a pickle by name, and whatever else it says that JSON can hold.

    `tensors` is the key below which they are; without it they are the whole, or the only part that is nothing else. A class
    named in `ignore` is replaced by one without code. Every other one that torch does not know as harmless is SD264.
    """
    import torch

    allowed: list[Any] = [torch.torch_version.TorchVersion]
    allowed += [(type(name.rpartition(".")[2], (_Nothing,), {}), name) for name in ignore]
    try:
        with torch.serialization.safe_globals(allowed):
            content = torch.load(source, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, AttributeError, TypeError) as error:
        reason = next((line for line in str(error).splitlines() if "GLOBAL" in line or "Unsupported" in line), str(error))
        raise SepdiarError("SD264", reason.strip().partition("\n")[0], where=source.name) from error
    key, state = _tensors(content, tensors, source.name)
    rest = _plain({name: value for name, value in content.items() if name != key}) if key else {}
    return {str(name): value for name, value in state.items()}, rest


def about(path: Path) -> dict[str, Any]:
    """What a converted file says of itself besides its tensors, for example the shape of its network."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    found: dict[str, Any] = json.loads(header.get("__metadata__", {}).get(ABOUT, "{}"))
    return found


def _tensors(content: Any, key: str, where: str) -> tuple[str, Mapping[str, Any]]:
    """The tensors in what a pickle held, and the key below which they were; no key where they are all that it held."""
    if not isinstance(content, Mapping):
        raise SepdiarError("SD264", f"holds a {type(content).__name__}, not tensors by name", where=where)
    if not key and _all_tensors(content):
        return "", content
    parts = [str(name) for name, value in content.items() if _all_tensors(value) and name == (key or name)]
    if len(parts) != 1:
        said = f"no tensors below {key!r}" if key else f"tensors in {len(parts)} places"
        raise SepdiarError("SD264", f"{said}; it holds: {', '.join(map(str, content))[:200]}", where=where)
    return parts[0], content[parts[0]]


def _all_tensors(value: Any) -> bool:
    import torch

    return isinstance(value, Mapping) and bool(value) and all(isinstance(item, torch.Tensor) for item in value.values())


class _Nothing:
    """Takes the place of a class whose code is not wanted: accepts everything, does nothing."""

    def __new__(cls, *positional: object, **named: object) -> _Nothing:
        return object.__new__(cls)

    def __init__(self, *positional: object, **named: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _plain(value: Any) -> Any:
    """What JSON can hold of a value; the rest is left out."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if _speakable(item)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value if _speakable(item)]
    return str(value) if isinstance(value, str) else value


def _speakable(value: Any) -> bool:
    return value is None or isinstance(value, (Mapping, list, tuple, str, bool, int, float))
