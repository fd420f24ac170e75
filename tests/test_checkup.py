"""Doctor: everything that a run needs is looked at, and everything red says how it is mended."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sepdiar import accelerator, checkup, registry, versions
from sepdiar.accelerator import Torch
from sepdiar.config import DEFAULT_RECIPE, resolve
from sepdiar.models import cards, shelf


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    return checkup.doctor(tmp_path_factory.mktemp("out"))


def test_everything_that_the_default_recipe_names_is_looked_at(findings):
    names = {finding.name for finding in findings if finding.needed}
    wanted = resolve(DEFAULT_RECIPE, environ={}).values
    assert {f"{kind} {wanted[f'{stage}.backend']}" for kind, stage in checkup.STAGE_OF.items()} <= names
    assert {"python", "numpy", "soundfile", "av", "libsndfile", "processors"} <= names


def test_what_is_red_says_how_it_is_mended_and_what_is_not_has_nothing_to_mend(findings):
    for finding in findings:
        assert bool(finding.mend) == (finding.good is False), finding


def test_the_disk_is_left_as_it_was(tmp_path):
    assert all(finding.good for finding in checkup._disk(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_red_and_stops_the_default_recipe(tmp_path):
    bad = list(checkup._disk(tmp_path / "none"))
    assert [finding.good for finding in bad] == [False]
    refusal = checkup.missing(bad)
    assert refusal is not None and refusal.exit == 3 and str(tmp_path / "none") in refusal.what


def test_a_backend_that_is_broken_and_not_needed_stops_nobody(monkeypatch):
    broken = registry.Backend("separator", "big", "needs more", "stranger", ("no_such_package",), "pip install stranger[big]")
    monkeypatch.setattr(checkup, "backends", lambda: [*registry.backends(), broken])
    found = next(finding for finding in checkup._backends() if finding.name == "separator big")
    assert (found.good, found.needed, found.mend) == (False, False, "pip install stranger[big]")
    assert checkup.missing([found]) is None


def test_a_missing_package_names_the_command(monkeypatch):
    asked(monkeypatch, "no-such-package>=2; python_version > '3'", 'other ; extra == "x"')
    rows = list(checkup._packages())
    assert [(row.name, row.good, row.mend) for row in rows] == [("no-such-package", False, "pip install 'no-such-package>=2'")]


def asked(monkeypatch, *lines):
    """Of sepdiar's own metadata."""
    monkeypatch.setattr(versions, "requires", lambda _: list(lines))


def has(monkeypatch, **here):
    """What is installed, and nothing else."""
    for module in (versions, checkup):
        monkeypatch.setattr(module, "installed", lambda name: here.get(name.replace(".", "_").replace("-", "_"), ""))


def test_a_package_that_is_too_old_is_red(monkeypatch):
    asked(monkeypatch, "numpy>=2.0")
    has(monkeypatch, numpy="1.26.4")
    (row,) = checkup._packages()
    assert (row.good, row.mend) == (False, "pip install 'numpy>=2.0'") and "1.26.4" in row.detail
    assert checkup.missing([row]) is not None


def test_an_extra_is_whole_or_absent_or_in_the_wrong_version(monkeypatch):
    asked(
        monkeypatch, "one<5,>=4.0.7; extra == 'full'", "two; extra == 'full'", "three>=1; extra == 'none'", "four; extra == 'dev'"
    )
    has(monkeypatch, one="4.1.0", two="1")
    full, none = checkup._extras()
    assert (full.name, full.good, none.good, none.mend) == ("full", True, None, "") and "sepdiar[none]" in none.detail
    has(monkeypatch, one="5.0")
    full, none = checkup._extras()
    assert (full.good, full.mend, full.needed) == (False, "pip install 'sepdiar[full]'", False)
    assert "one is 5.0, not <5,>=4.0.7" in full.detail and "two" not in full.detail


@pytest.mark.parametrize(
    ("here", "cuda", "name", "mend"),
    [
        ({"torchcodec": "0.14.0"}, False, "torchcodec", "pip install torchcodec==0.12.0"),
        ({"asteroid": "0.5.2"}, False, "asteroid", "pip install --no-deps asteroid==0.7.0"),
        (
            {"asteroid": "0.7.0", "torchmetrics": "0.11.4", "pyannote_audio": "4.0.7"},
            False,
            "torchmetrics",
            "pip install 'torchmetrics>=1.6.1'",
        ),
        ({"pyannote_audio": "3.4.0"}, True, "pyannote.audio", "pip install 'pyannote.audio>=4.0.7,<5'"),
        (
            {"clearvoice": "0.1.2", "numpy": "1.26.4"},
            True,
            "clearvoice",
            "pip uninstall -y clearvoice && pip install 'numpy>=2.0'",
        ),
        ({"torchcodec": "0.14.0"}, True, "", ""),
        ({"torchcodec": "0.12.0", "asteroid": "0.7.0", "torchmetrics": "1.9.0", "pyannote_audio": "4.0.7"}, False, "", ""),
    ],
)
def test_versions_that_are_known_not_to_go_together_are_red(monkeypatch, here, cuda, name, mend):
    has(monkeypatch, **here)
    torch = Torch("2.13.0", "13.0" if cuda else "")
    red = [(row.name, row.mend) for row in checkup._clashes(torch) if row.good is False]
    assert red == ([(name, mend)] if name else [])


