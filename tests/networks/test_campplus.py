"""CAM++: the published weights fit, a stretch's vector is its own, and voices are told apart where the weights are here."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from sepdiar.errors import SepdiarError
from sepdiar.models import cards, shelf
from sepdiar.networks.campplus import DIM, FILE, SHORTEST, CampPlus, Masked, Voices

# of the lines "name shape" of the published file's 937 tensors
PUBLISHED = "0c595e8c70388bb7686c9e775f29752cccd35c571ac9ce840e2895ca8df4b48f"


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Voices:
    """With random weights, through the real loader."""
    torch.manual_seed(0)
    network = CampPlus()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2)
    file = tmp_path_factory.mktemp("campplus") / FILE
    torch.save(network.state_dict(), file)
    return Voices(path=str(file))


def noise(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [(0.05 * rng.standard_normal(length)).astype(np.float32) for length in lengths]


def test_its_parts_have_the_names_and_shapes_of_the_published_weights():
    state = CampPlus().state_dict()
    lines = "".join(f"{name} {tuple(value.shape)}\n" for name, value in sorted(state.items()))
    assert len(state) == 937 and hashlib.sha256(lines.encode()).hexdigest() == PUBLISHED


def test_a_stretch_has_a_vector_of_its_own_whatever_it_is_heard_with(voices):
    stretches = noise(24_000, 8000, 24_000, 8001, SHORTEST // 2, *[24_000] * 9)
    vectors = voices(stretches)
    assert vectors.shape == (14, DIM) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.concatenate([voices([stretch]) for stretch in stretches])
    assert np.abs(alone - vectors).max() < 1e-5 and np.abs(vectors[0] - vectors[2]).max() > 1e-4
    assert (voices(stretches) == vectors).all() and voices([]).shape == (0, DIM)


def test_level_does_not_count(voices):
    (stretch,) = noise(16_000)
    assert np.abs(voices([stretch]) - voices([8 * stretch])).max() < 1e-3


def test_a_frame_is_weighed_by_its_segment_and_by_the_whole():
    torch.manual_seed(0)
    layer, flow = Masked(2).eval(), torch.randn(2, 128, 250)
    with torch.inference_mode():
        made, local = layer(flow), layer.linear_local(flow)
        for start, end in ((0, 100), (100, 200), (200, 250)):
            context = flow.mean(2, keepdim=True) + flow[:, :, start:end].mean(2, keepdim=True)
            mask = torch.sigmoid(layer.linear2(torch.relu(layer.linear1(context))))
            assert torch.allclose(made[:, :, start:end], local[:, :, start:end] * mask, atol=1e-5)


def test_weights_of_another_network_are_refused(tmp_path, monkeypatch):
    torch.save({"head.conv1.weight": torch.zeros(1)}, tmp_path / FILE)
    with pytest.raises(SepdiarError, match=r"SD251.*no weights of CAM\+\+"):
        Voices(path=str(tmp_path))
    monkeypatch.setenv("SEPDIAR_MODELS", str(tmp_path / "nothing"))
    with pytest.raises(SepdiarError, match="SD251") as caught:
        Voices()
    assert caught.value.hint == "sepdiar models pull campplus"


@pytest.mark.skipif(shelf.pulled(cards.card("campplus")) is None, reason="needs the weights: sepdiar models pull campplus")
def test_the_published_weights_tell_the_two_voices_of_a_podcast_apart(podcasts):
    import soundfile
    import soxr

    from sepdiar.conversation import Conversation

    folder = podcasts.parent / "truth" / "lighthouse"
    truth = Conversation.from_json((folder / "conversation.json").read_text())
    channels, rate = soundfile.read(folder / "channels.flac", dtype="float32")
    side = {track.speaker: track.channel for track in truth.tracks}
    stretches, who = [], []
    for turn in truth.turns:
        heard = soxr.resample(channels[turn.span.start : turn.span.end, side[turn.speaker]], rate, Voices.rate)
        for start in range(0, len(heard) - Voices.rate, Voices.rate):
            stretches.append(heard[start : start + Voices.rate])
            who.append(turn.speaker)
    vectors = Voices()(stretches)
    same = np.equal.outer(who, who)
    likeness = vectors @ vectors.T
    assert len(stretches) > 15 and np.mean(likeness[same]) > np.mean(likeness[~same]) + 0.2
    centres = np.stack([vectors[np.equal(who, name)].mean(0) for name in sorted(set(who))])
    assert np.mean((vectors @ centres.T).argmax(1) == [sorted(set(who)).index(name) for name in who]) > 0.95
