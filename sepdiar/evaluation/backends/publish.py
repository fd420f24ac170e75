"""Writes a row's network of random weights, in a process of its own, so that measuring one has not seen how it was made.

    python -m sepdiar.evaluation.backends.publish ORDER

An order is JSON. It tells the parameters with which the backend takes the files, or why it cannot.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sepdiar import registry
from sepdiar.errors import SepdiarError
from sepdiar.evaluation.backends.order import BACKENDS
from sepdiar.evaluation.bench.telling import tell


def main(arguments: Sequence[str]) -> int:
    """Do what the order says."""
    order: Mapping[str, Any] = json.loads(arguments[0])
    backend = BACKENDS[order["backend"]]
    try:
        registry.checked(backend.kind, backend.name, {})
        folder = Path(order["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        parameters = backend.home.publish(order["backend"], folder, order["shape"], Path(order["heard"]))
        tell("published", parameters=parameters)
    except SepdiarError as error:
        tell("refused", code=error.code, what=error.what, hint=error.hint)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
