"""Models by name: which there are, those that others publish fetched once when asked for, and whether they are still whole.

    import sepdiar

    for model in sepdiar.models.list(): ...
    folder = sepdiar.models.pull("sepformer-whamr16k")
    sepdiar.models.verify()

Nothing here uses the network but `pull`.
"""

from __future__ import annotations

from sepdiar.models.pulling import pull
from sepdiar.models.state import known as list
from sepdiar.models.state import verify

__all__ = ["list", "pull", "verify"]
