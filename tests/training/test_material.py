"""What is read from folders of the usual forms, who is held out, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sepdiar.errors import SepdiarError
from sepdiar.testing import voices
from sepdiar.training import material
from sepdiar.training.corpus import RATE


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return voices(tmp_path_factory.mktemp("voices"), speakers=6, utterances=2)


def laid_out(manifest: Path, folder: Path, *places: str) -> Path:
    """Copies of the first utterances, one at each of the places."""
    files = sorted(manifest.parent.glob("*.wav"))
    for file, place in zip(files, places, strict=False):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        samples, rate = soundfile.read(file)
        soundfile.write(path, samples, rate)
    return folder


def speakers(rows: tuple[material.Utterance, ...]) -> set[str]:
    return {row.speaker for row in rows}


def test_librispeech_keeps_its_parts_and_leaves_test_alone(manifest: Path, tmp_path: Path) -> None:
    made = [f"{split}-clean/{speaker}/7/{speaker}-7-0001.flac" for split, speaker in
            (("train", 11), ("train", 12), ("dev", 21), ("dev", 22), ("test", 31))]  # fmt: skip
    train, dev = material.splits(laid_out(manifest, tmp_path / "LibriSpeech", *made))
    assert speakers(train) == {"11", "12"} and speakers(dev) == {"21", "22"}


@pytest.mark.parametrize("root", ["LibriSpeech/train-clean-5", "elsewhere"])
def test_a_part_of_librispeech_is_known_by_its_names(manifest: Path, tmp_path: Path, root: str) -> None:
    inside = "" if root.endswith("5") else "train-clean-5/"
    files = [f"{inside}{speaker}/7/{speaker}-7-000{i}.flac" for speaker in (11, 12, 13, 14, 15) for i in (1, 2)]
    (tmp_path / root).mkdir(parents=True)
    train, dev = material.splits(laid_out(manifest, tmp_path / root, *files))
    assert speakers(train) | speakers(dev) == {"11", "12", "13", "14", "15"} and len(speakers(dev)) == 2
    assert len(train) + len(dev) == 10


def test_vctk_is_read_by_its_first_microphone(manifest: Path, tmp_path: Path) -> None:
    files = [f"wav48_silence_trimmed/p{n}/p{n}_001_mic{m}.flac" for n in (225, 226, 227, 228) for m in (1, 2)]
    train, dev = material.splits(laid_out(manifest, tmp_path, *files))
    assert speakers(train) | speakers(dev) == {"p225", "p226", "p227", "p228"}
    assert all(row.file.stem.endswith("_mic1") for row in train + dev)


def test_one_folder_a_speaker(manifest: Path, tmp_path: Path) -> None:
    files = [f"{name}/{take}/{i}.wav" for name in ("ann", "bob", "cem", "dee") for take, i in (("one", 1), ("two", 1))]
    train, dev = material.splits(laid_out(manifest, tmp_path, *files))
    assert speakers(train) | speakers(dev) == {"ann", "bob", "cem", "dee"} and len({row.id for row in train + dev}) == 8


def test_who_is_held_out_depends_on_the_names_alone(manifest: Path, tmp_path: Path) -> None:
    train, dev = material.splits(manifest)
    assert len(speakers(dev)) == 2 and not speakers(train) & speakers(dev)
    lines = manifest.read_text().splitlines()
    for file in manifest.parent.glob("*.wav"):
        shutil.copy(file, tmp_path)
    (tmp_path / "manifest.tsv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    assert speakers(material.splits(tmp_path)[1]) == speakers(dev)


def with_splits(manifest: Path, *names: str) -> Path:
    """The manifest with a column split; the names go to the speakers in turn."""
    header, *lines = manifest.read_text().splitlines()
    rows = [f"{line}\t{names[i // 2 % len(names)]}" for i, line in enumerate(lines)]
    path = manifest.with_name("with-splits.tsv")
    path.write_text("\n".join([f"{header}\tsplit", *rows]) + "\n")
    return path


def test_a_manifest_says_who_is_for_dev(manifest: Path) -> None:
    train, dev = material.splits(with_splits(manifest, "train", "dev", "test"))
    assert speakers(train) == {"voice0", "voice3"} and speakers(dev) == {"voice1", "voice4"}


@pytest.mark.parametrize(
    ("names", "code", "what"),
    [
        (("dev", "test"), "SD202", "no utterance of split 'train'"),
        (("train", "train", "train", "train", "train", "dev"), "SD202", "dev has 1"),
    ],
)
def test_splits_that_do_not_do(manifest: Path, names: tuple[str, ...], code: str, what: str) -> None:
    with pytest.raises(SepdiarError, match=what) as refused:
        material.splits(with_splits(manifest, *names))
    assert refused.value.code == code


def test_a_speaker_in_both_splits_is_refused(manifest: Path) -> None:
    path = with_splits(manifest, "train", "dev")
    path.write_text(path.read_text().replace("voice1-00\tvoice1\t", "voice1-00\tvoice0\t"))
    with pytest.raises(SepdiarError, match="both to train and to choose on: voice0"):
        material.splits(path)


@pytest.mark.parametrize(("place", "code"), [("one.wav", "SD206"), ("ann/one.txt", "SD206"), ("ann/one.wav", "SD202")])
def test_a_folder_that_does_not_do(manifest: Path, tmp_path: Path, place: str, code: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    shutil.copy(manifest.parent / "voice0-00.wav", tmp_path / place)
    with pytest.raises(SepdiarError) as refused:
        material.splits(tmp_path)
    assert refused.value.code == code


def test_speech_is_decoded_once(manifest: Path, tmp_path: Path) -> None:
    train, dev = material.speech(manifest, tmp_path)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert len(files) == 4 and train.hours > dev.hours > 0
    again, _ = material.speech(manifest, tmp_path)
    assert again == train and {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == files
    clip = train.clips[0]
    assert len(train.read(clip)) == clip.samples and np.abs(train.read(clip)).max() > 0.05


def test_noise_and_rooms_come_at_16_khz(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    response = np.zeros((8000, 2))
    response[[100, 300]] = [[0.5, -0.25], [0.2, 0.1]]
    soundfile.write(tmp_path / "room.wav", response, RATE, subtype="FLOAT")
    one, two = material.rooms(tmp_path)
    assert one[0] == two[0] == 1 and one[200] == pytest.approx(0.4) and two[200] == pytest.approx(-0.4)
    soundfile.write(tmp_path / "noise.wav", 0.1 * rng.standard_normal(8000), 8000)
    assert [len(noise) for noise in material.noises(tmp_path)] == [RATE, 8000]
    with pytest.raises(SepdiarError, match="no noise"):
        material.noises(tmp_path / "none")
