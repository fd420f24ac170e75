"""pyannote's pipelines from their published files: settings, two networks, and what clusters the voices.

The package would fetch what the settings name, with whatever runs in it. Here every part is a file that is here already: beside
the settings, or a model of a card of ours that has the repository that they name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sepdiar.errors import SepdiarError
from sepdiar.models.published import Published, in_folder, pulled
from sepdiar.networks import pyannote

if TYPE_CHECKING:
    from torch import nn

SETTINGS = "config.yaml"
BESIDE = "$model/"  # in the settings: in a folder beside them
WINDOW = 10.0  # seconds that the published networks hear at once
AT_ONCE = 2  # speakers that they hear at once
SPEAKERS = {1 + count + count * (count - 1) // 2: count for count in range(2, 11)}  # by how many sets of up to two there are
HEARING = ("sample_rate", "num_channels", "sincnet", "lstm", "linear")
VOICE = ("sample_rate", "num_channels", "num_mel_bins", "frame_length", "frame_shift", "dither", "window_type", "use_energy")
PLDA = ("xvec_transform.npz", "plda.npz")
MOST = 8000  # voices that are clustered: the distances between them take 256 MB


@dataclass(frozen=True)
class Pipeline:
    """The parts of a pipeline, ready to work; `alone` says that a voice is taken from where nobody else is heard."""

    name: str
    sha256: str
    hearing: nn.Module
    voice: nn.Module
    clustering: Any
    alone: bool
    pause: float


def load(found: Published, device: str) -> Pipeline:
    """The pipeline of these settings; SD251 where a part is missing or does not fit."""
    from sepdiar.separation.hyperparams import read

    file = found.files[SETTINGS]
    settings = read(file.read_text(encoding="utf-8"), str(file))
    with _fitting(file, "pipeline"):
        parts, tuned = settings["pipeline"]["params"], settings["params"]
        hearing, voice = (_part(str(parts[name]), file.parent) for name in ("segmentation", "embedding"))
        pause, alone = float(tuned["segmentation"]["min_duration_off"]), bool(parts.get("embedding_exclude_overlap"))
        clustering, more = _clustering(parts, tuned["clustering"], file.parent)
    hashes = dict.fromkeys([found.sha256, hearing.sha256, voice.sha256, *more])
    hears = segmenter(hearing.files[pyannote.CHECKPOINT]).to(device)
    embeds = embedder(voice.files[pyannote.CHECKPOINT]).to(device)
    return Pipeline(found.name, " ".join(hashes), hears, embeds, clustering, alone, pause)


def segmenter(path: Path) -> nn.Module:
    """The PyanNet of a checkpoint, which hears in each frame of a window which set of up to two speakers is heard."""
    tensors, arguments = pyannote.saved(path)
    pyannote.importable()
    from pyannote.audio.models.segmentation import PyanNet

    with _fitting(path, "PyanNet"):
        given = {name: arguments[name] for name in HEARING if name in arguments}
        speakers = SPEAKERS[len(tensors["classifier.bias"])]
        task = pyannote.task("MONO_LABEL_CLASSIFICATION", speakers, WINDOW, AT_ONCE)
        return pyannote.filled(PyanNet(**given), task, tensors)


def embedder(path: Path) -> nn.Module:
    """The ResNet of WeSpeaker's in a checkpoint, which makes a vector of a voice."""
    tensors, arguments = pyannote.saved(path)
    pyannote.importable()
    from pyannote.audio.models.embedding import WeSpeakerResNet34

    with _fitting(path, "WeSpeakerResNet34"):
        network: nn.Module = WeSpeakerResNet34(**{name: arguments[name] for name in VOICE if name in arguments})
        network.load_state_dict(tensors)
        return network.eval()


def _part(named: str, folder: Path) -> Published:
    """A network by what the settings call it: in a folder beside them, or by the repository that it is pulled from."""
    from sepdiar.models import cards

    if named.startswith(BESIDE):
        return in_folder(str(folder / named.removeprefix(BESIDE)), (pyannote.CHECKPOINT,))
    for name in cards.names():
        public = cards.card(name).public
        if public and public.repository == named:
            return pulled(name, (pyannote.CHECKPOINT,))
    raise SepdiarError("SD251", f"its settings name {named}, which no card knows", where=str(folder), hint="sepdiar models list")


def _clustering(parts: Mapping[str, Any], tuned: Mapping[str, Any], folder: Path) -> tuple[Any, tuple[str, ...]]:
    """What clusters voices, and the hashes of the files that it was made of."""
    pyannote.importable()
    from pyannote.audio.core.plda import PLDA as Plda
    from pyannote.audio.pipelines import clustering as known

    name = parts["clustering"]
    if name == "VBxClustering":
        found = in_folder(str(folder / str(parts["plda"]).removeprefix(BESIDE)), PLDA)
        made = known.VBxClustering(Plda(*(found.files[file] for file in PLDA)), metric="cosine")
        hashes: tuple[str, ...] = (found.sha256,)
    elif name == "AgglomerativeClustering":
        made, hashes = known.AgglomerativeClustering(metric="cosine"), ()
    else:
        raise ValueError(f"{name} is not known here")
    made.instantiate(dict(tuned))
    if not made.instantiated:
        raise ValueError(f"{name} lacks parameters")
    _thin(made)
    return made, hashes


def _thin(clustering: Any) -> None:
    """Let it learn from `MOST` voices, evenly spread, where there are more: what it needs grows with their square."""
    every = clustering.filter_embeddings

    def some(*positional: Any, **named: Any) -> tuple[Any, ...]:
        found = every(*positional, **named)
        count = len(found[0])
        return found if count <= MOST else tuple(part[np.arange(MOST) * count // MOST] for part in found)

    clustering.filter_embeddings = some


@contextmanager
def _fitting(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        what = f"no {kind} can be made of it: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise SepdiarError("SD251", what, where=str(path), hint="sepdiar models list") from error
