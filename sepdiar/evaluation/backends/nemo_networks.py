"""Networks of NeMo's own classes with random weights, of the published sizes or of smaller ones, in NeMo's archives."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ASR, COMMON = "nemo.collections.asr", "nemo.collections.common"
SPECIAL = ["<|startofcontext|>", "<|startoftranscript|>", "<|endoftext|>", "<pad>", "<|nospeech|>", "<|emo:undefined|>"]
SPECIAL += [f"<|{no}{what}|>" for what in ("pnc", "itn", "timestamp", "diarize") for no in ("", "no")]
SPECIAL += ["<|en|>", "<|de|>", *(f"<|{frame}|>" for frame in range(900))]
DURATIONS = [0, 1, 2, 3, 4]
Shape = Mapping[str, Any]


def made(kind: str, settings: Shape) -> Any:
    """A network of a class of NeMo's by its settings, with the seed 0."""
    import torch
    from nemo.collections.asr import models
    from omegaconf import OmegaConf

    torch.manual_seed(0)
    found = getattr(models, kind)
    told = {**settings, "sample_rate": 16_000, "target": f"{found.__module__}.{kind}"}
    return found(OmegaConf.create(told)).eval()


def saved(network: Any, path: Path) -> str:
    """The archive that NeMo makes of a network."""
    from nemo.core.connectors.save_restore_connector import SaveRestoreConnector

    network._save_restore_connector = SaveRestoreConnector()
    network.save_to(str(path))
    return str(path)


def sortformer(shape: Shape) -> Any:
    """A Sortformer for streams."""
    wide, narrow = shape["width"], shape["narrow"]
    modules = {"num_spks": 4, "dropout_rate": 0.0, "fc_d_model": wide, "tf_d_model": narrow, "spkcache_len": 188}
    settings = {
        "max_num_of_spks": 4,
        "streaming_mode": True,
        "model_defaults": {"fc_d_model": wide, "tf_d_model": narrow},
        "preprocessor": _features(shape, "NA"),
        "encoder": _encoder(shape),
        "transformer_encoder": {
            "_target_": f"{ASR}.modules.transformer.transformer_encoders.TransformerEncoder",
            "num_layers": shape["deep"],
            "hidden_size": narrow,
            "inner_size": 4 * narrow,
            "num_attention_heads": shape["heads"],
            "hidden_act": "relu",
            "pre_ln": False,
        },
        "sortformer_modules": {**modules, "_target_": f"{ASR}.modules.sortformer_modules.SortformerModules"},
        "loss": {"_target_": f"{ASR}.losses.bce_loss.BCELoss"},
    }
    return made("SortformerEncLabelModel", settings)


def parakeet(shape: Shape, folder: Path) -> Any:
    """A token-and-duration transducer."""
    narrow = shape["narrow"]
    prednet = {"pred_hidden": narrow, "pred_rnn_layers": shape["deep"], "dropout": 0.0}
    jointnet = {"joint_hidden": narrow, "activation": "relu", "dropout": 0.0}
    settings = {
        "model_defaults": {"enc_hidden": shape["width"], "pred_hidden": narrow, "joint_hidden": narrow},
        "preprocessor": _features(shape, "per_feature"),
        "encoder": _encoder(shape),
        "tokenizer": {"dir": str(_vocabulary(folder, shape["pieces"])), "type": "bpe"},
        "decoder": {"_target_": f"{ASR}.modules.RNNTDecoder", "prednet": prednet},
        "joint": {"_target_": f"{ASR}.modules.RNNTJoint", "num_extra_outputs": len(DURATIONS), "jointnet": jointnet},
        "decoding": {"strategy": "greedy_batch", "model_type": "tdt", "durations": DURATIONS, "greedy": {"max_symbols": 10}},
        "loss": {"loss_name": "tdt", "tdt_kwargs": {"durations": DURATIONS}},
    }
    return made("EncDecRNNTBPEModel", settings)


def canary(shape: Shape, folder: Path) -> Any:
    """An encoder and a decoder that writes."""
    wide, narrow = shape["width"], shape["narrow"]
    inside = {"num_layers": shape["deep"], "num_attention_heads": shape["heads"], "hidden_act": "relu", "pre_ln": True}
    inside |= {"max_sequence_length": 2048, "num_token_types": 0, "hidden_size": narrow, "inner_size": 4 * narrow}
    classifier = {"_target_": f"{ASR}.parts.submodules.token_classifier.TokenClassifier", "num_layers": 1, "activation": "relu"}
    tokenizer = {"dir": str(_vocabulary(folder, shape["pieces"], SPECIAL)), "type": "bpe"}
    settings = {
        "prompt_format": "canary2",
        "restore_timestamps_model": False,
        "model_defaults": {"asr_enc_hidden": wide, "lm_enc_hidden": narrow, "lm_dec_hidden": narrow},
        "preprocessor": _features(shape, "per_feature"),
        "encoder": _encoder(shape),
        "tokenizer": {**tokenizer, "custom_tokenizer": {"_target_": f"{COMMON}.tokenizers.canary_tokenizer.CanaryBPETokenizer"}},
        "transf_decoder": {
            "_target_": f"{ASR}.modules.transformer.get_nemo_transformer",
            "model_name": None,
            "pretrained": False,
            "encoder": None,
            "pre_ln_final_layer_norm": True,
            "config_dict": {**inside, "vocab_size": None},
        },
        "head": {**classifier, "log_softmax": True, "hidden_size": narrow, "num_classes": None, "use_transformer_init": True},
        "decoding": {"strategy": "beam", "beam": {"beam_size": 1, "len_pen": 0.0, "max_generation_delta": 50}},
        "loss": {"_target_": f"{COMMON}.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss"},
    }
    return made("EncDecMultiTaskModel", settings)


def _features(shape: Shape, normalize: str) -> dict[str, Any]:
    about = {"sample_rate": 16_000, "window_size": 0.025, "window_stride": 0.01, "window": "hann", "n_fft": 512, "dither": 1e-5}
    kind = f"{ASR}.modules.AudioToMelSpectrogramPreprocessor"
    return {"_target_": kind, **about, "features": shape["bands"], "normalize": normalize}


def _encoder(shape: Shape) -> dict[str, Any]:
    return {
        "_target_": f"{ASR}.modules.ConformerEncoder",
        "feat_in": shape["bands"],
        "feat_out": -1,
        "n_layers": shape["layers"],
        "d_model": shape["width"],
        "subsampling": "dw_striding",
        "subsampling_factor": 8,
        "subsampling_conv_channels": shape["channels"],
        "ff_expansion_factor": 4,
        "self_attention_model": "rel_pos",
        "n_heads": shape["heads"],
        "conv_kernel_size": 9,
    }


def _vocabulary(folder: Path, pieces: int, special: list[str] | None = None) -> Path:
    """A folder with pieces of words, as sentencepiece keeps them, and special ones."""
    import sentencepiece

    place, draw = folder / "vocabulary", random.Random(0)
    place.mkdir()
    lines = [" ".join("".join(draw.choices("aehinorst", k=draw.randint(2, 7))) for _ in range(8)) for _ in range(10 * pieces)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(place / "tokenizer"),
        vocab_size=pieces + len(special or ()),
        model_type="bpe",
        user_defined_symbols=special or [],
        add_dummy_prefix=not special,
        bos_id=-1,
        eos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    known = sentencepiece.SentencePieceProcessor(model_file=str(place / "tokenizer.model"))
    (place / "vocab.txt").write_text("\n".join(known.id_to_piece(number) for number in range(known.vocab_size())))
    return place
