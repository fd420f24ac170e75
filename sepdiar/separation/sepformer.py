"""SepFormer (Subakan et al., 2021) through speechbrain, built from what its settings file says without running that file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sepdiar.errors import SepdiarError
from sepdiar.models.published import Published, weights
from sepdiar.separation.hyperparams import Described, read
from sepdiar.separation.published import Network, PublishedSeparator

if TYPE_CHECKING:
    from torch import Tensor, nn

SETTINGS = "hyperparams.yaml"
PARTS = ("encoder", "masknet", "decoder")
HOME = "speechbrain.lobes.models.dual_path"
CLASSES = frozenset(f"{HOME}.{name}" for name in ("Encoder", "SBTransformerBlock", "Dual_Path_Model", "Decoder"))


class SepFormer(PublishedSeparator):
    """SepFormer through speechbrain: attention within chunks and across them; 26 M parameters, good and slow, 8 or 16 kHz."""

    needs = ("speechbrain", "torchaudio", "yaml")
    extra = "speechbrain"
    files = (SETTINGS, *(f"{part}.ckpt" for part in PARTS))
    usual = "sepformer-whamr16k"

    def load(self, found: Published, device: str) -> Network:
        """The network of a folder that speechbrain published; SD264 where it names another class than SepFormer's."""
        from sepdiar.networks import torchaudio_cpu

        torchaudio_cpu.importable()
        from speechbrain.inference.separation import SepformerSeparation

        place = found.files[SETTINGS]
        settings = read(place.read_text(encoding="utf-8"), str(place))
        described = settings.get("modules")
        parts = {part: _part(part, described, found) for part in PARTS}
        speakers, rate = (_number(settings, key, str(place)) for key in ("num_spks", "sample_rate"))
        network = SepformerSeparation(parts, {"num_spks": speakers, "device": device})
        return Network(partial(_sources, network), speakers, rate)


def _sources(network: Any, mixtures: Tensor) -> Tensor:
    sources: Tensor = network.separate_batch(mixtures)
    return sources.transpose(1, 2)


def _part(name: str, described: Any, found: Published) -> nn.Module:
    """One part of the network with its weights."""
    where, file = str(found.files[SETTINGS]), found.files[f"{name}.ckpt"]
    if not isinstance(described, Mapping) or not isinstance(described.get(name), Described):
        raise SepdiarError("SD264", f"does not say what its {name} is", where=where)
    try:
        part: nn.Module = made(described[name], where)
        part.load_state_dict(weights(file)[0])
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        what = f"no {name} can be made of it: {str(error).partition(chr(10))[0]}"
        raise SepdiarError("SD251", what, where=str(file), hint="sepdiar models list") from error
    return part


def made(value: Any, where: str) -> Any:
    """A value, or one of SepFormer's own classes made of what it is given."""
    if not isinstance(value, Described):
        return value
    if value.name not in CLASSES or not isinstance(value.given, Mapping):
        raise SepdiarError("SD264", f"{value.name} is no part of a SepFormer", where=where)
    from speechbrain.lobes.models import dual_path

    given = {str(key): made(item, where) for key, item in value.given.items()}
    return getattr(dual_path, value.name.rpartition(".")[2])(**given)


def _number(settings: Mapping[str, Any], key: str, where: str) -> int:
    value = settings.get(key)
    if not isinstance(value, int):
        raise SepdiarError("SD203", f"{key} is {value!r}, not a number", where=where)
    return value
