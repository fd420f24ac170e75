"""The one page of all results: `python -m sepdiar.evaluation.summary [--eval eval]` writes it between the marks of README.md."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from sepdiar.errors import SepdiarError
from sepdiar.evaluation.command import command
from sepdiar.evaluation.speed_table import put
from sepdiar.evaluation.summary.page import summary


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Read every folder's results and published rows, and renew README.md beside them."""
    parser = ArgumentParser(prog="python -m sepdiar.evaluation.summary", description=__doc__)
    parser.add_argument("--eval", type=Path, default=Path("eval"), metavar="DIR", help="the folder of folders of results")
    asked = parser.parse_args(arguments)
    if not asked.eval.is_dir():
        raise SepdiarError("SD101", where=str(asked.eval))
    put(summary(asked.eval), asked.eval / "README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
