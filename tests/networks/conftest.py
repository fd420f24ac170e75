"""Small networks of our own kinds, and what they hear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

SHAPES = {
    "segmenter": {"width": 32, "depth": 2, "heads": 2, "bands": 40, "stem": 16},
    "eend": {"width": 16, "depth": 2, "heads": 2, "bands": 24},
    "voice": {"dim": 24, "bands": 40, "picture": 8, "width": 32, "spread": [1, 2]},
}


@pytest.fixture(scope="session")
def shapes() -> Mapping[str, Mapping[str, Any]]:
    """The shape of a small network of each kind."""
    return SHAPES


@pytest.fixture(scope="session")
def samples() -> torch.Tensor:
    """Noise that swells."""
    swell = 1 + np.sin(np.arange(24_000) / 900)
    return torch.from_numpy((np.random.default_rng(0).standard_normal((3, 24_000)) * swell * 0.05).astype(np.float32))
