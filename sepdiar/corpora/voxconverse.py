"""VoxConverse: clips of debates and news from the web, two to twenty people (Chung et al. 2020; CC BY 4.0, for research).

References of github.com/joonson/voxconverse, the audio of www.robots.ox.ac.uk/~vgg/data/voxconverse at any depth beside them:

    dev/abjxc.rttm  test/aepyx.rttm      who speaks when; version 0.3 has the corrected ones
    audio/abjxc.wav                      what a chain is given
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sepdiar.conversation import Turn
from sepdiar.corpora import Truth
from sepdiar.corpora.parts import by_stem, lacking, truth
from sepdiar.formats import read_segments

ABOUT = "VoxConverse: dev/*.rttm and test/*.rttm, and the WAV files of the same names anywhere beside them"
SPLITS = ("dev", "test")


def found(folder: Path) -> bool:
    """Whether references are here, and audio of any of them."""
    known = {file.stem for split in SPLITS for file in (folder / split).glob("*.rttm")}
    return bool(known) and not known.isdisjoint(by_stem(folder))


def read(folder: Path, split: str = "") -> Iterator[Truth]:
    """The recordings by name, those of `dev` first; SD603 for the first that has no audio."""
    audio = by_stem(folder)
    for part in (split,) if split else SPLITS:
        references = sorted((folder / part).glob("*.rttm"))
        if split and not references:
            raise lacking(f"{split}/*.rttm", folder)
        for file in references:
            if file.stem not in audio:
                raise lacking(f"{file.stem}.wav, of {part}/{file.name}", folder)
            turns = (Turn(one.speaker, one.span) for one in read_segments(file) if len(one.span))
            yield truth(file.stem, folder, turns, (), audio[file.stem])
