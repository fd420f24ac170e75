"""LibriCSS made from any clean speech: the overlap curve of a chain, on one machine, without a download."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sepdiar.evaluation.meetings.libricss import measured
from sepdiar.evaluation.meetings.work import begun
from sepdiar.events import Listener, silence
from sepdiar.simulation.meetings import Sessions, make_sessions


def simulated_libricss(
    manifest: str | Path,
    out: str | Path,
    *,
    recipe: str | Path | None = None,
    settings: Iterable[str] = (),
    split: str = "test",
    limit: int | None = None,
    sessions: int = 3,
    minutes: float = 5.0,
    speakers: int = 8,
    seed: int = 0,
    words: str | Path | None = None,
    root: str | Path | None = None,
    part: str | None = None,
    workers: int | None = None,
    listen: Listener = silence,
) -> dict[str, Any]:
    """Make a set laid out as LibriCSS from the clean speech of a manifest, and measure a chain on it as on LibriCSS.

    `manifest`, `root` and `words` are as `simulate` takes them, `part` is the manifest's split. Below OUT/for_release there are
    `sessions` of each condition, `minutes` long, of at most `speakers` people; session 0 is dev. No room and no noise: what is
    added is overlap alone. Who has no words in the manifest is left out, unless the chain has no recogniser. `split` and `limit`
    are as for LibriCSS. A second call into `out` continues, with the same speech.
    """
    work = begun("simulated-libricss", manifest, out, split, recipe, settings, workers, listen)
    asked = Sessions(sessions, minutes * 60, speakers, seed, wordless=not work.chain.says_words)
    data = work.out / "for_release"
    made = make_sessions(manifest, data, asked, root=root, words=words, split=part, listen=listen)
    protocol = [
        f"simulated from {Path(manifest).name}: {sessions} sessions of {minutes:g} minutes a condition, {made} speakers each, "
        f"seed {seed}; clean read speech, no room, no noise, one channel, overlap of two people at most",
        "overlap is the share of the time in which anybody speaks",
    ]
    return measured(work, data, limit, protocol)
