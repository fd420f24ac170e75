"""Models by name: which there are, those that others publish fetched once when asked for, and whether they are still whole.

    import sepdiar

    for model in sepdiar.models.list(): ...
    folder = sepdiar.models.pull("sepformer-whamr16k")
    folder = sepdiar.models.add("whisper-base", "a/folder")
    sepdiar.models.verify()

Nothing here uses the network but `pull`.
"""

from __future__ import annotations

from sepdiar.models.pulling import add, pull
from sepdiar.models.state import known as list
from sepdiar.models.state import verify

__all__ = ["add", "list", "pull", "verify"]
