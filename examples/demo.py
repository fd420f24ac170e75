"""Process the three example podcasts and say how far the result is from the truth, which they carry.

python examples/demo.py --out out
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sepdiar.metrics.result import Result
from sepdiar.metrics.truth import against_truth

HERE = Path(__file__).resolve().parent
ROWS = [
    ("der", "", "diarization error rate"),
    ("turns", "onsets_50ms", "turn onsets within 50 ms"),
    ("turns", "offsets_50ms", "turn offsets within 50 ms"),
    ("separation", "si_sdr_clean", "SI-SDR where one speaks"),
    ("separation", "si_sdr_overlap", "SI-SDR where both speak"),
    ("separation", "leakage", "leakage into the other channel"),
    ("wer", "", "words wrong (cpWER)"),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"), help="the run directory")
    out = parser.parse_args().out
    code = subprocess.run([sys.executable, "-m", "sepdiar", "process", HERE / "podcasts", "--out", out], check=False).returncode
    if code == 0:
        show(against_truth(out, HERE / "truth"), out)
    return code


def show(scores: dict[str, Result], out: Path) -> None:
    """The figures, and under them how each was measured."""
    console = Console()
    table = Table(title=f"How far {out} is from the truth", title_justify="left", title_style="bold")
    table.add_column("")
    table.add_column("all three", justify="right", style="bold")
    sessions = sorted({name.partition("/")[0] for result in scores.values() for name in result.per_session})
    for session in sessions:
        table.add_column(session.rpartition("-")[0], justify="right")
    for metric, figure, words in ROWS:
        if metric in scores:
            whole = scores[metric]
            each = {name.partition("/")[0]: one for name, one in whole.per_session.items()}
            table.add_row(words, _cell(whole, figure), *(_cell(each[name], figure) for name in sessions))
    console.print(table)
    for metric, result in scores.items():
        console.print(f"[dim]{metric}: {result.protocol}[/dim]", highlight=False)
    if "wer" not in scores:
        console.print("words are not scored: python -m pip install -e '.[wer]' (it needs a C++ compiler)", markup=False)


def _cell(result: Result, figure: str) -> str:
    value = result.figures.get(figure) if figure else result.value
    if value is None:
        return "-"
    return f"{value:.1f} dB" if result.metric == "separation" else f"{100 * value:.1f} %"


if __name__ == "__main__":
    sys.exit(main())
