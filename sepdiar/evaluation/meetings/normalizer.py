"""The text normaliser of CHiME-8 DASR, where its package is installed; else ours, and that is said."""

from __future__ import annotations

import importlib.util

from sepdiar.evaluation.meetings.scores import Normalizer
from sepdiar.metrics.recognition import NORMALIZERS

OFFICIAL = "the official text normaliser of CHiME-8 DASR (chime_utils.text_norm, chime8)"
OURS = (
    "normalizer basic ({}), NOT the official one of CHiME-8 DASR, which is installed from its repository: "
    "pip install git+https://github.com/chimechallenge/chime-utils"
)


def chime8() -> tuple[Normalizer, str]:
    """The normaliser and its name, for the protocol."""
    if importlib.util.find_spec("chime_utils") is None:
        said, normalize = NORMALIZERS["basic"]
        return normalize, OURS.format(said)
    from chime_utils.text_norm import get_txt_norm

    official = get_txt_norm("chime8")
    return lambda text: str(official(text)), OFFICIAL
