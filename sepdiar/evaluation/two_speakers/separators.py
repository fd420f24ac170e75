"""A separator as the benchmarks of two speakers hear it: a whole mixture at once, and both of its outputs, in its own order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sepdiar.audio.source import Samples
from sepdiar.config import resolve, setting, words_to_keys
from sepdiar.errors import SepdiarError
from sepdiar.separation import Blind
from sepdiar.separation.band import brought_to
from sepdiar.separation.portion import lacking
from sepdiar.separation.stage import Separate


def opened(recipe: Path, separator: str | None, device: str | None, settings: Iterable[str]) -> tuple[Blind, Mapping[str, Any]]:
    """The separator of a recipe, or another in its place, and what is to be known of it; SD202 where it is not a blind one."""
    flags = {**words_to_keys(separator=separator, device=device), **dict(map(setting, settings))}
    stage = next(stage for stage in resolve(recipe, flags=flags).stages() if isinstance(stage, Separate))
    stage.check()
    stage.open()
    if not isinstance(stage.made, Blind):
        raise SepdiarError("SD202", f"{stage.backend} gives no sources of a mixture alone", where="separator")
    return stage.made, {
        "name": stage.backend,
        "parameters": stage.parameters,
        "rate": stage.made.rate,
        "model": getattr(stage.made, "model", ""),
        "model_sha256": getattr(stage.made, "model_sha256", ""),
        "precision": getattr(stage.made, "precision", ""),
        "device": stage.device,
    }


def heard(blind: Blind, mixture: Samples, rate: int, name: str) -> Samples:
    """Both outputs, (2, samples) at the rate of the mixture. SD254: too long for the memory. SD901: outputs that are none."""
    count = round(len(mixture) * blind.rate / rate)
    try:
        made = np.asarray(blind.split(brought_to(mixture, rate, blind.rate, count)[None]), np.float32)
    except (MemoryError, RuntimeError) as error:
        if not lacking(error):
            raise
        raise SepdiarError("SD254", f"{len(mixture) / rate:.0f} s at once", where=name) from error
    if made.shape != (1, 2, count) or not np.isfinite(made).all():
        raise SepdiarError("SD901", f"the separator gave {made.shape}, not (1, 2, {count}) finite samples", where=name)
    return brought_to(made[0], blind.rate, rate, len(mixture))
