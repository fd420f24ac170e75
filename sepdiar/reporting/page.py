"""The page: a template, a style sheet that the content policy names by its hash, and no script at all."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sepdiar import __version__
from sepdiar.errors import CODES
from sepdiar.reporting.summary import SHOWN, gather

FOLDER = Path(__file__).parent
FIGURES = {
    "speech": "somebody speaks, of the recordings",
    "overlap": "several people speak, of that",
    "mixed": "both sides are heard on a channel, of the speech on channels",
    "left": "speech on the left channel, of the speech on channels",
    "turns": "turns a minute",
    "overlapped-transfers": "changes of speaker in which the next begins before the last has stopped",
    "predicted-der": "diarization error that is to be expected, of the speech",
    "predicted-onsets-missed": "turns whose onset is to be expected more than 50 ms off",
    "predicted-overlap-error": "in overlap, energy that is not the speaker's, over the speaker's own, that is to be expected",
    "predicted-cpwer": "word error (cpWER) that is to be expected, of the words",
    "confidence": "what the recogniser thinks of its words, 0 to 1",
    "damaged": "damage kept as silence, of the recordings",
}
COUNTS = ("turns", "confidence")
"""Figures that are not shares."""


def html(run: Path) -> str:
    """The page of a run, for RUN/report/index.html; the same run gives the same bytes. SD207 where there is no run."""
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = _environment().get_template("page.html.j2")
    page: str = template.render(
        summary=gather(run),
        style=Markup(style),
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        figures=FIGURES,
        counts=COUNTS,
        codes=CODES,
        shown=SHOWN,
        version=__version__,
    )
    return page


def plain(text: str) -> str:
    r"""Text that can neither hide nor turn around what stands beside it: whatever does not print is shown as an escape.

    >>> plain("a\u202eb\udcff\n")
    'a\\u202eb\\udcff\\n'
    """
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def clock(seconds: float) -> str:
    """
    >>> clock(7), clock(3725.6)
    ('0:07', '1:02:06')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def percent(share: float | None) -> str:
    """
    >>> percent(0.1234), percent(None)
    ('12.3 %', '–')
    """
    return "–" if share is None else f"{100 * share:.1f} %"


def _printed(value: object) -> object:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printed,
    )
    environment.filters |= {
        "clock": clock,
        "percent": percent,
        "url": lambda part: quote(part, safe="", errors="surrogateescape"),
    }
    return environment
