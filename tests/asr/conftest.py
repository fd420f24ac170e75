"""A Whisper of random weights, so small that it is made on the spot, in the files in which its home publishes the real ones."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

TEXT = 50_257  # tokens of text, behind which come the end, the start, the languages, the tasks and the times
LANGUAGES = 99
CALM = 6.5  # how likely the end is in every step: enough for texts of a few words


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of CTranslate2's, int8, converted from one of transformers'."""
    pytest.importorskip("faster_whisper", reason="needs the extra whisper")
    pytest.importorskip("transformers", reason="needs transformers, to build a Whisper")
    from ctranslate2.converters import TransformersConverter
    from faster_whisper.tokenizer import _LANGUAGE_CODES
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    published, made = tmp_path_factory.mktemp("whisper"), tmp_path_factory.mktemp("made") / "whisper-random"
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    draw = random.Random(0)
    words = ["Ġ" + "".join(draw.choices("aehinorst", k=7)) for _ in range(2 * TEXT)]
    words = [*list(dict.fromkeys(words))[: TEXT - len(alphabet) - 1], ""]  # by which CTranslate2 knows a multilingual one
    codes = list(_LANGUAGE_CODES)[:LANGUAGES]
    tasks = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    special = [f"<|{name}|>" for name in ("endoftext", "startoftranscript", *codes, *tasks)]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(alphabet + words)}, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    _network(published, tokenizer, {f"<|{code}|>": TEXT + 2 + number for number, code in enumerate(codes)})
    TransformersConverter(str(published), copy_files=["tokenizer.json"]).convert(str(made), quantization="int8")
    return made


def _network(folder: Path, tokenizer: object, languages: dict[str, int]) -> None:
    import torch
    from transformers import GenerationConfig, PreTrainedTokenizerFast, WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=51_865,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        init_std=0.5,
    )
    network = WhisperForConditionalGeneration(config)
    end = network.proj_out.weight[TEXT].detach()
    network.model.decoder.layer_norm.bias.data += CALM * end / end.square().sum()
    told = {"lang_to_id": languages, "alignment_heads": [[0, 0], [0, 1]]}
    network.generation_config = GenerationConfig(suppress_tokens=[], begin_suppress_tokens=[], **told)
    network.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
