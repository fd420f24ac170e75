"""Pulling, with the real client of the hub: what can go wrong on the way, and that nothing comes of it but the right bytes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import sepdiar
from sepdiar.errors import SepdiarError
from sepdiar.events import Event
from sepdiar.models import cards, shelf
from sepdiar.networks import weights
from sepdiar.store.lock import Lock

WEIGHTS = random.Random(1).randbytes(300_000)
FILES = {"model.safetensors": WEIGHTS, "nested/config.json": b"{}"}
CHUNK = 10_000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def refused(name: str, code: str) -> SepdiarError:
    with pytest.raises(SepdiarError) as caught:
        sepdiar.models.pull(name)
    assert caught.value.code == code, caught.value
    return caught.value


def nothing_kept(home: Path) -> bool:
    return not (home / "talk").exists()


@pytest.fixture
def small_chunks(monkeypatch):
    """The client hands on 10 kB at a time instead of 10 MB."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", CHUNK)


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_what_is_pulled_is_what_was_published_and_stays_usable_without_a_network(hub, home, publish, monkeypatch, large, known):
    hub.large = large
    told: list[Event] = []
    folder = sepdiar.models.pull(publish(FILES, known), listen=told.append)
    assert folder == home / "talk"
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    lock = json.loads((folder / "lock.json").read_text())
    assert (lock["repository"], lock["revision"]) == ("somebody/talk", "a" * 40)
    assert {file["path"]: file["sha256"] for file in lock["files"]} == {path: sha256(data) for path, data in FILES.items()}
    assert told[-1].facts == {"file": "nested/config.json", "bytes": 2, "of": 2}
    assert sorted(path.name for path in home.iterdir()) == [".talk.lock", "talk"]

    asked = len(hub.requests)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert sepdiar.models.pull("talk") == folder and len(hub.requests) == asked
    assert [row.good for row in sepdiar.models.verify("talk")] == [True]
    found = weights.find("talk")
    assert found.folder == folder and found.card["rate"] == 8000
    lines = sorted(f"{sha256(data)}  {path}\n" for path, data in FILES.items())
    assert found.sha256 == sha256("".join(lines).encode())


def test_a_cut_line_is_taken_up_where_it_broke(hub, home, publish, small_chunks):
    hub.cuts = 2
    folder = sepdiar.models.pull(publish(FILES, True))
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.ranges("cdn/model.safetensors") == ["", "bytes=200000-", "bytes=260000-"]


@pytest.mark.parametrize("ignores_range", [False, True])
def test_a_later_pull_goes_on_where_an_earlier_one_was_killed(hub, home, publish, small_chunks, ignores_range):
    name = publish(FILES, True)

    class Killed(BaseException):
        pass

    def kill(event: Event) -> None:
        if event.facts["bytes"] >= 100_000:
            raise Killed

    with pytest.raises(Killed):
        sepdiar.models.pull(name, listen=kill)
    assert nothing_kept(home)
    hub.ignores_range = ignores_range
    folder = sepdiar.models.pull(name)
    assert "bytes=100000-" in hub.ranges("model.safetensors")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_files_that_an_earlier_pull_finished_are_not_fetched_again(hub, home, publish):
    name = publish(FILES, True)
    del hub.files["nested/config.json"]
    refused(name, "SD262")
    hub.files.update(FILES)
    sepdiar.models.pull(name)
    assert len([path for method, path, _ in hub.requests if method == "GET" and "cdn/model" in path]) == 1


def test_other_bytes_than_those_of_the_card_are_not_even_fetched(hub, home, publish):
    error = refused(publish(FILES, {"model.safetensors": "0" * 64}), "SD263")
    assert sha256(WEIGHTS) in error.what and "0" * 64 in error.what and nothing_kept(home)
    assert hub.ranges("model.safetensors") == []


@pytest.mark.parametrize(("large", "known"), [(True, False), (True, True), (False, True)])
def test_bytes_that_changed_on_the_way_are_thrown_away(hub, home, publish, large, known):
    hub.large, hub.lies = large, True
    error = refused(publish(FILES, known), "SD263")
    assert error.hint == "sepdiar models pull talk" and nothing_kept(home)
    hub.lies = False
    assert (sepdiar.models.pull("talk") / "model.safetensors").read_bytes() == WEIGHTS


