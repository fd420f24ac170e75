"""A Whisper of random weights, so small that it is made on the spot, in the files in which its home publishes the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

CALM = 6.5  # how likely the end is in every step: enough for texts of a few words
TINY = {"d_model": 16, "init_std": 0.5, "calm": CALM, "places": 1.0}
TINY |= {f"{part}_layers": 1 for part in ("encoder", "decoder")}
TINY |= {f"{part}_attention_heads": 2 for part in ("encoder", "decoder")}
TINY |= {f"{part}_ffn_dim": 32 for part in ("encoder", "decoder")}


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of CTranslate2's, int8, converted from one of transformers'."""
    pytest.importorskip("faster_whisper", reason="needs the extra whisper")
    pytest.importorskip("transformers", reason="needs transformers, to build a Whisper")
    from sepdiar.evaluation.backends import whisper

    return Path(whisper.publish("whisper", tmp_path_factory.mktemp("whisper"), TINY)["path"])
