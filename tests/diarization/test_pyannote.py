"""pyannote's pipelines through the real path: tiny networks of its classes, saved as at their homes, against its own pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
import torch

import sepdiar
from sepdiar import registry
from sepdiar.audio.source import ArrayAudio, Samples
from sepdiar.conversation import Span
from sepdiar.diarization.pyannote import Pyannote
from sepdiar.errors import SepdiarError
from sepdiar.models import cards, pickles, shelf
from sepdiar.networks import pyannote, pyannote_pipeline
from sepdiar.store.disk import digest

COMMUNITY, OLDER = "pyannote-community-1", "pyannote-3.1"
PARTS = {"segmentation": "pyannote-segmentation-3.0", "embedding": "pyannote-wespeaker-voxceleb-resnet34-LM"}
SETTINGS = """
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: {clustering}
    segmentation: {segmentation}
    segmentation_batch_size: 32
    embedding: {embedding}
    embedding_batch_size: 32
    embedding_exclude_overlap: true
    {more}
params:
  clustering: {tuned}
  segmentation: {{min_duration_off: 0.0}}
"""
TUNED: dict[str, dict[str, Any]] = {
    COMMUNITY: {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8},
    OLDER: {"method": "centroid", "min_cluster_size": 2, "threshold": 0.05},
}
NAMED = {COMMUNITY: "VBxClustering", OLDER: "AgglomerativeClustering"}


@pytest.fixture(scope="session", autouse=True)
def packages() -> None:
    for needed in Pyannote.needs:
        if registry.missing_packages(type("One", (), {"needs": (needed,)})):
            pytest.skip(f"{needed} is not installed")
    pyannote.importable()


@pytest.fixture(scope="session")
def clip(podcasts: Path) -> Samples:
    """Seconds of an example in which two speak."""
    samples, rate = soundfile.read(podcasts / "bread.flac", frames=60 * 48_000, dtype="float32", always_2d=True)
    whole: Samples = soxr.resample(samples[:, 0], rate, 16_000)
    return whole[: 12 * 16_000 + 777]


@pytest.fixture(scope="session")
def published(packages: None, clip: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of community-1, the networks tiny; what they hear changes with the clip."""
    from pyannote.audio.models.embedding import WeSpeakerResNet34
    from pyannote.audio.models.segmentation import PyanNet

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("home")
    hearing = PyanNet(lstm={"hidden_size": 16, "num_layers": 2}, linear={"hidden_size": 16, "num_layers": 1})
    hearing.specifications = pyannote.task("MONO_LABEL_CLASSIFICATION", 3, 10.0, 2)
    hearing.build()
    with torch.no_grad():
        scores = hearing.eval()(torch.from_numpy(clip[None, None, :160_000]))
        gain = 6 / scores.std(dim=1).mean()
        hearing.classifier.weight *= gain
        hearing.classifier.bias.copy_(gain * (hearing.classifier.bias - scores.median(dim=1).values[0]))
    save(hearing, folder / "segmentation", hyper_parameters=dict(hearing.hparams), optimizer_states=[])
    voice = WeSpeakerResNet34(num_mel_bins=8).eval()
    voice.specifications = pyannote.task("REPRESENTATION", 1, 5.0)
    with torch.no_grad():
        mean = voice(torch.from_numpy(clip[None, None, :80_000]))[0]
        voice.resnet.seg_1.bias -= 0.99 * mean
    save(voice, folder / "embedding", hyper_parameters=dict(voice.hparams))
    rng = np.random.default_rng(4)
    (folder / "plda").mkdir()
    arrays = {"mean1": rng.normal(0, 1e-3, 256), "mean2": rng.normal(0, 0.1, 128), "lda": rng.normal(0, 1, (256, 128))}
    np.savez(folder / "plda" / "xvec_transform.npz", **arrays)
    arrays = {"mu": rng.normal(0, 0.1, 128), "tr": rng.normal(0, 1, (128, 128)), "psi": rng.uniform(0.1, 9, 128)}
    np.savez(folder / "plda" / "plda.npz", **arrays)
    named = {name: f"$model/{name}" for name in ("segmentation", "embedding")}
    text = SETTINGS.format(clustering=NAMED[COMMUNITY], tuned=TUNED[COMMUNITY], more="plda: $model/plda", **named)
    (folder / "config.yaml").write_text(text)
    return folder