def test_a_hash_that_nobody_told_is_recorded_once_and_holds_ever_after(hub, home, publish):
    name = publish(FILES)
    folder = sepdiar.models.pull(name)
    (folder / "model.safetensors").write_bytes(b"changed")
    assert [(row.good, row.mend) for row in sepdiar.models.verify(name)] == [(False, "sepdiar models pull talk")]
    hub.files["model.safetensors"] = b"others"
    refused(name, "SD263")
    hub.files["model.safetensors"] = WEIGHTS
    sepdiar.models.pull(name)
    assert [row.good for row in sepdiar.models.verify(name)] == [True]


def test_of_a_branch_the_commit_of_the_first_pull_is_kept(hub, home, publish):
    name = publish(FILES, revision="main")
    folder = sepdiar.models.pull(name)
    hub.commit = "b" * 40
    (folder / "nested/config.json").unlink()
    hub.requests.clear()
    sepdiar.models.pull(name)
    assert shelf.read(folder).revision == "a" * 40
    assert not any("main" in path or "b" * 40 in path for _, path, _ in hub.requests)


def test_a_newer_card_asks_for_newer_weights(hub, home, publish):
    name = publish(FILES)
    sepdiar.models.pull(name)
    hub.commit = "b" * 40
    publish(FILES | {"model.safetensors": b"newer"}, revision="b" * 40)
    with pytest.raises(SepdiarError, match="SD251"):
        weights.find(name)
    assert (sepdiar.models.pull(name) / "model.safetensors").read_bytes() == b"newer"


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "no token says who you are"),
        ("hf_wrongsecret", "the token is not accepted: it is wrong or has expired"),
        ("hf_strangersecret", "its owner has not accepted the conditions, or it may not read gated models"),
    ],
)
def test_a_gated_model_says_where_to_accept_and_how_to_say_who_one_is(run, hub, home, publish, token, said):
    publish(FILES, gated=True)
    ran = run("pull", "talk", **({"HF_TOKEN": token} if token else {}))
    assert ran.returncode == 3 and ran.stderr.startswith("SD261"), ran.stderr
    assert "https://huggingface.co/somebody/talk" in ran.stderr and "hf auth login (or export HF_TOKEN)" in ran.stderr
    assert said in ran.stderr and "https://huggingface.co/settings/tokens" in ran.stderr
    assert "sepdiar models pull talk" in ran.stderr and "secret" not in ran.stderr and nothing_kept(home)


def test_the_parts_of_a_model_are_pulled_before_it(hub, home, publish):
    publish({"voice.json": b"{}"}, name="voice")
    card = cards.home(publish({"talk.json": b"{}"})) / "card.toml"
    card.write_text('parts = ["voice"]\n' + card.read_text())
    del hub.files["voice.json"]
    refused("talk", "SD262")
    assert nothing_kept(home)
    hub.files["voice.json"] = b"{}"
    assert sepdiar.models.pull("talk") == home / "talk" and (home / "voice" / "voice.json").is_file()


@pytest.mark.parametrize("stored", [True, False])
def test_the_token_opens_a_gated_model_and_is_written_nowhere(run, hub, home, publish, tmp_path, stored):
    publish(FILES, gated=True)
    if stored:
        (tmp_path / "hf").mkdir()
        (tmp_path / "hf" / "token").write_text(hub.token)
    ran = run("pull", "talk", **({} if stored else {"HF_TOKEN": hub.token}), HF_HUB_VERBOSITY="debug")
    assert (ran.returncode, ran.stdout) == (0, f"{home / 'talk'}\n"), ran.stderr
    assert hub.token not in ran.stdout + ran.stderr
    told = {path.split("/")[1] for _, path, headers in hub.requests if "authorization" in headers}
    assert told == {"somebody"}  # and not to the host that the hub redirects to
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert kept and not any(hub.token.encode() in path.read_bytes() for path in kept)


def test_nothing_is_told_about_this_machine(run, hub, home, publish):
    publish(FILES)
    assert run("pull", "talk").returncode == 0
    agents = {headers["user-agent"] for _, _, headers in hub.requests}
    assert agents and not any("torch/" in agent or "agent/" in agent for agent in agents)


