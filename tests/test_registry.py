"""Backends are found by entry points alone, and one that is broken stops nobody else."""

from __future__ import annotations

import sys

import pytest

from sepdiar import registry
from sepdiar.errors import SepdiarError

MODULES = {
    "fine": 'class Made:\n    """Says nothing."""\n    def __init__(self, loud: int = 1) -> None: self.loud = loud\n',
    "needy": 'class Made:\n    """Needs a lot."""\n    needs = ("json", "no_such_parent.child", "no_such_package")\n',
    "extra": 'class Made:\n    """Needs an extra."""\n    needs = ("no_such_package",)\n    extra = "heavy"\n',
    "mended": 'class Made:\n    """Says how."""\n    needs = ("no_such_package",)\n    mend = "pip install --by-hand"\n',
    "importless": "import no_such_package\n",
    "nameless": "",
    "garbled": "class Made(\n",
    "gpu": 'raise OSError("libcudart.so.13: cannot open shared object file")\n',
}


@pytest.fixture(autouse=True)
def strangers(tmp_path, monkeypatch):
    """A package of somebody else's with one diarizer a module, visible as if pip had installed it."""
    for name, text in MODULES.items():
        (tmp_path / f"stranger_{name}.py").write_text(text)
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    points = "\n".join(f"{name} = stranger_{name}:Made" for name in MODULES)
    (info / "entry_points.txt").write_text(f"[sepdiar.diarizers]\n{points}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in MODULES:
        sys.modules.pop(f"stranger_{name}", None)


def test_one_that_works_is_made_with_its_parameters():
    assert registry.make("diarizer", "fine", {"loud": 3}).loud == 3


def test_strangers_are_found_beside_ours():
    assert {"fine", "mfcc"} <= registry.find("diarizer").keys()


@pytest.mark.parametrize(
    ("name", "parameters", "code", "said"),
    [
        ("nobody", {}, "SD201", "there are:"),
        ("fine", {"quiet": 1}, "SD202", "'quiet'; it has: loud"),
        ("needy", {}, "SD250", "no_such_parent.child, no_such_package"),
        ("importless", {}, "SD252", "no_such_package"),
        ("nameless", {}, "SD252", "Made"),
        ("garbled", {}, "SD252", "SyntaxError"),
        ("gpu", {}, "SD252", "libcudart"),
    ],
)
def test_a_refusal_names_the_reason(name, parameters, code, said):
    with pytest.raises(SepdiarError) as refused:
        registry.make("diarizer", name, parameters)
    assert refused.value.code == code and said in str(refused.value)


@pytest.mark.parametrize(("name", "command"), [("extra", "pip install 'sepdiar[heavy]'"), ("mended", "pip install --by-hand")])
def test_the_hint_is_the_command_that_mends(name, command):
    with pytest.raises(SepdiarError) as refused:
        registry.make("diarizer", name, {})
    assert refused.value.hint == command


def test_the_catalogue_lists_what_is_broken_with_the_way_to_mend_it():
    rows = {row.name: row for row in registry.backends() if row.package == "stranger"}
    assert rows.keys() == MODULES.keys()
    assert rows["fine"].available and rows["fine"].summary == "Says nothing."
    assert all(row.mend.startswith("pip install") for name, row in rows.items() if name != "fine")
    assert rows["needy"].missing == ("no_such_parent.child", "no_such_package")
    assert "libcudart" in rows["gpu"].summary


def test_an_unknown_kind_is_refused():
    with pytest.raises(SepdiarError, match="kind of backend"):
        registry.find("mixer")
