"""Whisper of random weights in the files in which its home publishes it, and faster-whisper's own call for a file.

A random decoder babbles until it may write no more. Both sides stop at so many tokens a window, about what is said in one, try
once instead of drawing again, and find the times of their words.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sepdiar.errors import SepdiarError
from sepdiar.evaluation.backends.same import Answer

TEXT = 50_257  # tokens of text, behind which come the end, the start, the languages, the tasks and the times
LANGUAGES = 99
TOKENS = 96  # that are written of a window
PROMPT = 4  # tokens before them: the start, the language, the task, and that no times are wanted
BEAM = 5
# of the random weights are `init_std`, how far they spread; `calm`, how likely the end is in every step; and `places`, how much
# more than the word before it counts how many there are: without it a random decoder repeats itself
BASE = {
    "d_model": 512,
    "encoder_layers": 6,
    "decoder_layers": 6,
    "encoder_attention_heads": 8,
    "decoder_attention_heads": 8,
    "encoder_ffn_dim": 2048,
    "decoder_ffn_dim": 2048,
    "init_std": 0.1,
    "calm": 0.0,
    "places": 4.0,
}


def publish(name: str, folder: Path, shape: Mapping[str, Any], heard: Path | None = None) -> dict[str, Any]:
    """Write a model of CTranslate2's, int8, converted from one of transformers', into `folder`; it has the size of base.

    `shape` is in place of that; what comes back makes the backend of the files.
    """
    try:
        from ctranslate2.converters import TransformersConverter
        from faster_whisper.tokenizer import _LANGUAGE_CODES
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast
    except ImportError as error:
        raise SepdiarError("SD250", f"a random Whisper is built with {error.name}", hint="pip install transformers") from error

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    draw = random.Random(0)
    words = ["Ġ" + "".join(draw.choices("aehinorst", k=7)) for _ in range(2 * TEXT)]
    words = [*list(dict.fromkeys(words))[: TEXT - len(alphabet) - 1], ""]  # by which CTranslate2 knows a multilingual one
    codes = list(_LANGUAGE_CODES)[:LANGUAGES]
    tasks = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(alphabet + words)}, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.add_special_tokens([f"<|{name}|>" for name in ("endoftext", "startoftranscript", *codes, *tasks)])
    published, made = folder / "transformers", folder / "whisper-random"
    _network(BASE | dict(shape), {f"<|{code}|>": TEXT + 2 + at for at, code in enumerate(codes)}).save_pretrained(published)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(published)
    TransformersConverter(str(published), copy_files=["tokenizer.json"]).convert(str(made), quantization="int8")
    return {"path": str(made), "language": "en", "beam": BEAM, "compute_type": "int8"}


def prepare(recognizer: Any) -> None:
    """Let ours write as much as the package may."""
    recognizer._network.max_length = PROMPT + TOKENS


def theirs(name: str, parameters: Mapping[str, Any], device: str, threads: int) -> Callable[[Path], Answer]:
    """`WhisperModel.transcribe` with a file."""
    from faster_whisper import WhisperModel

    network = WhisperModel(parameters["path"], device, compute_type=parameters["compute_type"], cpu_threads=threads)

    def call(file: Path) -> Answer:
        segments, _ = network.transcribe(
            str(file),
            language=parameters["language"],
            beam_size=parameters["beam"],
            max_new_tokens=TOKENS,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            word_timestamps=True,
        )
        found = (word.word.strip() for segment in segments for word in segment.words or ())
        return [word for word in found if any(char.isalnum() for char in word)]

    return call


def _network(shape: Mapping[str, Any], languages: Mapping[str, int]) -> Any:
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(0)
    given = dict(shape)
    calm, places = given.pop("calm"), given.pop("places")
    network: Any = WhisperForConditionalGeneration(WhisperConfig(vocab_size=51_865, **given))
    end = network.proj_out.weight[TEXT].detach()
    network.model.decoder.layer_norm.bias.data += calm * end / end.square().sum()
    network.model.decoder.embed_positions.weight.data *= places
    heads = [[given["decoder_layers"] - 1, head] for head in range(2)]
    told = {"lang_to_id": dict(languages), "alignment_heads": heads}
    network.generation_config = GenerationConfig(suppress_tokens=[], begin_suppress_tokens=[], **told)
    return network
