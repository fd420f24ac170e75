"""Networks of NeMo's own classes, random and so small that they are made on the spot, in the archives that its home has."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sepdiar import registry
from sepdiar.asr.nemo import NemoRecognizer
from sepdiar.models import archives, cards, shelf
from sepdiar.store.disk import digest

ASR = "nemo.collections.asr"
WIDE, NARROW, BANDS = 16, 12, 16
FEATURES = {
    "_target_": f"{ASR}.modules.AudioToMelSpectrogramPreprocessor",
    "sample_rate": 16_000,
    "window_size": 0.025,
    "window_stride": 0.01,
    "window": "hann",
    "features": BANDS,
    "n_fft": 512,
    "normalize": "per_feature",
    "dither": 1e-5,
}
ENCODER = {
    "_target_": f"{ASR}.modules.ConformerEncoder",
    "feat_in": BANDS,
    "feat_out": -1,
    "n_layers": 1,
    "d_model": WIDE,
    "subsampling": "dw_striding",
    "subsampling_factor": 8,
    "subsampling_conv_channels": 8,
    "ff_expansion_factor": 2,
    "self_attention_model": "rel_pos",
    "n_heads": 2,
    "conv_kernel_size": 5,
}
TRANSFORMER = {"num_layers": 1, "num_attention_heads": 2, "hidden_act": "relu", "pre_ln": True}
SPECIAL = ["<|startofcontext|>", "<|startoftranscript|>", "<|endoftext|>", "<pad>", "<|nospeech|>", "<|emo:undefined|>"]
SPECIAL += [f"<|{no}{what}|>" for what in ("pnc", "itn", "timestamp", "diarize") for no in ("", "no")] + ["<|en|>", "<|de|>"]
SPECIAL += [f"<|{frame}|>" for frame in range(100)]
DURATIONS = [0, 1, 2, 3, 4]
Build = Callable[..., Any]


@pytest.fixture(scope="session", autouse=True)
def package() -> None:
    """Without NeMo there is nothing to test here."""
    for needed in NemoRecognizer.needs:
        if registry.missing_packages(type("One", (), {"needs": (needed,)})):
            pytest.skip(f"{needed} is not installed: needs the extra nemo")
    from sepdiar.networks import nemo

    nemo.importable()


@pytest.fixture(scope="session")
def clip() -> NDArray[np.float32]:
    """Half a minute of one of the voices of an example."""
    file = Path(__file__).resolve().parents[2] / "examples" / "truth" / "bread" / "channels.flac"
    samples, rate = soundfile.read(file, 30 * 16_000, dtype="float32")
    assert rate == 16_000
    return np.ascontiguousarray(samples.sum(1))


@pytest.fixture(scope="session")
def made() -> Build:
    """A network of a class of NeMo's by what its settings say, with the seed 0."""

    def make(kind: str, settings: dict[str, Any]) -> Any:
        import torch
        from nemo.collections.asr import models
        from omegaconf import OmegaConf

        torch.manual_seed(0)
        found = getattr(models, kind)
        settings = settings | {"sample_rate": 16_000, "target": f"{found.__module__}.{kind}"}
        return found(OmegaConf.create(settings)).eval()

    return make


