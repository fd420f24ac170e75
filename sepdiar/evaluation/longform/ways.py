"""How the windows of a separator become two channels: our way, and the stock one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepdiar.assemble.flac import write_flac
from sepdiar.assemble.stage import Assemble
from sepdiar.audio.source import Audio, RawAudio, Samples, blocks
from sepdiar.conversation import Span, Stretch, Track
from sepdiar.events import silence
from sepdiar.pipeline import Take
from sepdiar.separation import Blind
from sepdiar.separation.band import brought_to
from sepdiar.separation.stage import Separate

STRIDE = 0.75  # of a window, from one to the next
WAYS = {
    "ours": "only overlap is separated, the windows joined, the rest copied: the default of the chain",
    "everywhere": "the same, but every second is separated",
    "stock": "every second separated, windows in the model's order, hard cuts, each stem scaled to the mixture's loudness",
}


def joined(take: Take, blind: Blind, name: str, settings: Mapping[str, Any], everywhere: bool) -> Take:
    """The stages of the chain: separated, the windows joined, assembled."""
    stage = Separate(name, everywhere=everywhere, **settings)
    stage.use(blind)
    return Assemble().run(stage.run(take, silence), silence)


def stock(take: Take, blind: Blind) -> Take:
    """What a package's own call for long files does, here in bounded memory and with the same windows.

    Each window gives its middle, from one hard cut to the next, in the order in which the model gives its sources; then each
    stem is brought to the root mean square of the mixture.
    """
    audio, path = take.sound, take.scratch / "stock.f32"
    energies = np.zeros(3)
    with path.open("wb") as file:
        for part, mixture, sources in _windows(audio, blind):
            energies += [float(np.sum(one.astype(np.float64) ** 2)) for one in (mixture, *sources)]
            file.seek(8 * part.start)
            file.write(np.ascontiguousarray(sources.T).data)
    gains = np.sqrt(energies[0] / np.maximum(energies[1:], np.finfo(float).tiny))
    stems = RawAudio(path, audio.rate, audio.samples, 2, audio.bits)
    name, whole = "dialogue-000.flac", Span(0, audio.samples)
    write_flac(take.item / name, audio.rate, audio.bits, _scaled(stems, gains))
    stretches = (Stretch(whole, "separated"),)
    speakers = take.conversation.speakers[:2]
    return take.with_value(tracks=tuple(Track(one, name, channel, whole, stretches) for channel, one in enumerate(speakers)))


def _windows(audio: Audio, blind: Blind) -> Iterator[tuple[Span, Samples, Samples]]:
    """Each part of the recording with the mixture and the sources there."""
    window = round(blind.window * audio.rate)
    stride = round(STRIDE * window)
    margin = (window - stride) // 2
    low = round(window * blind.rate / audio.rate)
    for start in count(0, stride):
        span = Span(start, min(start + window, audio.samples))
        mixture = audio.read(span)[:, 0]
        made = blind.split(brought_to(mixture, audio.rate, blind.rate, low)[None])[0]
        near = brought_to(np.asarray(made, np.float32), blind.rate, audio.rate, window)
        last = span.end == audio.samples
        part = Span(start + margin if start else 0, span.end if last else start + margin + stride)
        here = slice(part.start - start, part.end - start)
        yield part, mixture[here], near[:, here]
        if last:
            return


def _scaled(stems: Audio, gains: NDArray[np.float64]) -> Iterator[NDArray[Any]]:
    yield from (frames * gains for _, frames in blocks(stems))
