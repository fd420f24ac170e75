"""Any blind separator over a recording of any length: its windows heard in batches, given to speakers, joined by cross-fades."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter

import numpy as np

from sepdiar.audio.ahead import batches
from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Span, Turn, within
from sepdiar.errors import SepdiarError
from sepdiar.separation import Blind
from sepdiar.separation.anchors import Anchors, by_anchors
from sepdiar.separation.band import brought_to, full_band, levelled
from sepdiar.separation.decide import Account
from sepdiar.separation.evidence import Heard, Listen, Voices
from sepdiar.separation.plan import Activity, Region, Stretch, Stretches, Window, plan
from sepdiar.separation.portion import Portion, Shorter, lacking
from sepdiar.separation.slices import Sliced, in_order, sliced

CHAPTER = 60.0  # seconds of windows that are heard before any is joined

Piece = tuple[Span, dict[str, Samples]]
Place = tuple[int, Span]
"""A window, and the number of its region."""

Pack = tuple[Samples, tuple[Place, ...]]
"""What a separator hears at once: an anchor, if there is one, and the windows behind it."""


class Joiner:
    """Makes of a blind separator one that knows its speakers. `listen` makes voices known, None leaves them out of the decisions.

    `context` is in seconds, and so is `anchor`, what is heard of each speaker alone before a window, or before several; `batch`
    of them of one length are given to the separator at once. Where what speaks for a way of giving sources to speakers is less
    than `doubt` above what speaks for the other, two speakers stay together, half of the mixture for each, and so they do in
    moments in which the sources hardly differ; unless `doubt` is 0, or nobody is alone anywhere, so that nobody is known.
    Nothing is kept between recordings.
    """

    def __init__(
        self,
        blind: Blind,
        name: str,
        listen: Listen | None = None,
        context: float = 1.5,
        batch: int = 8,
        anchor: float = 0.0,
        doubt: float = 0.0,
    ) -> None:
        self._blind, self._name, self._listen, self._context, self._batch = blind, name, listen, context, batch
        self._anchor, self._doubt = anchor, doubt

    def sources(self, audio: Audio, turns: Sequence[Turn], stretches: Stretches, account: Account) -> Iterator[Piece]:
        """What each speaker says in the stretches, in order, by pieces; the sources of a piece add up to the audio.

        Where memory is short, fewer windows are heard at once. Where it is short for a single one, it begins again with shorter
        ones: the pieces that came before come anew, as if the windows had been so short from the start.
        What happened is counted in `account`.
        """
        known, listed = self._known(audio, turns), list(stretches)
        portion = Portion(self._batch, self._blind.window)
        done = False
        while not done:
            account.clear()
            try:
                yield from self._pieces(audio, listed, known, portion, account)
                done = True
            except Shorter:
                pass
        account.memory = portion.facts()

    def slices(self, audio: Audio, turns: Sequence[Turn], stretches: Stretches) -> Iterator[tuple[Region, Iterator[Sliced]]]:
        """The windows of each region with all that speaks for an order, before any is decided; those of a region are to be read
        before the next one is asked for. SD901: memory is short, which `sources` knows to live with."""
        portion = Portion(self._batch, self._blind.window)
        try:
            yield from self._sliced(audio, list(stretches), self._known(audio, turns), portion, Account())
        except Shorter as error:
            raise SepdiarError("SD901", f"out of memory in a window of {self._blind.window:g} s", where=self._name) from error

    def _known(self, audio: Audio, turns: Sequence[Turn]) -> Known:
        activity = Activity(turns, audio.samples)

        def read(span: Span) -> Samples:
            return audio.read(span)[:, 0]

        voices = Voices(self._listen, activity, read, audio.rate) if self._listen else None
        return Known(activity, voices, Anchors(activity, read, audio.rate, self._anchor))

    def _pieces(
        self, audio: Audio, stretches: Sequence[Stretch], known: Known, portion: Portion, account: Account
    ) -> Iterator[Piece]:
        doubt = self._doubt if any(known.activity.alone.values()) else 0.0
        for region, windows in self._sliced(audio, stretches, known, portion, account):
            account.counts.update(regions=1, stretches=len(region.stretches), crowded=int(len(region.speakers) > 2))
            for part, both in joined(in_order(windows, account, doubt), region.windows):
                for piece in within(part, region.stretches):
                    here = both[:, piece.start - part.start : piece.end - part.start]
                    yield piece, dict(zip(region.pair, here, strict=True))

    def _sliced(
        self, audio: Audio, stretches: Sequence[Stretch], known: Known, portion: Portion, account: Account
    ) -> Iterator[tuple[Region, Iterator[Sliced]]]:
        regions = plan(iter(stretches), known.activity, audio.rate, portion.window, self._context)
        for index, found in groupby(self._heard(audio, regions, known.anchors, portion, account), key=itemgetter(0)):
            yield regions[index], sliced((heard for _, heard in found), regions[index], known.activity, known.voices)

    def _heard(
        self, audio: Audio, regions: Sequence[Region], anchors: Anchors, portion: Portion, account: Account
    ) -> Iterator[tuple[int, Heard]]:
        """Every window of the plan in its order, with the number of its region."""
        places = [(index, window.span) for index, region in enumerate(regions) for window in region.windows]
        for chapter in _chapters(places, round(CHAPTER * audio.rate)):
            made: dict[Place, Heard] = {}
            packs = list(_packed(chapter, regions, anchors, round(portion.window * audio.rate)))
            for length in sorted({_length(pack) for pack in packs}):
                alike = [pack for pack in packs if _length(pack) == length]
                for _, waiting in batches(partial(self._loaded, audio), alike, portion.batch):
                    while waiting:
                        some = self._tried(audio.rate, waiting[: portion.batch], portion)
                        made |= (heard for pack in some for heard in pack)
                        account.counts["samples"] += len(some) * length
                        waiting = waiting[len(some) :]
            yield from ((index, made[index, span]) for index, span in chapter)

    def _loaded(self, audio: Audio, pack: Pack) -> Loaded:
        before, places = pack
        mixture = np.concatenate([before, *(audio.read(span)[:, 0] for _, span in places)])
        wanted = self._blind.rate
        return Loaded(pack, mixture, brought_to(mixture, audio.rate, wanted, round(len(mixture) * wanted / audio.rate)))

    def _tried(self, rate: int, batch: Sequence[Loaded], portion: Portion) -> list[list[tuple[Place, Heard]]]:
        """Packs of one length as one batch; none of them where memory is short, and then the portion is less."""
        try:
            return list(self._split(rate, batch))
        except (MemoryError, RuntimeError) as error:
            if not lacking(error):
                raise
            reason = str(error).partition("\n")[0]
        portion.lessen(self._name, reason)  # by now the error is gone, and the arrays that its traceback held
        return []

    def _split(self, rate: int, batch: Sequence[Loaded]) -> Iterator[list[tuple[Place, Heard]]]:
        """The windows of packs of one length, which are one batch."""
        heard = np.stack([one.heard for one in batch])
        made = np.asarray(self._blind.split(heard), np.float32)
        if made.shape != (wanted := (len(batch), 2, heard.shape[1])) or not np.isfinite(made).all():
            raise SepdiarError("SD901", f"separator {self._name} gave {made.shape}, not {wanted} finite samples")
        for one, sources in zip(batch, made, strict=True):
            before, places = one.pack
            whole = full_band(levelled(sources, one.heard), one.mixture, rate, self._blind.rate)
            told, at = by_anchors(whole[:, : len(before)]), len(before)
            found = []
            for place in places:
                found.append((place, Heard.of(place[1], whole[:, at : at + len(place[1])], rate, told)))
                at += len(place[1])
            yield found


@dataclass(frozen=True)
class Known:
    """What is known of the speakers of a recording before any window is heard."""

    activity: Activity
    voices: Voices | None
    anchors: Anchors


@dataclass(frozen=True)
class Loaded:
    """A pack, what is heard of it, and the same at the rate of the separator."""

    pack: Pack
    mixture: Samples
    heard: Samples


def _packed(chapter: Sequence[Place], regions: Sequence[Region], anchors: Anchors, most: int) -> Iterator[Pack]:
    """Behind the anchor of a pair as many of its windows as are no longer together than one may be; without anchor one."""
    known = {pair: anchors.before(pair) for pair in {regions[index].pair for index, _ in chapter}}
    filling: dict[tuple[str, str], list[Place]] = {}
    for place in chapter:
        pair = regions[place[0]].pair
        pack = filling.setdefault(pair, [])
        if pack and (not len(known[pair]) or sum(len(span) for _, span in pack) + len(place[1]) > most):
            yield known[pair], tuple(pack)
            pack.clear()
        pack.append(place)
    for pair, pack in filling.items():
        yield known[pair], tuple(pack)


def _length(pack: Pack) -> int:
    return len(pack[0]) + sum(len(span) for _, span in pack[1])


def _chapters(places: Sequence[Place], most: int) -> Iterator[list[Place]]:
    """The places by so many samples at a time, or one."""
    chapter: list[Place] = []
    samples = 0
    for place in places:
        if chapter and samples + len(place[1]) > most:
            yield chapter
            chapter, samples = [], 0
        chapter.append(place)
        samples += len(place[1])
    if chapter:
        yield chapter


def joined(ordered: Iterable[Samples], windows: Sequence[Window]) -> Iterator[tuple[Span, Samples]]:
    """The parts of windows in a row, each passing into the next; `ordered` are the sources of each, by speaker."""
    fading: Samples | None = None
    for index, sources in enumerate(ordered):
        span, part = windows[index].span, windows[index].part
        used = sources[:, part.start - span.start : part.end - span.start].copy()
        if fading is not None:
            count = fading.shape[1]
            used[:, :count] = used[:, :count] * _rise(count) + fading
        end = windows[index + 1].part.start if index + 1 < len(windows) else part.end
        rest = used[:, end - part.start :]
        fading = rest * _rise(rest.shape[1])[::-1]
        yield Span(part.start, end), used[:, : end - part.start]


def _rise(count: int) -> Samples:
    """From near 0 to near 1; it and its reverse add up to 1."""
    return (np.sin(np.pi / 2 * (np.arange(count) + 0.5) / max(count, 1)) ** 2).astype(np.float32)