@pytest.fixture(scope="session")
def sortformer(made: Build) -> Build:
    """A Sortformer, for streams or not, whose mind changes with what it hears."""

    def make(streaming: bool, heard: NDArray[np.float32]) -> Any:
        import torch

        modules = {"num_spks": 4, "dropout_rate": 0.0, "fc_d_model": WIDE, "tf_d_model": NARROW, "spkcache_len": 20}
        transformer = f"{ASR}.modules.transformer.transformer_encoders.TransformerEncoder"
        network = made(
            "SortformerEncLabelModel",
            {
                "max_num_of_spks": 4,
                "streaming_mode": streaming,
                "model_defaults": {"fc_d_model": WIDE, "tf_d_model": NARROW},
                "preprocessor": FEATURES | ({"normalize": "NA"} if streaming else {}),
                "encoder": ENCODER,
                "transformer_encoder": TRANSFORMER | {"_target_": transformer, "hidden_size": NARROW, "inner_size": 24},
                "sortformer_modules": modules | {"_target_": f"{ASR}.modules.sortformer_modules.SortformerModules"},
                "loss": {"_target_": f"{ASR}.losses.bce_loss.BCELoss"},
            },
        )
        last = network.sortformer_modules.single_hidden_to_spks
        with torch.no_grad():
            scores = torch.logit(whole(network, heard))
            gain = 4 / scores.std(0).mean()
            last.weight *= gain
            last.bias.copy_(gain * (last.bias - scores.median(0).values))
        return network

    return make


def whole(network: Any, heard: NDArray[np.float32]) -> Any:
    """What the package's own call says of a recording, (frames, speakers)."""
    import torch

    with torch.inference_mode():
        return network(torch.from_numpy(heard)[None], torch.tensor([len(heard)]))[0].clone()


@pytest.fixture(scope="session", name="whole")
def _whole() -> Build:
    return whole


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A folder with pieces of words, as sentencepiece keeps them, and special ones."""

    def make(*special: str) -> Path:
        import sentencepiece

        folder, draw = tmp_path_factory.mktemp("vocabulary"), random.Random(0)
        lines = [" ".join("".join(draw.choices("aehinorst", k=draw.randint(2, 7))) for _ in range(8)) for _ in range(300)]
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_prefix=str(folder / "tokenizer"),
            vocab_size=64 + len(special),
            model_type="bpe",
            user_defined_symbols=list(special),
            add_dummy_prefix=not special,
            bos_id=-1,
            eos_id=-1,
            num_threads=1,
            minloglevel=2,
        )
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        (folder / "vocab.txt").write_text("\n".join(pieces.id_to_piece(number) for number in range(pieces.vocab_size())))
        return folder

    return make


@pytest.fixture(scope="session")
def parakeet(made: Build, vocabulary: Build, clip: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a token-and-duration transducer, whose mind changes with what it hears."""
    import torch

    network = made(
        "EncDecRNNTBPEModel",
        {
            "model_defaults": {"enc_hidden": WIDE, "pred_hidden": NARROW, "joint_hidden": NARROW},
            "preprocessor": FEATURES,
            "encoder": ENCODER,
            "tokenizer": {"dir": str(vocabulary()), "type": "bpe"},
            "decoder": {
                "_target_": f"{ASR}.modules.RNNTDecoder",
                "prednet": {"pred_hidden": NARROW, "pred_rnn_layers": 1, "dropout": 0.0},
            },
            "joint": {
                "_target_": f"{ASR}.modules.RNNTJoint",
                "num_extra_outputs": len(DURATIONS),
                "jointnet": {"joint_hidden": NARROW, "activation": "relu", "dropout": 0.0},
            },
            "decoding": {"strategy": "greedy_batch", "model_type": "tdt", "durations": DURATIONS, "greedy": {"max_symbols": 5}},
            "loss": {"loss_name": "tdt", "tdt_kwargs": {"durations": DURATIONS}},
        },
    )
    with torch.no_grad():
        encoded, _ = network(input_signal=torch.from_numpy(clip)[None], input_signal_length=torch.tensor([len(clip)]))
        heard = network.joint.enc(encoded[0].T)
        gain = 3 / heard.std(0).mean()
        network.joint.enc.weight *= gain
        network.joint.enc.bias.copy_(gain * (network.joint.enc.bias - heard.mean(0)))
        network.joint.joint_net[-1].weight *= 6
    return saved(network, tmp_path_factory.mktemp("parakeet") / "parakeet-random.nemo")


