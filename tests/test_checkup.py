"""Doctor: everything that a run needs is looked at, and everything red says how it is mended."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sepdiar import checkup, registry
from sepdiar.config import DEFAULT_RECIPE, resolve


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
    monkeypatch.setattr(checkup, "requires", lambda _: ["no-such-package>=2; python_version > '3'", 'other ; extra == "x"'])
    rows = list(checkup._packages())
    assert [(row.name, row.good, row.mend) for row in rows] == [("no-such-package", False, "pip install 'no-such-package>=2'")]


def test_torch_is_asked_in_another_process(tmp_path):
    code = "import sys; from sepdiar.checkup import doctor; doctor(); print(sorted({'torch'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=os.environ, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_command_prints_it_for_programs(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "sepdiar", "doctor", tmp_path / "none", "--json"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 3
    assert {row["room"] for row in json.loads(ran.stdout)} == {"environment", "decoding", "backends", "disk", "machine"}
    assert ran.stderr.startswith("SD250")
