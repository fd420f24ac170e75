"""What stages cost together: the arithmetic against its definition, and a whole measurement of dialogues with known truth."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sepdiar import SepdiarError
from sepdiar.config import resolve
from sepdiar.conversation import Conversation, Recording, Span, Track, Turn
from sepdiar.corpora import Truth
from sepdiar.evaluation.compounding.cells import cells, roles
from sepdiar.evaluation.compounding.costs import alone, combined, costs, given_others, interaction, shapley, subsets
from sepdiar.evaluation.compounding.measure import prepared
from sepdiar.evaluation.compounding.truths import ready
from sepdiar.evaluation.summary import kinds
from sepdiar.metrics.sides import open_audio

ROLES = ("separation", "diarization", "recognition")


def game(seed: int = 0) -> dict[frozenset[str], float]:
    rng = np.random.default_rng(seed)
    return {part: float(rng.normal()) for part in subsets(ROLES)}


def test_the_share_of_a_stage_is_its_mean_over_all_orders() -> None:
    v = game()
    for role in ROLES:
        added = []
        for order in itertools.permutations(ROLES):
            before = frozenset(order[: order.index(role)])
            added.append(v[before | {role}] - v[before])
        assert shapley(v, role) == pytest.approx(np.mean(added))


def test_shares_add_up_to_the_whole_cost() -> None:
    v = game(1)
    assert sum(shapley(v, role) for role in ROLES) == pytest.approx(v[frozenset(ROLES)] - v[frozenset()])


def test_all_that_is_cost_together_is_the_sum_of_the_interactions() -> None:
    v = game(2)
    assert combined(v) == pytest.approx(sum(interaction(v, part) for part in subsets(ROLES) if len(part) > 1))
    found = costs(v, ROLES)
    assert found["total"] == pytest.approx(sum(alone(v, role) for role in ROLES) + found["combined"])
    assert found["interaction separation+diarization+recognition"] == pytest.approx(interaction(v, frozenset(ROLES)))


def test_where_nothing_compounds_all_three_costs_are_the_same() -> None:
    price = {"separation": 1.0, "diarization": 2.0, "recognition": 4.0}
    v = {part: sum(price[role] for role in part) for part in subsets(ROLES)}
    for role in ROLES:
        assert alone(v, role) == given_others(v, role) == pytest.approx(shapley(v, role)) == price[role]
    assert combined(v) == 0


def test_there_are_eight_cells_and_the_truth_is_in_all_roles_of_the_first(tmp_path: Path) -> None:
    made = list(cells(ROLES, tmp_path))
    assert len(made) == 8 and made[0].name == "oracle" and made[-1].settings == {}
    assert sorted(key for key in made[0].settings if key.endswith(".backend")) == [
        "diarize.backend",
        "separate.backend",
        "transcribe.backend",
    ]


def test_without_words_there_are_four_cells_and_with_one_stage_it_is_refused() -> None:
    assert roles(resolve("masking", flags={"transcribe.backend": "none"}, environ={})) == ("separation", "diarization")
    with pytest.raises(SepdiarError) as refused:
        roles(resolve("masking", flags={"transcribe.backend": "none", "diarize.backend": "oracle"}, environ={}))
    assert refused.value.code == "SD204"


def test_tracks_are_mixed_down_to_exactly_their_sum_even_where_it_would_clip(tmp_path: Path, encode) -> None:
    loud = (0.9 * np.sin(np.arange(4000) / 9)).astype(np.float32)
    soft = (0.3 * np.sin(np.arange(3000) / 9)).astype(np.float32)
    for name, samples in (("a.wav", loud), ("b.wav", soft)):
        encode(tmp_path / name, samples, 8000)
    tracks = (Track("ann", "a.wav", 0, Span(0, 4000)), Track("bob", "b.wav", 0, Span(500, 3500)))
    turns = (Turn("ann", Span(0, 2000)), Turn("bob", Span(1500, 3500)))
    made = ready(Truth(Conversation(Recording("a/b talk", "", "", 8000, 4000), turns, tracks), tmp_path), tmp_path / "out")
    assert made.name == "a_b_talk"
    whole = Span(0, 4000)
    mixture = open_audio(made.mixture).read(whole)[:, 0]
    sides = [open_audio(Path(track.file)).read(whole)[:, track.channel] for track in made.true.tracks]
    assert np.array_equal(mixture, sides[0] + sides[1])
    assert np.abs(mixture).max() < 1 and not sides[1][:500].any() and not sides[1][3500:].any()
    assert np.corrcoef(sides[0], loud)[0, 1] > 0.9999


def test_a_truth_without_turns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SepdiarError) as refused:
        ready(Truth(Conversation(Recording("talk", "", "", 8000, 4000)), tmp_path), tmp_path)
    assert refused.value.code == "SD602"


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    lost = Conversation(Recording("talk", "talk.flac", "", 8000, 4000), (Turn("ann", Span(0, 2000)),))
    with pytest.raises(SepdiarError) as refused:
        ready(Truth(lost, tmp_path), tmp_path)
    assert refused.value.code == "SD101" and "talk.flac" in refused.value.where


@pytest.fixture(scope="module")
def measured(podcasts: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """The first example talk and its truth, in all cells of the chain without a model."""
    pytest.importorskip("meeteval")
    import sepdiar

    place = tmp_path_factory.mktemp("compounding")
    corpus = place / "corpus"
    shutil.copytree(podcasts.parent / "truth" / "bread", corpus / "truth" / "bread")
    (corpus / "podcasts").mkdir()
    shutil.copy(podcasts / "bread.flac", corpus / "podcasts")
    settings = ["separate.backend=masking", "diarize.backend=mfcc"]
    return corpus, place / "out", sepdiar.eval.compounding(corpus, place / "out", recipe="masking", settings=settings)


def test_with_the_truth_in_every_role_nothing_is_wrong(measured: tuple[Path, Path, dict[str, Any]]) -> None:
    cell = {one["name"]: one["figures"] for one in measured[2]["cells"]}["oracle"]
    for key in ("der", "jer", "cpwer", "tcpwer", "orcwer", "wer_clean", "wer_overlap", "wrong_speaker", "transfer_distance"):
        assert cell[key]["value"] == 0, key
    for key in ("onsets", "offsets", "counted", "overlaps", "takeovers"):
        assert cell[key]["value"] in (100, None), key


def test_a_stage_that_fails_shows_where_it_is_the_systems_and_not_elsewhere(measured: tuple[Path, Path, dict[str, Any]]) -> None:
    cell = {one["name"]: one["figures"] for one in measured[2]["cells"]}
    assert cell["diarization"]["der"]["value"] > 0 == cell["separation"]["der"]["value"] == cell["recognition"]["der"]["value"]
    assert cell["recognition"]["cpwer"]["value"] > 5 and cell["separation"]["cpwer"]["value"] == 0
    assert cell["separation"]["si_sdr_overlap"]["value"] < cell["oracle"]["si_sdr_overlap"]["value"] - 10
    assert cell["system"]["cpwer"]["value"] >= cell["diarization"]["cpwer"]["value"]


def test_costs_fill_the_way_from_the_truth_to_the_system(measured: tuple[Path, Path, dict[str, Any]]) -> None:
    results = measured[2]
    cell = {one["name"]: one["figures"] for one in results["cells"]}
    for key in ("der", "cpwer", "si_sdr_overlap", "onsets"):
        sign = 1 if results["units"][key]["better"] == "less" else -1
        gap = sign * (cell["system"][key]["value"] - cell["oracle"][key]["value"])
        shares = sum(one["value"] for one in results["shares"][key].values())
        assert shares == pytest.approx(gap, abs=1e-3), key
        alone = sum(results["costs"][key][f"alone {role}"]["value"] for role in ROLES)
        assert alone + results["interaction"][key]["value"] == pytest.approx(gap, abs=1e-3), key


def test_what_is_written_is_what_is_answered_and_a_second_run_is_read_back(measured: tuple[Path, Path, dict[str, Any]]) -> None:
    import sepdiar

    corpus, out, results = measured
    written = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert written["cells"] == results["cells"] and "only together" in (out / "README.md").read_text(encoding="utf-8")
    assert kinds.told("results", written), "the page of all results knows what is written"
    kept = (out / "recordings" / "bread.json").stat().st_mtime_ns
    settings = ["separate.backend=masking", "diarize.backend=mfcc"]
    again = sepdiar.eval.compounding(corpus, out, recipe="masking", settings=settings)
    assert again["cells"] == results["cells"]
    assert (out / "recordings" / "bread.json").stat().st_mtime_ns == kept


def test_two_recordings_of_one_name_are_told_apart_by_their_folders(podcasts: Path, tmp_path: Path) -> None:
    for pair in ("ann-bob", "cat-dan"):
        shutil.copytree(podcasts.parent / "truth" / "bread", tmp_path / "corpus" / pair / "bread")
    shutil.copytree(podcasts, tmp_path / "corpus" / "podcasts")
    made = prepared(tmp_path / "corpus", None, tmp_path / "out", None)
    assert [one.name for one in made] == ["ann-bob-bread", "cat-dan-bread"]


def test_what_separation_gives_is_told_beside_none_of_it(podcasts: Path, tmp_path: Path) -> None:
    """With the true tracks for a separator nothing is lost where one speaks, and overlap is as good as if nobody else spoke."""
    import sepdiar

    corpus = tmp_path / "corpus"
    shutil.copytree(podcasts.parent / "truth" / "bread", corpus / "truth" / "bread")
    shutil.copytree(podcasts, corpus / "podcasts")
    settings = ["separate.backend=oracle", f"separate.oracle.tracks={corpus}", f"transcribe.oracle.words={corpus}"]
    made = sepdiar.eval.overlap(corpus, tmp_path / "out", recipe="masking", recognizer="oracle", settings=settings)
    chain = {one["name"]: one for one in made["chains"]}
    assert list(chain) == ["masking", "overlap alone", "every second"]
    assert chain["masking"]["figures"]["si_sdr_overlap"]["value"] == pytest.approx(0, abs=3)
    assert chain["overlap alone"]["gains"]["si_sdr_overlap"]["value"] > 20
    assert chain["overlap alone"]["gains"]["si_sdr_clean"]["value"] == 0
    assert "27.1" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8") and kinds.told("results", made)
    with pytest.raises(SepdiarError) as refused:
        sepdiar.eval.overlap(corpus, tmp_path / "out", turns="any")
    assert refused.value.code == "SD202"
