"""Weights that their authors pickled, made into safetensors once: read by torch's restricted reader, which runs nothing.

`convert` and `read` have it done in a process of its own (`converter`), `write` and what is below it is done there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sepdiar.errors import SepdiarError
from sepdiar.models import kinds
from sepdiar.models.converter import converter

if TYPE_CHECKING:
    from torch import Tensor

ABOUT = "about"


def convert(source: Path, made: Path, tensors: str = "", ignore: tuple[str, ...] = ()) -> None:
    """Write the tensors of a pickle as safetensors; what else it says that JSON can hold goes into the header.

    `tensors` is the key below which they are; without it they are the whole, or the only part that is nothing else. A class
    named in `ignore` is replaced by one without code. Every other one that torch does not know as harmless is SD264, as is
    whatever cannot be read, or not within the memory and time that weights of this size need.
    """
    with converter() as running:
        running.work("pickle", source, made, tensors=tensors, ignore=ignore)


def read(source: Path, tensors: str = "", ignore: tuple[str, ...] = ()) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a pickle by name, and whatever else it says, as `convert` would write them."""
    with TemporaryDirectory(prefix="sepdiar-") as place:
        made = Path(place) / "weights.safetensors"
        convert(source, made, tensors, ignore)
        return loaded(made), about(made)


def loaded(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name; SD264 where it is none, with what it is."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise kinds.misnamed(file, str(file)) from error


def write(source: Path, made: Path, tensors: str, ignore: tuple[str, ...]) -> None:
    """What `convert` has done, in the process that it is done in."""
    from safetensors.torch import save_file

    state, rest = _read(source, tensors, ignore)
    header = {ABOUT: json.dumps(rest, sort_keys=True)}  # one entry: safetensors writes several in any order
    save_file({name: value.detach().clone().contiguous() for name, value in state.items()}, made, header)


def _read(source: Path, tensors: str, ignore: tuple[str, ...]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    import torch

    allowed: list[Any] = [torch.torch_version.TorchVersion]
    allowed += [(type(name.rpartition(".")[2], (_Nothing,), {}), name) for name in ignore]
    with torch.serialization.safe_globals(allowed):
        content = torch.load(source, map_location="cpu", weights_only=True)
    key, state = _tensors(content, tensors, source.name)
    rest = _plain({name: value for name, value in content.items() if name != key}) if key else {}
    named = {str(name): value for name, value in state.items()}
    if len(named) < len(state) or "__metadata__" in named:
        raise SepdiarError("SD264", "two tensors have the same name, or one that safetensors keeps for itself", where=source.name)
    return named, rest


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
