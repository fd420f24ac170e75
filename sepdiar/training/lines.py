"""What a line does to a mixture of two: a band, a codec, or peaks cut off.

A codec hears the two at once, so what it changes is of both: it is shared between them in proportion to the energy that each
has there, in time and in frequency, and the two still add up to what comes out of the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import istft, resample, stft

from sepdiar.audio.source import Samples
from sepdiar.training.augment import gain, in_band
from sepdiar.training.corpus import RATE

CALL = 8000  # samples a second of a telephone
AHEAD = 0.1  # seconds behind the end that a codec is given, for its delay
WINDOW, STEP = 0.032, 0.008  # seconds of the spectrum in which a change is shared


@dataclass(frozen=True)
class Codec:
    """An encoder and its decoder by their names in FFmpeg, the bits a second that it may have, and the samples by which what
    comes out is late beyond what FFmpeg itself makes good."""

    encoder: str
    decoder: str
    bits: tuple[int, ...] = (0,)
    late: int = 0
    layout: str = "s16"

    def through(self, samples: Samples, rate: int, bits: int) -> Samples:
        """Samples at `rate` as they come out of it, as many and at their place."""
        coder: AudioCodecContext = av.CodecContext.create(self.encoder, "w")
        coder.sample_rate, coder.format, coder.layout = rate, self.layout, "mono"
        coder.time_base = Fraction(1, rate)
        if bits:
            coder.bit_rate = bits
        if self.encoder == "libopus":
            coder.options = {"application": "voip"}
        coder.open()
        hearer: AudioCodecContext = av.CodecContext.create(self.decoder, "r")
        if coder.extradata:
            hearer.extradata = coder.extradata
        else:
            hearer.sample_rate, hearer.layout = rate, "mono"
        size = coder.frame_size or rate
        count = -(-(len(samples) + round(AHEAD * rate)) // size) * size
        whole = np.zeros(count, np.int16)
        whole[: len(samples)] = np.clip(np.rint(samples * 32767), -32768, 32767)
        frames = [self._frame(whole[at : at + size], at, rate) for at in range(0, count, size)]
        packets = [packet for frame in [*frames, None] for packet in coder.encode(frame)]
        heard = [frame for packet in [*packets, None] for frame in hearer.decode(packet)]
        out = np.concatenate([frame.to_ndarray().reshape(-1) for frame in heard])
        out = out.astype(np.float32) / np.float32(32768 if out.dtype == np.int16 else 1)
        if (given := heard[0].sample_rate) != rate:
            out = out[: len(out) // (given // rate) * (given // rate)]
            out = resample(out, len(out) * rate // given)
        out = out[self.late : self.late + len(samples)]
        return np.pad(out, (0, len(samples) - len(out))).astype(np.float32)

    def _frame(self, samples: NDArray[np.int16], at: int, rate: int) -> AudioFrame:
        frame = AudioFrame.from_ndarray(samples[None], format=self.layout, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        return frame


MU_LAW = Codec("pcm_mulaw", "pcm_mulaw")
A_LAW = Codec("pcm_alaw", "pcm_alaw")
AMR = Codec("libopencore_amrnb", "amrnb", (4750, 5900, 6700, 7400, 7950, 10200, 12200), late=39)
OPUS = Codec("libopus", "opus", (8000, 12000, 16000, 24000))
MP3 = Codec("libmp3lame", "mp3float", (16000, 24000, 32000), layout="s16p")
PHONE = {MU_LAW: 0.3, A_LAW: 0.15, AMR: 0.2, OPUS: 0.15, MP3: 0.1, None: 0.1}  # how often, at 8 kHz
NET = {OPUS: 0.7, MP3: 0.3}  # at 16 kHz
WIDE = 0.2  # of all lines: how many are at 16 kHz


@dataclass(frozen=True)
class Line:
    """A band in Hz, the rate in between, and a codec, if any, with its bits a second."""

    low: float
    high: float
    codec: Codec | None = None
    bits: int = 0
    rate: int = CALL

    def carry(self, pair: Samples, peak: float = -6.0) -> Samples:
        """Two sources at 16 kHz, (2, samples), at the other end of it. The codec hears their sum with a peak of so many dB."""
        count = pair.shape[-1] // 2 * 2
        less = count * self.rate // RATE
        hertz = np.fft.rfftfreq(count, 1 / RATE).astype(np.float32)[: less // 2 + 1]
        kept = np.fft.rfft(pair[:, :count])[:, : len(hertz)] * in_band(hertz, self.low, self.high)
        kept[:, -1] *= hertz[-1] < self.rate / 2
        heard = (np.fft.irfft(kept, less) * (less / count)).astype(np.float32)
        if self.codec:
            mixture = heard.sum(0)
            level = gain(peak) / (np.float32(np.abs(mixture).max()) + np.float32(1e-9))
            changed = self.codec.through(mixture * level, self.rate, self.bits) / level
            heard = shared(changed - mixture, heard, self.rate)
        back = np.fft.irfft(np.fft.rfft(heard), count) * (count / less) if less < count else heard
        return np.pad(back, ((0, 0), (0, pair.shape[-1] - count))).astype(np.float32)


CALLED = Line(300, 3400, MU_LAW)  # what dev figures of a telephone are measured through


def drawn(rng: Generator) -> Line:
    """A line as calls have it: mostly a telephone, of 200-400 to 3000-3950 Hz; at times a call over the net, at 16 kHz."""
    wide = rng.random() < WIDE
    codecs, shares = zip(*(NET if wide else PHONE).items(), strict=True)
    codec: Codec | None = codecs[int(rng.choice(len(codecs), p=shares))]
    if wide and codec:
        return Line(rng.uniform(-120, 200), rng.uniform(4000, 7500), codec, int(rng.choice(codec.bits[1:])), RATE)
    bits = int(rng.choice(codec.bits)) if codec else 0
    return Line(rng.uniform(200, 400), rng.uniform(3000, 3950), codec, bits)


def clipped(pair: Samples, share: float) -> Samples:
    """Two sources whose sum is cut off at this share of its peak."""
    mixture = pair.sum(0)
    most = share * np.abs(mixture).max()
    return shared(np.clip(mixture, -most, most) - mixture, pair, RATE)


def shared(change: Samples, pair: Samples, rate: int) -> Samples:
    """Two sources (2, samples) with a change of their sum: each has of it what it has of the energy, in time and frequency."""
    count, size = len(change), round(WINDOW * rate)
    options = {"nperseg": size, "noverlap": size - round(STEP * rate)}
    spectra = stft(np.concatenate([pair, change[None]]), **options)[2]
    power = np.square(np.abs(spectra[:2])) + 1e-12
    first = istft(spectra[2] * power[0] / power.sum(0), **options)[1][:count].astype(np.float32)
    return np.stack([pair[0] + first, pair[1] + (change - first)])
