"""Dialogues of real speech, in measured rooms and with recorded noise, where the folder with them is there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sepdiar.conversation import Conversation
from sepdiar.simulation import simulate


@pytest.mark.parametrize("overlap", [0.1, 0.2, 0.4])
def test_the_overlap_asked_for_is_reached(shared: Path, tmp_path: Path, overlap: float) -> None:
    made = simulate(shared / "speech" / "manifest.tsv", tmp_path, dialogues=3, overlap=overlap, split="dev", seed=4)
    for row in made["dialogues"]:
        assert row["overlap_seconds"] / row["speech_seconds"] == pytest.approx(overlap, abs=0.03)


def test_text_without_times_is_told_in_order(shared: Path, tmp_path: Path) -> None:
    told = {
        row[1]: row
        for row in (line.split("\t") for line in (shared / "speech" / "manifest.tsv").read_text().splitlines())
        if row[3] == "dev" and row[8]
    }
    row = simulate(shared / "speech" / "manifest.tsv", tmp_path, speakers=sorted(told)[:2], overlap=0.0)["dialogues"][0]
    assert row["words_with_estimated_times"] == row["words"] > 50
    assert row["parts_without_known_words"] <= 1  # without backchannels nothing is cut, but to end in time


def test_a_room_and_noise(shared: Path, tmp_path: Path) -> None:
    where = {"rooms": shared / "rooms", "noise": shared / "noise", "snr": (10.0, 20.0)}
    row = simulate(shared / "speech" / "manifest.tsv", tmp_path, split="dev", seconds=30, **where)["dialogues"][0]
    line = json.loads((tmp_path / "manifest.jsonl").read_text())
    truth = Conversation.from_json((tmp_path / line["conversation"]).read_text())
    mixture, _ = soundfile.read(tmp_path / line["mixture"])
    channels, _ = soundfile.read(tmp_path / line["channels"])
    assert row["room"] and row["noise"] and 10 <= row["snr"] <= 20
    assert np.abs(mixture - channels.sum(axis=1)).max() > 1e-3
    for track in truth.tracks:
        inside = np.zeros(len(mixture), bool)
        for turn in truth.turns:
            if turn.speaker == track.speaker:
                inside[turn.span.start : turn.span.end] = True
        power = channels[:, track.channel] ** 2
        assert power[inside].mean() > 10 * power[~inside].mean()
