"""What each folder of results asks, and the command that answers it; of a folder unknown here, as its README says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

QUESTIONS: Mapping[str, tuple[str, str]] = {
    "compounding": (
        "What does each stage cost, alone and together with the others?",
        "sepdiar eval compounding ORACLE_DIR --out eval/compounding",
    ),
    "overlap": (
        "What does separation give where several speak, and what does it cost where one does?",
        "sepdiar eval overlap ORACLE_DIR --out eval/overlap",
    ),
    "calibration": (
        "Does a chain know how wrong it is?",
        "python -m sepdiar.evaluation.calibration MANIFEST --split dev --words WORDS --rooms ROOMS --noise NOISE",
    ),
    "embedded": (
        "How far is the chain that ships from the truth, beside masks, full separation and true turns?",
        "python -m sepdiar.evaluation.embedded MANIFEST --split dev --out eval/embedded",
    ),
    "masking": (
        "How far is the baseline without a model from the truth of simulated dialogues?",
        "sepdiar score der|turns TRUTH RUN --json",
    ),
    "longform": (
        "Does a speaker keep the channel for hours, joined our way and the stock way?",
        "python -m sepdiar.evaluation.longform MANIFEST --split dev --out eval/longform",
    ),
    "speed": (
        "How fast is a recipe, stage by stage, and how much memory does it take?",
        "python -m sepdiar.evaluation.speed --out eval/speed",
    ),
    "mossformer2": (
        "Does our MossFormer2 give what its authors' package gives with the same weights?",
        "python -m sepdiar.evaluation.mossformer2 --package-python PYTHON",
    ),
    "tdanet": (
        "Does our TDANet give what its authors' class gives with the same weights?",
        "python -m sepdiar.evaluation.tdanet --source FOLDER",
    ),
    "gss": (
        "What does an array of microphones give, told who speaks when?",
        "python -m sepdiar.evaluation.gss AUDIO... --turns TURNS --out DIR",
    ),
    "simulated-libricss": (
        "Who speaks when and what is said, from no overlap to 40 %, made from any clean speech?",
        "sepdiar eval simulated-libricss MANIFEST --out eval/simulated-libricss",
    ),
    "libricss": (
        "The same, of read speech replayed in a room",
        "sepdiar eval libricss for_release --out eval/libricss",
    ),
    "ami": ("Who speaks when in meetings, near and far?", "sepdiar eval ami DATA --out eval/ami"),
    "voxconverse": ("Who speaks when in debates and news?", "sepdiar eval voxconverse DATA --out eval/voxconverse"),
    "chime6": (
        "Dinner parties: CHiME-6's two tracks, and CHiME-8's score",
        "sepdiar eval chime6 DATA --out eval/chime6",
    ),
    "wsj0mix": ("Two speakers in full overlap: how many dB apart?", "sepdiar eval wsj0mix DATA --out eval/wsj0mix"),
    "wham": ("The same in noise", "sepdiar eval wham DATA --out eval/wham"),
    "whamr": ("The same in noise and in rooms", "sepdiar eval whamr DATA --out eval/whamr"),
    "librimix": ("Two speakers of LibriSpeech: how many dB apart?", "sepdiar eval librimix DATA --out eval/librimix"),
}
"""In the order of the page."""

COMMANDS = ("sepdiar ", "python -m sepdiar.")


def asked(folder: Path) -> tuple[str, str]:
    """The question and the command of a folder; "" for what is nowhere said."""
    if folder.name in QUESTIONS:
        return QUESTIONS[folder.name]
    page = folder / "README.md"
    lines = page.read_text(encoding="utf-8").splitlines() if page.is_file() else []
    title = next((line.removeprefix("# ") for line in lines if line.startswith("# ")), "")
    commands = (line.strip() for line in lines if line.startswith("    "))
    return title, next((line for line in commands if line.startswith(COMMANDS)), "")


def folders(root: Path) -> list[Path]:
    """Those known here in their order, then all others by name."""
    there = sorted(place for place in root.iterdir() if place.is_dir() and not place.name.startswith("."))
    known = list(QUESTIONS)
    return sorted(there, key=lambda place: known.index(place.name) if place.name in QUESTIONS else len(known))
