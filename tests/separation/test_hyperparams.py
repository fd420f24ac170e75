"""Settings of speechbrain's are data: what they would make and call is written down, and nothing else."""

from __future__ import annotations

import pytest

from sepdiar.errors import SepdiarError
from sepdiar.separation.hyperparams import Described, read

pytest.importorskip("yaml")


def test_references_are_followed_and_nothing_is_made(tmp_path):
    text = """
size: 16
twice: !ref <size>
path: !ref <size>/save
seed: !apply:os.mkdir [harmed]
Net: !new:os.mkdir
  size: !ref <twice>
  inner: [!ref <size>, 2]
modules:
  net: !ref <Net>
empty: !name:os.mkdir
"""
    net = Described("os.mkdir", {"size": 16, "inner": [16, 2]})
    assert read(text, "a.yaml") == {
        "size": 16,
        "twice": 16,
        "path": "<size>/save",
        "seed": Described("os.mkdir", ["harmed"]),
        "Net": net,
        "modules": {"net": net},
        "empty": Described("os.mkdir", {}),
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: !ref <a>", "SD203"),
        ("a: !ref <b>\nb: !ref <a>", "SD203"),
        ("a: !ref <nothing>", "SD203"),
        ("a: [", "SD203"),
        ("- a", "SD203"),
        ("a: !!python/name:os.mkdir", "SD264"),
        ("a: !include:other.yaml", "SD264"),
    ],
)
def test_what_is_no_settings_is_refused(text, code):
    with pytest.raises(SepdiarError, match=f"{code}.*a.yaml"):
        read(text, "a.yaml")
