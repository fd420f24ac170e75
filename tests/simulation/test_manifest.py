"""Manifests: what is read, and what is refused before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from sepdiar.errors import SepdiarError
from sepdiar.simulation import simulate
from sepdiar.simulation.manifest import choose, read_manifest

HEADER = "utt\tspeaker\tfile\ttext"


def written(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "corpus" / "lines.tsv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


def refusal(path: Path, **how: Path) -> SepdiarError:
    with pytest.raises(SepdiarError) as caught:
        read_manifest(path, **how)
    return caught.value


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../secret.wav", "SD401"),
        ("a/../../secret.wav", "SD401"),
        ("/etc/passwd", "SD401"),
        ("~/secret.wav", "SD401"),
        (".", "SD401"),
        ("//host/share/a.wav", "SD401"),
        ("file:///etc/passwd", "SD402"),
        ("http://169.254.169.254/latest", "SD402"),
        ("https://example.org/a.wav", "SD402"),
        ("s3://bucket/a.wav", "SD402"),
        ("pipe:0", "SD402"),
        ("concat:a.wav", "SD402"),
        ("C:\\a.wav", "SD402"),
        ("\\\\host\\share\\a.wav", "SD402"),
        ("-", "SD402"),
        ("cat /etc/passwd |", "SD402"),
        ("|touch pwned", "SD402"),
        ("$(touch pwned).wav", "SD402"),
        ("`touch pwned`.wav", "SD402"),
        ("a\0.wav", "SD403"),
        ("", "SD403"),
        ("  ", "SD403"),
    ],
)
def test_hostile_paths_are_refused_with_their_line(tmp_path: Path, name: str, code: str) -> None:
    path = written(tmp_path, "u0\tanna\tgood.wav\thello", f"u1\tanna\t{name}\thello")
    refused = refusal(path)
    assert refused.code == code
    assert refused.where == f"{path}, line 3"


def test_a_link_that_leads_outside_is_refused_and_one_inside_is_not(tmp_path: Path) -> None:
    path = written(tmp_path, "u0\tanna\tlink.wav\thello")
    (tmp_path / "secret.wav").write_bytes(b"")
    link = path.parent / "link.wav"
    link.symlink_to(tmp_path / "secret.wav")
    assert refusal(path).code == "SD401"
    link.unlink()
    (path.parent / "real.wav").write_bytes(b"")
    link.symlink_to(path.parent / "real.wav")
    assert read_manifest(path)[0].file == (path.parent / "real.wav").resolve()


def test_root_moves_the_border(tmp_path: Path) -> None:
    path = written(tmp_path, "u0\tanna\tcorpus/a.wav\thello")
    assert read_manifest(path, root=tmp_path)[0].file == (tmp_path / "corpus/a.wav").resolve()
    assert refusal(written(tmp_path, "u0\tanna\t../a.wav\thello"), root=tmp_path).code == "SD401"


@pytest.mark.parametrize(
    ("header", "line", "said"),
    [
        ("utt\tspeaker\tfile", "u0\ta\tf.wav", "the header lacks text"),
        ("utt\tspeaker\tfile\ttext\ttext", "u0\ta\tf.wav\tx\ty", "twice"),
        (HEADER, "u0\ta\tf.wav", "3 columns"),
        (HEADER, "u0\ta b\tf.wav\tx", "white space"),
        (HEADER, "\ta\tf.wav\tx", "white space"),
        (HEADER, "u0\ta\tf.wav\tx\a", "control character"),
        (HEADER, "u0\ta\tf.wav\tx\nu0\ta\tg.wav\ty", "twice"),
        (HEADER + "\tseconds", "u0\ta\tf.wav\tx\tlong", "not a number"),
        (HEADER + "\trole", "u0\ta\tf.wav\tx\tsinger", "role"),
        (HEADER + "\tdialogue", "u0\ta\tf.wav\tx\t../../x", "names a folder"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, header: str, line: str, said: str) -> None:
    refused = refusal(written(tmp_path, line, header=header))
    assert refused.code == "SD403"
    assert said in refused.what


def test_a_manifest_that_is_not_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "binary.tsv").write_bytes(b"\xff\xfe\x00")
    assert refusal(tmp_path / "binary.tsv").code == "SD403"
    assert refusal(tmp_path / "missing.tsv").code == "SD101"
    assert refusal(tmp_path).code == "SD102"


def test_nothing_is_written_for_a_manifest_that_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SepdiarError):
        simulate(written(tmp_path, "u0\tanna\t../a.wav\thello"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_split_and_speakers_choose(tmp_path: Path) -> None:
    lines = ("u0\ta\t0.wav\tx\ttrain", "u1\tb\t1.wav\tx\ttrain", "u2\tc\t2.wav\tx\tdev")
    path = written(tmp_path, *lines, header=HEADER + "\tsplit")
    assert [one.id for one in choose(path, split="train")] == ["u0", "u1"]
    assert [one.id for one in choose(path, speakers=("c", "a"))] == ["u0", "u2"]
    for wrong in ({"split": "test"}, {"speakers": ("a", "nobody")}):
        with pytest.raises(SepdiarError) as caught:
            choose(path, **wrong)  # type: ignore[arg-type]
        assert caught.value.code == "SD202"


def test_a_session_is_told_by_its_column_or_by_a_name_like_those_of_librispeech(tmp_path: Path) -> None:
    names = ("84-121123-0004", "84_121550_000012_000000", "84-7", "841-121123-0004", "84x-121123-0004", "noon-84-121123-0004")
    path = written(tmp_path, *(f"{name}\t84\ta.wav\tx" for name in names))
    assert [one.session for one in read_manifest(path)] == ["121123", "121550", "", "", "", ""]
    path = written(tmp_path, "84-121123-0004\t84\ta.wav\tx\tat home", "u1\tb\tb.wav\tx\t", header=HEADER + "\tsession")
    assert [one.session for one in read_manifest(path)] == ["at home", ""]


def test_words_come_from_the_ctm_beside_it(tmp_path: Path) -> None:
    path = written(tmp_path, "u0\tanna\ta.wav\thello you", "u1\tanna\tb.wav\tyes")
    path.with_suffix(".ctm").write_text("u0 1 0.6 0.25 you\nu0 1 0.1 0.4 hello\n")
    first, second = read_manifest(path)
    assert first.words == (("hello", 0.1, 0.5), ("you", 0.6, 0.85))
    assert second.words is None
    path.with_suffix(".ctm").write_text("u0 1 never 0.25 you\n")
    assert refusal(path).code == "SD502"
