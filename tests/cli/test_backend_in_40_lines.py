"""The backend in 40 lines is whole: it installs, is found, works, and stands in CONTRIBUTING.md as it is."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "examples" / "backend_in_40_lines"
MODULE = EXAMPLE / "sepdiar_loudness.py"
RATE = 16000


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> dict[str, str]:
    """An environment in which the example is visible as pip would leave it: the module and its dist-info."""
    place = tmp_path_factory.mktemp("site")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = place / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))
    (place / MODULE.name).write_text(MODULE.read_text())
    return {**os.environ, "PYTHONPATH": str(place)}


@pytest.fixture
def talk(tmp_path) -> Path:
    """A loud voice from 0.5 to 2 s, a soft one from 3 to 5 s, both noise."""
    noise = np.random.default_rng(1).normal(0, 1, 6 * RATE) * 1e-4
    clock = np.arange(len(noise)) / RATE
    noise[(clock >= 0.5) & (clock < 2)] *= 2000
    noise[(clock >= 3) & (clock < 5)] *= 300
    path = tmp_path / "talk.wav"
    soundfile.write(path, noise, RATE)
    return path


def sepdiar(environment, *arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sepdiar", *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


def test_it_is_listed_beside_ours(installed):
    assert "loudness" in sepdiar(installed, "backends").stdout


def test_it_tells_the_loud_from_the_soft(installed, talk):
    ran = sepdiar(installed, "diarize", talk, "--diarizer", "loudness")
    assert ran.returncode == 0, ran.stderr
    turns = [(line.split()[7], float(line.split()[3]), float(line.split()[4])) for line in ran.stdout.splitlines()]
    assert [speaker for speaker, _, _ in turns] == ["S1", "S2"]
    assert np.allclose([turns[0][1:], turns[1][1:]], [(0.5, 1.5), (3.0, 2.0)], atol=0.05)


def test_its_parameters_are_settings(installed, talk):
    ran = sepdiar(installed, "diarize", talk, "--diarizer", "loudness", "--set", "diarize.loudness.floor_db=10")
    assert len(ran.stdout.splitlines()) == 1, "the soft voice lies below the floor"
    refused = sepdiar(installed, "diarize", talk, "--diarizer", "loudness", "--set", "diarize.loudness.colour=red")
    assert refused.returncode == 2 and "'colour'; it has: floor_db, pause_seconds" in refused.stderr


def test_without_it_the_name_is_unknown(talk):
    refused = sepdiar(None, "diarize", talk, "--diarizer", "loudness")
    assert refused.returncode == 2 and "SD201" in refused.stderr


def test_the_document_holds_the_files_as_they_are():
    document = (ROOT / "CONTRIBUTING.md").read_text()
    assert f"```python\n{MODULE.read_text()}```" in document
    assert f"```toml\n{(EXAMPLE / 'pyproject.toml').read_text()}```" in document
    assert len(MODULE.read_text().splitlines()) <= 40