@pytest.mark.parametrize(
    ("torch", "ffmpeg", "libsndfile", "said"),
    [
        ("2.9.1+cpu", "8.1.3", "1.2.3", {"torch": False}),
        ("2.10.0", "8.1.2", "1.2.2", {"FFmpeg": None, "libsndfile": None}),
        ("2.13.0+cpu", "n7.1", "1.3.0", {"FFmpeg": None}),
        ("2.13.0", "9.0", "1.2.3", {}),
        ("", "", "", {}),
    ],
)
def test_versions_with_known_faults_are_told_and_red_where_they_matter_here(monkeypatch, torch, ffmpeg, libsndfile, said):
    import av
    import soundfile

    has(monkeypatch, torch=torch)
    monkeypatch.setattr(av, "ffmpeg_version_info", ffmpeg)
    monkeypatch.setattr(soundfile, checkup.LIBSNDFILE, libsndfile)
    rows = list(checkup._faults())
    assert {row.name.split()[0]: row.good for row in rows} == said
    assert all(bool(row.mend) == (row.good is False) and not row.needed for row in rows)


def test_a_torchaudio_that_cannot_be_loaded_is_told(monkeypatch):
    has(monkeypatch, torchaudio="2.11.0")
    around, broken = (
        next(iter(checkup._clashes(Torch("2.13.0", torchaudio=how)))) for how in ("worked around", "OSError: libcudart")
    )
    assert around.good is None and "OSError" in around.detail
    assert broken.good is False and "libcudart" in broken.detail and broken.mend.startswith("pip install")


@pytest.mark.parametrize(
    ("torch", "driver", "good", "mend"),
    [
        (Torch(), "", None, ""),
        (Torch("2.13.0"), "", None, ""),
        (Torch("2.13.0"), "580.1", False, "pip install --force-reinstall torch"),
        (Torch("2.13.0", "13.0"), "470.2", False, "nvidia-smi"),
        (Torch("2.13.0", "13.0", ("H200",)), "580.1", True, ""),
        (Torch("2.13.0", "13.0"), "", None, ""),
    ],
)
def test_torch_is_held_against_the_driver(torch, driver, good, mend, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpu = list(checkup._accelerator(torch, driver))[-1]
    assert (gpu.name, gpu.good, gpu.needed) == ("gpu", good, False) and gpu.mend.startswith(mend) and bool(gpu.mend) == bool(mend)


def test_devices_that_the_environment_hides_are_told(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    gpu = list(checkup._accelerator(Torch("2.13.0", "13.0"), "580.1"))[-1]
    assert gpu.good is False and gpu.mend == "unset CUDA_VISIBLE_DEVICES"


def test_a_torch_that_cannot_be_imported_says_why(monkeypatch):
    monkeypatch.setattr(accelerator, "ASK", "raise OSError('libtorch.so: no such file')")
    torch = accelerator.ask()
    assert torch.version and "libtorch.so" in torch.fault
    (row,) = checkup._accelerator(torch, "")
    assert row.good is False and "libtorch.so" in row.detail and row.mend


def test_models_are_here_or_can_be_pulled_and_a_lost_file_is_red(tmp_path, monkeypatch):
    monkeypatch.setenv("SEPDIAR_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", "secret")
    rows = {row.name: row for row in checkup._models()}
    assert rows["compact-embedding"].good is True and rows["mossformer2"].good is None
    assert "pixit-ami gated" in rows["pixit"].detail and "a token is there" in rows["pixit"].detail
    assert not any("secret" in row.detail for row in rows.values())
    public = cards.card("mossformer2-16k").public
    folder = tmp_path / "mossformer2-16k"
    folder.mkdir()
    (source,) = public.files
    kept = shelf.Kept(source.path, source.sha256, source.kept, "0" * 64)
    shelf.Pulled(folder, public.repository, public.revision).add(kept)
    lost = next(row for row in checkup._models() if row.name == "mossformer2-16k")
    assert (lost.good, lost.mend) == (False, "sepdiar models pull mossformer2-16k")


@pytest.mark.parametrize(
    ("here", "bounds", "good"),
    [
        ("2.13.0+cpu", ">=2.9", True),
        ("2.9", ">=2.13", False),
        ("0.12.0", "==0.12.0", True),
        ("0.12", "==0.12.0", True),
        ("0.13.1", "==0.12.0", False),
        ("5.0", ">=4.0.7,<5", False),
        ("1.0", "", True),
    ],
)
def test_versions_are_compared_as_numbers(here, bounds, good):
    assert versions.within(here, bounds) is good


def test_torch_is_asked_in_another_process(tmp_path):
    code = "import sys; from sepdiar.checkup import doctor; doctor(); print(sorted({'torch'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=os.environ, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_command_prints_it_for_programs(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "sepdiar", "doctor", tmp_path / "none", "--json"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 3
    rooms = {"environment", "extras", "decoding", "backends", "models", "disk", "machine"}
    assert {row["room"] for row in json.loads(ran.stdout)} == rooms
    assert ran.stderr.startswith("SD250")
