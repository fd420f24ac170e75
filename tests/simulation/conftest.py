"""Speech for these tests, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sepdiar.testing import voices


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four speakers with twelve utterances each, and the times of their words."""
    return voices(tmp_path_factory.mktemp("speech"), speakers=4, utterances=12)
