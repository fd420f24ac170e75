"""The text normaliser of CHiME-8 DASR, where its package is installed; else ours, and that is said."""

from __future__ import annotations

import importlib.util

from sepdiar.evaluation.meetings.scores import Normalizer
from sepdiar.metrics.recognition import NORMALIZERS

OFFICIAL = "the official text normaliser of CHiME-8 DASR (chime_utils.text_norm, chime8)"
OURS = "normalizer basic, NOT the official one of CHiME-8 DASR"
WHERE = "normalizer basic: {}; the official one comes with pip install git+https://github.com/chimechallenge/chime-utils"


def chime8() -> tuple[Normalizer, str, str]:
    """The normaliser, its name for the protocol, and what there is to know of it."""
    if importlib.util.find_spec("chime_utils") is None:
        said, normalize = NORMALIZERS["basic"]
        return normalize, OURS, WHERE.format(said)
    from chime_utils.text_norm import get_txt_norm

    official = get_txt_norm("chime8")
    return lambda text: str(official(text)), OFFICIAL, OFFICIAL
