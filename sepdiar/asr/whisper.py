"""Whisper (Radford and others, 2022) through faster-whisper and CTranslate2, from a folder or as pulled; it downloads nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sepdiar.asr.channel import Channel
from sepdiar.asr.packs import Pack, packed
from sepdiar.asr.utterances import utterances
from sepdiar.audio.ahead import batches
from sepdiar.audio.source import Audio, Samples
from sepdiar.conversation import Conversation, Span, Word
from sepdiar.errors import SepdiarError
from sepdiar.models import cards
from sepdiar.models.published import Published, in_folder, pulled

RATE = 16_000
WINDOW = 30  # seconds, which the network hears however much is said in them
LONGEST, JOIN, CONTEXT, GAP = 29.0, 1.0, 0.2, 0.5  # seconds: of a pack, between joined turns, around them, between utterances
SHORTEST = 0.02  # seconds: the network tells time in steps of that
HERE = "transcribe.whisper"

# what its authors take for a failed decode; they draw again at random, here the utterances are heard one by one
NO_SPEECH, UNSURE, REPEATED = 0.6, -1.0, 2.4


class Whisper:
    """Whisper by OpenAI: tiny to large-v3, turbo and distil; words with times in a hundred languages, once a model is pulled."""

    needs = ("faster_whisper",)
    extra = "whisper"
    rate = RATE
    training_grade = True

    def __init__(
        self,
        model: str = "turbo",
        path: str = "",
        language: str = "",
        beam: int = 5,
        batch: int = 8,
        compute_type: str = "",
        device: str = "cpu",
    ) -> None:
        """`model` was pulled under this name, with "whisper-" before it or not; `path` is the folder of another one instead.

        Without `language`, such as "de", it is found out for each recording. `batch` is how many windows of 30 s are heard at
        once. `compute_type` is CTranslate2's; without it that is int8 on a CPU and float16 on a GPU.
        """
        for key, value, most in (("beam", beam, 100), ("batch", batch, 256)):
            if not isinstance(value, int) or not 1 <= value <= most:
                raise SepdiarError("SD202", f"a whole number from 1 to {most}, not {value!r}", where=f"{HERE}.{key}")
        found = in_folder(path, _needed(Path(path).expanduser())) if path else _pulled(model)
        self.model, self.model_sha256 = found.name, found.sha256
        self._network = _loaded(found, device, compute_type)
        if language and language not in self._network.supported_languages:
            raise SepdiarError("SD202", f"{found.name} knows no language {language!r}", where=f"{HERE}.language")
        self._language, self._beam, self.batch = language, beam, batch

    def of(self, conversation: Conversation, channels: Sequence[Channel]) -> Listening:
        """Get ready for one recording: find out its language from the beginning of each channel."""
        heard = [(channel.audio, channel.spans) for channel in channels if channel.spans]
        return Listening(self, *self._spoken([_first(audio, spans) for audio, spans in heard]))

    def transcribe(self, audio: Audio, spans: Sequence[Span]) -> Sequence[Word]:
        """The words said within `spans` of one channel."""
        return Listening(self, *self._spoken([_first(audio, spans)])).words(audio, spans)

    def decoded(self, windows: Sequence[Samples], language: str) -> list[tuple[list[Word], str]]:
        """The words in each window, in its samples, and what went wrong there: "silence", "loop" or nothing."""
        from faster_whisper import BatchedInferencePipeline

        room = np.zeros((len(windows), WINDOW * RATE), np.float32)
        for row, window in zip(room, windows, strict=True):
            row[: len(window)] = window
        clips = [{"start": WINDOW * row, "end": WINDOW * row + len(window) / RATE} for row, window in enumerate(windows)]
        segments, _ = BatchedInferencePipeline(self._network).transcribe(
            room.reshape(-1),
            language=language,
            clip_timestamps=clips,
            batch_size=self.batch,
            beam_size=self._beam,
            temperature=0.0,
            word_timestamps=True,
        )
        made: list[tuple[list[Word], str]] = [([], "") for _ in windows]
        for segment in segments:
            row = segment.seek // (WINDOW * self._network.frames_per_second)
            words, wrong = made[row]
            made[row] = [*words, *_words(segment.words, WINDOW * row)], wrong or _wrong(segment)
        return made

    def _spoken(self, beginnings: Sequence[Samples]) -> tuple[str, float | None]:
        """The language of a recording, and how sure that is where it was not given; "" where there is nothing to hear."""
        if self._language or not self._network.model.is_multilingual:
            return self._language or "en", None
        sums: Counter[str] = Counter()
        for samples in beginnings:
            if len(samples):
                sums.update(dict(self._network.detect_language(samples)[2]))
        if not sums:
            return "", None
        language, total = max(sums.items(), key=lambda one: (one[1], one[0]))
        return language, round(total / sum(sums.values()), 4)


class Listening:
    """One recording, in one language, in the ears of Whisper."""

    def __init__(self, recognizer: Whisper, language: str, sure: float | None) -> None:
        self._recognizer, self._language, self._sure = recognizer, language, sure
        self._failed: Counter[str] = Counter()

    @property
    def facts(self) -> Mapping[str, Any]:
        """The language with its probability, and how many utterances were `silence` or a `loop` to it and have no words."""
        sure = {} if self._sure is None else {"language_probability": self._sure}
        return {"language": self._language, **sure, "silence": self._failed["silence"], "loop": self._failed["loop"]}

    def transcribe(self, channel: Channel) -> Sequence[Word]:
        """The words of a channel."""
        return self.words(channel.audio, channel.spans)

    def words(self, audio: Audio, spans: Sequence[Span]) -> list[Word]:
        """The words within spans, in order."""
        return sorted(self._heard(audio, _packs(audio, spans)), key=lambda word: word.span)

    def _heard(self, audio: Audio, packs: Iterable[Pack]) -> Iterator[Word]:
        for some, samples in batches(lambda pack: pack.samples(audio), packs, self._recognizer.batch):
            again: list[Pack] = []
            yield from self._decoded(some, samples, again)
            if again:
                yield from self._heard(audio, again)

    def _decoded(self, packs: Sequence[Pack], samples: Sequence[Samples], again: list[Pack]) -> Iterator[Word]:
        """The words of some packs; `again` gets those parts that are to be heard by themselves."""
        for pack, (words, wrong) in zip(packs, self._recognizer.decoded(samples, self._language), strict=True):
            if not wrong:
                yield from pack.back(words)
            elif len(pack.utterances) > 1:
                again.extend(pack.apart())
            else:
                self._failed[wrong] += 1


def _packs(audio: Audio, spans: Sequence[Span]) -> Iterator[Pack]:
    return packed(utterances(audio, spans, LONGEST, JOIN, CONTEXT), round(LONGEST * RATE), round(GAP * RATE))


def _first(audio: Audio, spans: Sequence[Span]) -> Samples:
    return next((pack.samples(audio) for pack in _packs(audio, spans)), np.zeros(0, np.float32))


def _words(heard: Any, offset: int) -> Iterator[Word]:
    """What is a word of what faster-whisper calls one, in samples from `offset` seconds on."""
    for one in heard or ():
        text = one.word.strip()
        if any(char.isalnum() for char in text):
            start = max(0, round((one.start - offset) * RATE))
            end = max(round((one.end - offset) * RATE), start + round(SHORTEST * RATE))
            yield Word(text, Span(start, end), round(min(1.0, max(0.0, float(one.probability))), 4))


def _wrong(segment: Any) -> str:
    if segment.no_speech_prob > NO_SPEECH and segment.avg_logprob < UNSURE:
        return "silence"
    return "loop" if segment.compression_ratio > REPEATED else ""


def _pulled(model: str) -> Published:
    """The model that was pulled, by its name or by its size."""
    name = next((name for name in (model, f"whisper-{model}") if cards.home(name) is not None), "")
    card = cards.card(name) if name else None
    if card is None or card.public is None or card.facts.get("backend") != "whisper":
        sizes = (known.removeprefix("whisper-") for known in cards.names() if known.startswith("whisper-"))
        raise SepdiarError("SD202", f"one of {', '.join(sizes)}, not {model!r}", where=f"{HERE}.model")
    return pulled(name, [source.path for source in card.public.files])


def _needed(folder: Path) -> list[str]:
    """The files of a model in a folder: the vocabulary has one of two forms, and older models have no settings of features."""
    vocabulary = "vocabulary.txt" if (folder / "vocabulary.txt").is_file() else "vocabulary.json"
    features = ["preprocessor_config.json"] if (folder / "preprocessor_config.json").is_file() else []
    return ["config.json", "model.bin", "tokenizer.json", vocabulary, *features]


def _loaded(found: Published, device: str, compute_type: str) -> Any:
    from ctranslate2 import get_cuda_device_count, get_supported_compute_types
    from faster_whisper import WhisperModel

    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda"):
        raise SepdiarError("SD253", "CTranslate2 computes on cpu and cuda alone", where=device)
    if kind == "cuda" and int(number or 0) >= (count := get_cuda_device_count()):
        raise SepdiarError("SD253", f"CTranslate2 finds {count} of that kind", where=device)
    chosen = compute_type or ("int8" if kind == "cpu" else "float16")
    if chosen not in (known := get_supported_compute_types(kind, int(number or 0))):
        raise SepdiarError("SD202", f"one of {', '.join(sorted(known))}, not {chosen!r}", where=f"{HERE}.compute_type")
    folder = found.files["model.bin"].parent
    try:
        return WhisperModel(str(folder), kind, int(number or 0), chosen, cpu_threads=1, num_workers=1, local_files_only=True)
    except (RuntimeError, ValueError, TypeError) as error:
        what = f"no Whisper can be made of it: {str(error).partition(chr(10))[0]}"
        raise SepdiarError("SD251", what, where=str(folder), hint="sepdiar models list") from error
