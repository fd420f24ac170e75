"""The cards that ship: complete, honest about what is not known, and told apart from what is here."""

from __future__ import annotations

import json
import re

import pytest

import sepdiar
from sepdiar.errors import SepdiarError
from sepdiar.models import cards
from sepdiar.networks import weights

PUBLIC = [name for name in cards.names() if cards.card(name).public]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_card_says_what_a_user_must_know(name):
    card = cards.card(name)
    assert card.facts["name"] == name and card.facts["rate"] in (8000, 16000)
    for key in ("kind", "backend", "about", "licence", "homepage", "data", "limits"):
        assert card.facts[key].strip(), key
    text = (card.folder / "card.toml").read_text()
    if card.public.repository:
        assert card.facts["homepage"] == f"https://huggingface.co/{card.public.repository}"
        assert cards.COMMIT.fullmatch(card.public.revision) or "the commit is" in text
    assert all(wheel.name.endswith(".whl") and wheel.megabytes > 0 and wheel.requirement for wheel in card.public.wheels)
    assert all(re.fullmatch(r"[0-9a-f]{64}|", source.sha256) for source in card.public.files)
    assert text.count("sha256 not known to us") == sum(not source.sha256 for source in card.public.files)
    kept = [source.kept for source in card.public.files]
    assert kept and len(set(kept)) == len(kept)
    endings = (".safetensors", ".json", ".yaml", ".txt", ".nemo")
    assert all(source.inert or source.kept.endswith(endings) for source in card.public.files)
    harmless = {"whisper": (".bin",), "pyannote": (".npz",), "dnsmos": (".onnx",)}.get(card.facts["backend"], ())
    assert all(source.path.endswith(harmless) for source in card.public.files if source.inert)


def test_what_is_not_here_says_how_to_get_it(home, run):
    listed = {model.name: model for model in sepdiar.models.list()}
    assert listed["silero-vad"].state == "packaged" and listed["compact-embedding"].state == "shipped"
    assert listed["pixit-ami"].state == "absent" and listed["pixit-ami"].gated
    assert {model.mend for model in listed.values() if model.state == "absent"} == {
        f"sepdiar models pull {name}" for name in PUBLIC
    }
    with pytest.raises(SepdiarError, match="SD251") as caught:
        weights.find("sepformer-whamr16k")
    assert caught.value.hint == "sepdiar models pull sepformer-whamr16k"
    with pytest.raises(SepdiarError, match="SD251"):
        weights.find("nonesuch")
    ran = run("list")
    assert ran.returncode == 0 and all(name in ran.stdout for name in listed)
    places = {line.split()[1]: line for line in ran.stdout.splitlines()}
    assert "hub, index" in places["whisper-base"] and "hub" not in places["campplus"] and "hub" not in places["silero-vad"]
    assert (listed["campplus"].places, listed["sepformer-whamr"].places) == (("index",), ("hub",))
    assert json.loads(run("list", "--json").stdout)[0].keys() >= {"name", "state", "licence", "mend"}


def test_without_a_word_the_help_is_shown(run):
    ran = run()
    assert (ran.returncode, ran.stdout) == (2, "") and ran.stderr.startswith("Usage: sepdiar models")
    assert "did you mean sepformer-whamr?" in run("pull", "sepformer-wamr").stderr


def test_verify_compares_what_is_here_and_only_that(home, run):
    rows = {row.name: row for row in sepdiar.models.verify()}
    assert rows["compact-embedding"].good and rows["silero-vad"].good is not False
    assert all(rows[name].good is None for name in PUBLIC)
    ran = run("verify", "sepformer-whamr16k")
    assert ran.returncode == 3 and "SD251" in ran.stderr and "sepdiar models pull sepformer-whamr16k" in ran.stderr


def test_a_changed_file_ends_verify_with_an_error(hub, home, publish, run):
    folder = sepdiar.models.pull(publish({"model.safetensors": b"weights"}))
    assert run("verify", "talk").returncode == 0
    (folder / "model.safetensors").write_bytes(b"changed")
    ran = run("verify")
    assert ran.returncode == 1 and "model.safetensors" in ran.stdout and "sepdiar models pull talk" in ran.stdout


@pytest.mark.parametrize(
    ("variables", "place"), [({"XDG_DATA_HOME": "/data"}, "/data/sepdiar/models"), ({"SEPDIAR_MODELS": "/m"}, "/m")]
)
def test_where_pulled_models_are(monkeypatch, variables, place):
    from sepdiar.models import shelf

    monkeypatch.delenv("SEPDIAR_MODELS", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(shelf.home()) == place
    monkeypatch.delenv(next(iter(variables)))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(shelf.home()) == "/home/somebody/.local/share/sepdiar/models"
