"""Options of the commands that read any corpus; apart from the others, because the layouts take time to import."""

from __future__ import annotations

import click

from sepdiar.cli.options import several
from sepdiar.corpora import LAYOUTS

LAYOUT = f"How the folder is laid out, else it is told by what is in it: {', '.join(LAYOUTS)}."

corpus = several(
    click.option("--layout", metavar="NAME", help=LAYOUT),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first recordings."),
)