@pytest.fixture(scope="session")
def canary(made: Build, vocabulary: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with an encoder and a decoder that writes times between the words, if it says anything that makes sense."""
    tokenizer = "nemo.collections.common.tokenizers.canary_tokenizer.CanaryBPETokenizer"
    decoder = {"max_sequence_length": 256, "num_token_types": 0, "hidden_size": WIDE, "inner_size": 32, "vocab_size": None}
    classifier = {"_target_": f"{ASR}.parts.submodules.token_classifier.TokenClassifier", "num_layers": 1, "activation": "relu"}
    network = made(
        "EncDecMultiTaskModel",
        {
            "prompt_format": "canary2",
            "restore_timestamps_model": False,
            "model_defaults": {"asr_enc_hidden": WIDE, "lm_enc_hidden": WIDE, "lm_dec_hidden": WIDE},
            "preprocessor": FEATURES,
            "encoder": ENCODER,
            "tokenizer": {"dir": str(vocabulary(*SPECIAL)), "type": "bpe", "custom_tokenizer": {"_target_": tokenizer}},
            "transf_decoder": {
                "_target_": f"{ASR}.modules.transformer.get_nemo_transformer",
                "model_name": None,
                "pretrained": False,
                "encoder": None,
                "pre_ln_final_layer_norm": True,
                "config_dict": TRANSFORMER | decoder,
            },
            "head": classifier | {"log_softmax": True, "hidden_size": WIDE, "num_classes": None, "use_transformer_init": True},
            "decoding": {"strategy": "beam", "beam": {"beam_size": 1, "len_pen": 0.0, "max_generation_delta": 20}},
            "loss": {"_target_": "nemo.collections.common.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss"},
        },
    )
    return saved(network, tmp_path_factory.mktemp("canary") / "canary-random.nemo")


@pytest.fixture(scope="session")
def canary_with_aligner(canary: Path, made: Build, vocabulary: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same archive with a second network that finds the words again, called as in canary-1b-v2."""
    network = made(
        "EncDecCTCModelBPE",
        {
            "preprocessor": FEATURES,
            "encoder": ENCODER,
            "tokenizer": {"dir": str(vocabulary()), "type": "bpe"},
            "decoder": {"_target_": f"{ASR}.modules.ConvASRDecoder", "feat_in": WIDE, "num_classes": -1, "vocabulary": []},
        },
    )
    folder = tmp_path_factory.mktemp("both")
    second = saved(network, folder / "second.nemo")
    for file, name in ((canary, ""), (second, "timestamps_asr_")):
        with tarfile.open(file) as archive:
            for entry in archive:
                if entry.isfile():
                    path = folder / "files" / Path(entry.name).name.replace("model_", f"{name}model_")
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(archive.extractfile(entry).read())  # type: ignore[union-attr]
    both = folder / "canary-both.nemo"
    with tarfile.open(both, "w") as archive:
        archive.add(folder / "files", ".")
    return both


def saved(network: Any, path: Path) -> Path:
    """The archive that NeMo makes of a network."""
    from nemo.core.connectors.save_restore_connector import SaveRestoreConnector

    network._save_restore_connector = SaveRestoreConnector()
    network.save_to(str(path))
    return path


@pytest.fixture(scope="session", name="saved")
def _saved() -> Build:
    return saved


@pytest.fixture
def pull(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Path], None]]:
    """What `sepdiar models pull NAME` leaves of an archive, by what its card says."""
    home = tmp_path / "home"
    monkeypatch.setenv("SEPDIAR_MODELS", str(home))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    def put(name: str, file: Path) -> None:
        public = cards.card(name).public
        (source,) = public.files
        lock = shelf.Pulled(home / name, public.repository, public.revision if public.revision != "main" else "0" * 40)
        lock.folder.mkdir(parents=True)
        archives.convert(file, lock.folder / source.kept)
        lock.add(shelf.Kept(source.path, source.sha256 or digest(file), source.kept, digest(lock.folder / source.kept)))

    yield put
