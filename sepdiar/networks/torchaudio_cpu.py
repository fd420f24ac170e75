"""torchaudio beside a torch without CUDA.

The torchaudio that package indexes give is linked to CUDA. Beside a torch for CPUs its compiled part cannot be loaded: `import
torchaudio` raises OSError, and so does every package that imports it. What separators use of it is plain torch and works without.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

COMPILED = "torchaudio._extension"


def importable() -> None:
    """Make `import torchaudio` work, all but forced_align and rnnt_loss; does nothing where it works by itself."""
    try:
        import torchaudio
    except OSError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]  # what the failed import left
        sys.modules[COMPILED] = _nothing_compiled()
        import torchaudio  # noqa: F401


def _nothing_compiled() -> ModuleType:
    stub = ModuleType(COMPILED)
    stub._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
    stub.fail_if_no_align = _refused  # type: ignore[attr-defined]
    return stub


def _refused(function: Callable[..., Any]) -> Callable[..., Any]:
    def refuse(*positional: object, **named: object) -> None:
        raise RuntimeError(f"torchaudio.{function.__name__} needs a torchaudio built for this torch")

    return refuse
