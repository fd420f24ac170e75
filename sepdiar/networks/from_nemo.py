"""What every backend says of itself whose networks are NeMo's; apart from `nemo`, which takes time to import."""

from __future__ import annotations

RATE = 16_000


class FromNemo:
    """It hears 16 kHz, and comes with the extra `nemo`."""

    rate = RATE
    needs = ("nemo.collections.asr", "huggingface_hub", "yaml")
    extra = "nemo"