def save(network: Any, folder: Path, **more: Any) -> None:
    folder.mkdir()
    checkpoint: dict[str, Any] = {"state_dict": network.state_dict(), "pytorch-lightning_version": "2.1.1", **more}
    network.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, folder / pyannote.CHECKPOINT)


@pytest.fixture
def pulled(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Leave behind what `sepdiar models pull` does, by what the cards say."""
    home = tmp_path / "home"
    monkeypatch.setenv("SEPDIAR_MODELS", str(home))

    def keep(name: str, folder: Path) -> None:
        public = cards.card(name).public
        lock = shelf.Pulled(home / name, public.repository, public.revision)
        for source in public.files:
            kept, original = lock.folder / source.kept, folder / source.path
            kept.parent.mkdir(parents=True, exist_ok=True)
            if source.pickled:
                pickles.convert(original, kept, source.tensors, public.ignore)
            else:
                kept.write_bytes(original.read_bytes())
            lock = lock.add(shelf.Kept(source.path, source.sha256 or digest(original), source.kept, digest(kept)))

    def pull(name: str) -> None:
        keep(name, published if name == COMMUNITY else older(tmp_path / "older"))
        if name == OLDER:
            for part, card in PARTS.items():
                keep(card, published / part)

    return pull


def older(folder: Path) -> Path:
    folder.mkdir()
    named = {part: cards.card(card).public.repository for part, card in PARTS.items()}
    text = SETTINGS.format(clustering=NAMED[OLDER], tuned=TUNED[OLDER], more="", **named)
    (folder / "config.yaml").write_text(text)
    return folder


def theirs(folder: Path, name: str) -> Callable[..., list[tuple[str, Span]]]:
    """The package's own pipeline of the same files; it wants a PLDA even where it makes no use of it."""
    from pyannote.audio.pipelines import SpeakerDiarization

    files = {part: str(folder / part / pyannote.CHECKPOINT) for part in ("segmentation", "embedding")}
    plda = {"checkpoint": str(folder / "plda")}
    made = SpeakerDiarization(
        **files,
        plda=plda,
        clustering=NAMED[name],
        embedding_exclude_overlap=True,
        embedding_batch_size=4,
        segmentation_batch_size=4,
    )
    made.instantiate({"clustering": TUNED[name], "segmentation": {"min_duration_off": 0.0}})

    def turns(samples: Samples, **speakers: int) -> list[tuple[str, Span]]:
        found = made({"waveform": torch.from_numpy(samples)[None], "sample_rate": 16_000}, **speakers).speaker_diarization
        spans = (
            (who, Span(round(part.start * 16_000), round(part.end * 16_000)))
            for part, _, who in found.itertracks(yield_label=True)
        )
        return in_order((who, span & Span(0, len(samples))) for who, span in spans)

    return turns


class InWindows(ArrayAudio):
    """A recording that is never read whole."""

    def read(self, span: Span) -> Samples:
        assert len(span) <= 160_000
        return super().read(span)


def in_order(turns: Any) -> list[tuple[str, Span]]:
    """With speakers by the order in which they first speak."""
    names: dict[str, str] = {}
    ordered = sorted((span, who) for who, span in turns if span)
    return [(names.setdefault(who, f"S{len(names) + 1}"), span) for span, who in ordered]


@pytest.mark.parametrize(
    ("name", "speakers", "bounds", "asked"),
    [
        (COMMUNITY, None, {}, {}),
        (COMMUNITY, 2, {}, {"num_speakers": 2}),
        (OLDER, None, {"least": 2, "most": 3}, {"min_speakers": 2, "max_speakers": 3}),
    ],
)
def test_the_turns_are_those_of_the_package(name, speakers, bounds, asked, clip, published, pulled):
    pulled(name)
    ours = Pyannote(name, **bounds)
    assert ours.model == name and len(ours.model_sha256.split()) == (4 if name == COMMUNITY else 3)
    found = in_order((turn.speaker, turn.span) for turn in ours.diarize(InWindows(clip, 16_000), speakers))
    assert found == theirs(published, name)(clip, **asked)
    assert len(found) > 10 and len({who for who, _ in found}) > 1


def test_a_folder_does_as_well_and_silence_has_no_turns(clip, published, tmp_path):
    soundfile.write(tmp_path / "talk.wav", clip[:80_000], 16_000, "FLOAT")
    settings = [f"diarize.pyannote.path={published}", "diarize.pyannote.pause=0.5"]
    found = sepdiar.diarize(tmp_path / "talk.wav", diarizer="pyannote", settings=settings)
    ours = Pyannote(path=str(published), pause=0.5)
    turns = ours.diarize(ArrayAudio(clip[:80_000], 16_000))
    assert [turn.span for turn in found.turns] == sorted(turn.span for turn in turns) and turns
    assert found.provenance[-1].model == published.name
    ours._pipeline.hearing.classifier.bias.data[0] += 1e6
    assert ours.diarize(ArrayAudio(clip[:80_000], 16_000)) == [] == ours.diarize(ArrayAudio(clip[:0], 16_000))


def test_a_network_of_voices_is_saved_without_its_arguments(tmp_path):
    from pyannote.audio.models.embedding import WeSpeakerResNet34

    made = WeSpeakerResNet34()
    made.specifications = pyannote.task("REPRESENTATION", 1, 5.0)
    save(made, tmp_path / "embedding")
    found = pyannote_pipeline.embedder(tmp_path / "embedding" / pyannote.CHECKPOINT)
    assert all(torch.equal(value, made.state_dict()[name]) for name, value in found.state_dict().items())


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("VBxClustering", "KMeansClustering", "KMeansClustering is not known here"),
        (", 'Fb': 0.8", "", "VBxClustering lacks parameters"),
        ("$model/segmentation", "somebody/else", "somebody/else, which no card knows"),
        ("$model/segmentation", "pyannote/segmentation-3.0", "pyannote-segmentation-3.0 was not pulled"),
        ("$model/segmentation", "$model/embedding", "no PyanNet can be made of it"),
        ("$model/plda", "$model/nowhere", "no xvec_transform.npz"),
        ("clustering:", "other:", "no pipeline can be made of it: KeyError"),
    ],
)
def test_what_does_not_fit_is_refused(was, now, said, published, tmp_path, monkeypatch):
    monkeypatch.setenv("SEPDIAR_MODELS", str(tmp_path / "none"))
    for part in ("segmentation", "embedding", "plda"):
        (tmp_path / part).symlink_to(published / part)
    (tmp_path / "config.yaml").write_text((published / "config.yaml").read_text().replace(was, now, 1))
    with pytest.raises(SepdiarError, match="SD251") as refused:
        Pyannote(path=str(tmp_path))
    assert said in refused.value.what


@pytest.mark.parametrize("wrong", [{"least": 3, "most": 2}, {"most": 101}, {"step": 6.0}])
def test_a_parameter_out_of_bounds_is_refused(wrong):
    with pytest.raises(SepdiarError, match="SD202"):
        Pyannote(**wrong)


def test_of_very_many_voices_some_are_clustered_evenly_spread(monkeypatch):
    monkeypatch.setattr(pyannote_pipeline, "MOST", 4)

    class Clustering:
        def filter_embeddings(self, voices: Any) -> tuple[Any, Any, Any]:
            return voices, np.arange(len(voices)), np.zeros(len(voices))

    made = Clustering()
    pyannote_pipeline._thin(made)
    assert [part.tolist() for part in made.filter_embeddings(np.arange(10))][:2] == [[0, 2, 5, 7]] * 2
    assert len(made.filter_embeddings(np.arange(4))[0]) == 4
