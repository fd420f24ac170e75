"""Under which name a measuring command keeps what it has made: by what it depends on, the code of sepdiar always included."""

from __future__ import annotations

import hashlib
from typing import Any

from sepdiar.conversation import canonical_json
from sepdiar.identity import OURS, code_sha256


def cache_key(*facts: Any) -> str:
    """Equal for equal facts and the same source code, of measures and simulation too; an edited file gives another key."""
    return hashlib.sha256(canonical_json([code_sha256(OURS, whole=True), *facts]).encode()).hexdigest()[:12]
