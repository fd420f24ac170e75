"""NeMo's archives: kept with safetensors in place of their pickles, and refused where anything in them could run."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import sepdiar
from sepdiar.errors import SepdiarError
from sepdiar.models import archives

SETTINGS = b"target: nemo.collections.asr.models.rnnt_models.EncDecRNNTModel\n"


class Evil:
    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return print, ("ran",)


def pickled(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def archive(path: Path, files: dict[str, bytes], compressed: str = "", **more: tarfile.TarInfo) -> Path:
    """As NeMo writes one: everything below "./"."""
    with tarfile.open(path, f"w:{compressed}") as made:
        made.add(path.parent, "./", recursive=False)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
        for entry in more.values():
            made.addfile(entry)
    return path


def whole(**more: object) -> dict[str, bytes]:
    tied = torch.arange(6.0)
    state = {"encoder.weight": tied, "decoder.weight": tied, "count": torch.tensor(3)}
    return {"model_config.yaml": SETTINGS, "model_weights.ckpt": pickled(state | more), "ab12_tokenizer.model": b"\x0a\x00"}


@pytest.mark.parametrize("compressed", ["", "gz"])
def test_it_is_kept_with_tensors_that_are_no_pickle_and_always_the_same_bytes(tmp_path, compressed):
    from safetensors.torch import load_file

    file = archive(tmp_path / "talk.nemo", whole(), compressed)
    archives.convert(file, tmp_path / "kept.nemo")
    with tarfile.open(tmp_path / "kept.nemo") as kept:
        assert kept.getnames() == ["ab12_tokenizer.model", "model_config.yaml", "model_weights.safetensors"]
    again = tmp_path / "again.nemo"
    archives.convert(tmp_path / "kept.nemo", again)
    assert again.read_bytes() == (tmp_path / "kept.nemo").read_bytes()
    with archives.unpacked(again) as folder:
        assert (folder / "model_config.yaml").read_bytes() == SETTINGS
        tensors = load_file(folder / "model_weights.safetensors")
    assert tensors["decoder.weight"].tolist() == [0, 1, 2, 3, 4, 5] and tensors["count"] == 3
    assert not folder.exists() and {path.suffix for path in tmp_path.iterdir()} == {".nemo"}


def _link() -> tarfile.TarInfo:
    entry = tarfile.TarInfo("./model.txt")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return entry


@pytest.mark.parametrize(
    ("files", "more"),
    [
        (whole(hook=Evil()), {}),
        (whole() | {"../outside.txt": b""}, {}),
        (whole() | {"code.py": b""}, {}),
        (whole() | {"model.pkl": b""}, {}),
        (whole() | {"deep/model.txt": b""}, {}),
        (whole(), {"link": _link()}),
        ({"model_weights.ckpt": whole()["model_weights.ckpt"]}, {}),
        ({"model_config.yaml": SETTINGS}, {}),
    ],
    ids=["hook", "outside", "code", "pickle", "deep", "link", "no settings", "no weights"],
)
def test_what_could_run_or_is_not_whole_is_refused(tmp_path, capsys, files, more):
    file = archive(tmp_path / "talk.nemo", files, **more)
    with pytest.raises(SepdiarError, match="SD264"):
        archives.convert(file, tmp_path / "kept.nemo")
    assert [path.name for path in tmp_path.iterdir()] == ["talk.nemo"] and capsys.readouterr().out == ""


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "talk.nemo").write_bytes(b"no archive")
    with pytest.raises(SepdiarError, match="SD264"):
        archives.convert(tmp_path / "talk.nemo", tmp_path / "kept.nemo")


def test_it_is_pulled_under_its_own_name_and_verified(hub, home, publish, tmp_path):
    content = archive(tmp_path / "talk.nemo", whole()).read_bytes()
    folder = sepdiar.models.pull(publish({"talk.nemo": content}, known=True))
    with tarfile.open(folder / "talk.nemo") as kept:
        assert "model_weights.safetensors" in kept.getnames() and "model_weights.ckpt" not in kept.getnames()
    assert {path.name for path in folder.iterdir()} == {"talk.nemo", "lock.json"}
    (row,) = sepdiar.models.verify("talk")
    assert row.good
