"""Canary through NeMo: an encoder and a decoder that writes, told which language it hears; word times by a second network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sepdiar.asr.channel import Channel
from sepdiar.asr.nemo import NemoRecognizer, words
from sepdiar.conversation import Conversation, Word
from sepdiar.errors import SepdiarError

if TYPE_CHECKING:
    from torch import Tensor

ALIGNER = "timestamps_asr_model"  # in archives that bring a network to find the words again
PROMPT = "canary2"
HERE = "transcribe.canary"


class Canary(NemoRecognizer):
    """Canary by NVIDIA: 1b-v2 in 25 European languages, 180m-flash in four; words with times, case and punctuation."""

    def __init__(
        self,
        model: str = "canary-1b-v2",
        path: str = "",
        language: str = "en",
        beam: int = 1,
        batch: int = 8,
        device: str = "cpu",
    ) -> None:
        """`model` was pulled under this name; `path` is an archive of NeMo's instead. `language`, such as "de", must be told.

        Models without a second network for times write them between the words. `batch` packs of 28 s are heard at once.
        """
        from sepdiar.networks import nemo

        if not isinstance(beam, int) or not 1 <= beam <= 100:
            raise SepdiarError("SD202", f"a whole number from 1 to 100, not {beam!r}", where=f"{HERE}.beam")
        found = nemo.found(model, path)
        networks = nemo.parts(found, {nemo.MAIN: "EncDecMultiTaskModel", ALIGNER: "EncDecCTCModelBPE"}, device)
        network, self._aligner = networks[nemo.MAIN], networks.get(ALIGNER)
        super().__init__(found, network, batch, HERE, device)
        network.change_decoding_strategy(nemo.settings(network.cfg.decoding, {"strategy": "beam", "beam": {"beam_size": beam}}))
        self._prompt = self._asked(language)
        self._language = language

    def of(self, conversation: Conversation, channels: Sequence[Channel]) -> Listening:
        """One recording: in the language that was told, which its record is to say."""
        return Listening(self, {"language": self._language})

    def decoded(self, samples: Tensor, lengths: Tensor) -> list[list[Word]]:
        """The words in each row."""
        from nemo.collections.asr.parts.utils import timestamp_utils

        network = self._network
        _, _, states, mask = network(input_signal=samples, input_signal_length=lengths)
        prompts = self._prompt.repeat(len(samples), 1).to(self._device)
        heard: Any = network.decoding.decode_predictions_tensor(states, mask, prompts, return_hypotheses=True)
        if self._aligner is None:
            told = timestamp_utils.process_aed_timestamp_outputs(heard, network.encoder.subsampling_factor)
        else:
            told = self._aligned(samples, lengths, heard)
        return [words(one.timestamp["word"]) for one in told]

    def _aligned(self, samples: Tensor, lengths: Tensor, heard: Any) -> Any:
        """The same, each word where the second network hears it."""
        from nemo.collections.asr.parts.utils.timestamp_utils import get_forced_aligned_timestamps_with_external_model

        return get_forced_aligned_timestamps_with_external_model(
            audio=[row[:length] for row, length in zip(samples, lengths.tolist(), strict=True)],
            external_ctc_model=self._aligner,
            main_model_predictions=heard,
            batch_size=len(samples),
            viterbi_device=self._device,
            timestamp_type=["word"],
            verbose=False,
        )

    def _asked(self, language: str) -> Tensor:
        """What the decoder is told before it writes; SD202 where it does not know the language."""
        network = self._network
        if network.prompt_format != PROMPT:
            raise SepdiarError("SD251", f"{self.model} is asked in {network.prompt_format!r}, which gives no times", where=HERE)
        known = getattr(network.tokenizer, "special_tokens", None) or set(network.tokenizer.vocab)
        if f"<|{language}|>" not in known:
            raise SepdiarError("SD202", f"{self.model} knows no language {language!r}", where=f"{HERE}.language")
        (turn,) = network.prompt.get_default_dialog_slots()
        slots = {name: value for name, value in turn["slots"].items() if value is not None}
        usual = {"decodercontext": "", "emotion": "<|emo:undefined|>", "itn": "no", "diarize": "no"}
        times = "no" if self._aligner else "yes"
        asked = usual | slots | {"source_lang": language, "target_lang": language, "pnc": "yes", "timestamp": times}
        prompt: Tensor = network.prompt.encode_dialog(turns=[{"role": "user", "slots": asked}])["context_ids"]
        return prompt[None]


@dataclass(frozen=True)
class Listening:
    """One recording in the ears of Canary."""

    recognizer: Canary
    facts: Mapping[str, Any]

    def transcribe(self, channel: Channel) -> Sequence[Word]:
        """The words of a channel."""
        return self.recognizer.transcribe(channel.audio, channel.spans)