def test_no_network_is_one_line_and_what_was_fetched_is_kept(hub, home, publish, monkeypatch):
    name = publish(FILES)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    error = refused(name, "SD260")
    assert error.where == "http://127.0.0.1:9" and "ConnectError" in error.what and error.exit == 3


def test_a_hub_that_is_down_and_one_that_is_none(hub, home, publish):
    name = publish(FILES)
    hub.down = 503
    assert "503" in refused(name, "SD260").what
    hub.down, hub.commit = 0, ""
    publish(FILES, revision="main")
    refused(name, "SD260")


def test_offline_by_wish_is_respected(run, hub, home, publish):
    publish(FILES)
    ran = run("pull", "talk", HF_HUB_OFFLINE="1")
    assert ran.returncode == 3 and "HF_HUB_OFFLINE" in ran.stderr and hub.requests == []


@pytest.mark.parametrize(("change", "said"), [("revision", "no such commit"), ("file", "no such file")])
def test_what_the_hub_does_not_have(hub, home, publish, change, said):
    name = publish(FILES, revision="c" * 40 if change == "revision" else "a" * 40)
    if change == "file":
        del hub.files["nested/config.json"]
    assert said in refused(name, "SD262").what and nothing_kept(home)


def test_without_the_client_the_command_that_installs_it_is_named(run, hub, home, publish, tmp_path):
    publish(FILES)
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "huggingface_hub.py").write_text("raise ImportError('not here')")
    ran = run("pull", "talk", PYTHONPATH=os.pathsep.join((str(blocked), os.environ["PYTHONPATH"])))
    assert ran.returncode == 3 and "SD250" in ran.stderr and "pip install 'sepdiar[hub]'" in ran.stderr


def test_a_name_that_nobody_knows(home):
    error = refused("nonesuch", "SD201")
    assert error.hint == "sepdiar models list" and "silero-vad" in error.what


def test_what_comes_with_sepdiar_needs_no_pulling(home, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert (sepdiar.models.pull("silero-vad") / "card.toml").is_file() and not home.exists()


def test_what_cannot_fit_is_refused_before_it_is_fetched(hub, home, publish, monkeypatch):
    name = publish(FILES)
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    assert "0.3 MB, 0.0 MB are free" in refused(name, "SD301").what
    assert hub.ranges("model.safetensors") == []


def test_a_disk_that_fills_meanwhile_and_is_emptied(hub, home, publish, tmp_path):
    publish(FILES)
    line = [sys.executable, "-m", "sepdiar", "models", "pull", "talk"]
    limit = (100_000, resource.RLIM_INFINITY)
    full = subprocess.run(
        line, capture_output=True, text=True, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    assert full.returncode == 74 and full.stderr.splitlines()[-2].startswith("SD301 no space left"), full.stderr
    assert str(home / "talk") in full.stderr and nothing_kept(home)
    assert (sepdiar.models.pull("talk") / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(hub, home, publish):
    home.mkdir(mode=0o500)
    assert "SEPDIAR_MODELS=" in refused(publish(FILES), "SD305").hint


def test_a_file_in_the_place_of_the_folder(hub, home, publish):
    home.write_text("a file")
    assert "SEPDIAR_MODELS=" in refused(publish(FILES), "SD305").hint


def test_two_at_once(hub, home, publish):
    name = publish(FILES)
    home.mkdir()
    with Lock(home / ".talk.lock"):
        assert f"process {os.getpid()}" in refused(name, "SD265").what
    sepdiar.models.pull(name)


def test_a_card_that_leads_outside_is_refused(hub, home, publish):
    assert "leads outside" in refused(publish({"../escaped.json": b"{}"}), "SD203").what


def test_a_file_that_its_card_calls_inert_is_kept_as_it_was_published(hub, home, publish):
    files = {"model.bin": WEIGHTS, "config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.txt": b"a\nb\n"}
    card = cards.home(publish(files)) / "card.toml"
    card.write_text(card.read_text().replace('path = "model.bin"\n', 'path = "model.bin"\ninert = true\n'))
    folder = sepdiar.models.pull("talk")
    assert {path: (folder / path).read_bytes() for path in files} == files
    assert [row.good for row in sepdiar.models.verify("talk")] == [True]
    (folder / "vocabulary.txt").write_bytes(b"a\nc\n")
    assert [row.good for row in sepdiar.models.verify("talk")] == [False]
