"""What several rooms' tests share: where the examples are, and the optional folder of recordings beside the checkout."""

from __future__ import annotations

import os
import random
import shutil
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

# the same examples on every machine, however slow it is at the moment
settings.register_profile("sepdiar", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sepdiar")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module", autouse=True)
def one_converter() -> Iterator[None]:
    """The process that reads pickles is started once, where it is needed, for all tests of a file."""
    from sepdiar.models.converter import converter

    with converter():
        yield


@pytest.fixture(scope="session")
def podcasts() -> Path:
    """The three example podcasts with their truth."""
    return ROOT / "examples" / "podcasts"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real speech, rooms, noise and scoring cases, kept beside the checkout; a test that needs them skips without."""
    folder = Path(os.environ.get("SEPDIAR_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the folder of recordings and scoring cases at {folder} (or SEPDIAR_SHARED)")
    return folder


@pytest.fixture(scope="session")
def _plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with a stage in it, installed by nothing but a folder on the import path."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copy(ROOT / "tests" / "tiny_stages.py", folder)
    about = folder / "tiny_stages-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-stages\nVersion: 1.0\n")
    entries = "[sepdiar.stages]\ncopy = tiny_stages:Copy\n[sepdiar.separators]\nhungry = tiny_stages:Hungry\n"
    (about / "entry_points.txt").write_text(entries)
    (folder / "copy.toml").write_text('chain = ["copy"]\n[copy]\ntag = ""\nopen = ""\n')
    return folder


@pytest.fixture
def tiny(_plugin: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe with one stage, which copies its input or does what the input's name says; see tiny_stages.py."""
    monkeypatch.syspath_prepend(_plugin)
    monkeypatch.setenv("PYTHONPATH", str(_plugin))
    return _plugin / "copy.toml"


@pytest.fixture(scope="session")
def record() -> Callable[..., Path]:
    """Writes a tiny WAV whose content depends on its seed alone, and gives its path."""

    def write(path: Path, seed: int | str = "", samples: int = 400) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = random.Random(str(seed or path.name)).randbytes(2 * samples)
        with path.open("wb") as file, wave.open(file) as wav:
            wav.setparams((1, 2, 8000, samples, "NONE", ""))
            wav.writeframes(noise)
        return path

    return write


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Every file of a run that must be the same bytes each time; nothing may be left over in tmp/."""

    def read(run: Path) -> dict[str, bytes]:
        assert not list((run / "tmp").iterdir())
        exempt = {"events.log", "inputs.log", ".lock", ".sepdiar", "lost"}
        files = [path for path in sorted(run.rglob("*")) if path.is_file() and path.relative_to(run).parts[0] not in exempt]
        return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}

    return read


@pytest.fixture(scope="session")
def encode() -> Callable[..., Path]:
    """Writes samples of shape (n,) or (n, channels) as the container that the path's ending names, and gives the path."""

    def write(path: Path, samples: NDArray[np.float32], rate: int, subtype: str | None = None) -> Path:
        ending = path.suffix[1:]
        if ending in _BY_FFMPEG:
            _encode_with_ffmpeg(path, samples if samples.ndim == 2 else samples[:, None], rate, *_BY_FFMPEG[ending])
        else:
            form = {"opus": "OGG", "rf64": "RF64"}.get(ending)
            soundfile.write(path, samples, rate, subtype or ("OPUS" if ending == "opus" else None), format=form)
        return path

    return write


_BY_FFMPEG = {"m4a": ("ipod", "aac"), "aac": ("adts", "aac"), "webm": ("webm", "libopus"), "mka": ("matroska", "flac")}
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def _encode_with_ffmpeg(path: Path, samples: NDArray[np.float32], rate: int, container: str, codec: str) -> None:
    layout = _LAYOUTS[samples.shape[1]]
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        fitted = av.AudioResampler(stream.codec_context.format, layout, rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32).reshape(1, -1), "flt", layout)
        frame.sample_rate, frame.pts = rate, 0
        pieces = (*fitted.resample(frame), *fitted.resample(None)) if len(samples) else ()
        for piece in pieces:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
