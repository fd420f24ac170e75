"""What several rooms' tests share: where the examples are, and the optional folder of recordings beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def podcasts() -> Path:
    """The three example podcasts with their truth."""
    return ROOT / "examples" / "podcasts"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real speech, rooms, noise and scoring cases, kept beside the checkout; a test that needs them skips without."""
    folder = Path(os.environ.get("SEPDIAR_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the folder of recordings and scoring cases at {folder} (or SEPDIAR_SHARED)")
    return folder
