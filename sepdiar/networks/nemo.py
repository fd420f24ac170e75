"""Networks of NeMo's as they may be used here: of the class that is expected, out of an archive in which nothing runs.

NeMo's own way unpickles the weights as torch is told to, makes whatever class the settings name, and reports to a logger of
NVIDIA's where a job has ranks. Its classes and their way to be restored are used; the files are read here.
"""

from __future__ import annotations

import importlib
import logging
import os
import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

from sepdiar.errors import SepdiarError
from sepdiar.models import archives, cards
from sepdiar.models.published import Published, in_folder, pulled
from sepdiar.networks import torchaudio_cpu

MODELS = "nemo.collections.asr.models"
MAIN = "model"  # what the files of the only or the first network in an archive are called
NAMES = ("target", "_target_", "cls")  # behind which settings name a class
KNOWN = ("nemo.collections.asr.", "nemo.collections.common.")  # where the classes are that a network is made of
TRAINING = frozenset({"train_ds", "validation_ds", "test_ds", "optim", "trainer", "exp_manager", "init_from_nemo_model"})
REPORTING = "nv_one_logger"


def found(model: str, path: str) -> Published:
    """The archive that is the file `path`, or the only one in a folder; or that of the model pulled as `model`."""
    if not path:
        public = cards.card(model).public if cards.home(model) else None
        return pulled(model, [source.path for source in public.files] if public else [f"{model}{cards.ARCHIVE}"])
    place = Path(path).expanduser()
    inside = sorted(place.glob(f"*{cards.ARCHIVE}")) if place.is_dir() else [place]
    return in_folder(path, [inside[0].name if len(inside) == 1 else f"*{cards.ARCHIVE}"])


def load(of: Published, kind: str, device: str) -> Any:
    """The only network of an archive, ready to work; it must be of the class `kind` of NeMo's models."""
    return parts(of, {MAIN: kind}, device)[MAIN]


def parts(of: Published, kinds: Mapping[str, str], device: str) -> dict[str, Any]:
    """The networks of an archive by their names in it, of the classes that are expected; one that it lacks is left out.

    SD264 where the archive or its settings name what could run, SD251 where no such network can be made of it.
    """
    from sepdiar.networks.devices import present

    present(device)
    (file,) = of.files.values()
    importable()
    with archives.unpacked(file) as folder, undisturbed():
        here = {name: kind for name, kind in kinds.items() if (folder / f"{name}_config.yaml").is_file()}
        return {name: _restored(folder, name, kind, file).to(device).eval() for name, kind in here.items()}


def settings(standing: Any, changed: Mapping[str, Any]) -> Any:
    """Settings of NeMo's with some of them changed or added."""
    from omegaconf import OmegaConf

    return OmegaConf.merge(OmegaConf.create(OmegaConf.to_container(standing, resolve=True)), OmegaConf.create(dict(changed)))


def importable() -> None:
    """Make `import nemo` work beside a torch without CUDA, and keep it from telling anybody; to be called before it."""
    if find_spec("torchaudio"):
        torchaudio_cpu.importable()
    logging.getLogger(REPORTING).setLevel(logging.ERROR)
    rank = os.environ.pop("RANK", None)  # it reports from rank 0, and decides so once
    try:
        with undisturbed():
            importlib.import_module(MODELS)
            importlib.import_module("nemo.lightning.callback_group").CallbackGroup.get_instance()
    finally:
        if rank is not None:
            os.environ["RANK"] = rank
    importlib.import_module("nemo.utils").logging.setLevel(logging.ERROR)


def _restored(folder: Path, name: str, kind: str, file: Path) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    settings = _settings(folder / f"{name}_config.yaml", kind, str(file))
    made = getattr(importlib.import_module(MODELS), kind)
    settings["target"] = f"{made.__module__}.{kind}"
    given = OmegaConf.create(settings)
    try:
        return made.restore_from(str(folder), given, map_location="cpu", save_restore_connector=_connector(folder, name))
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError, AttributeError, OSError, OmegaConfBaseException) as error:
        what = f"no {kind} can be made of it: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise SepdiarError("SD251", what, where=str(file), hint="sepdiar models list") from error


def _settings(place: Path, kind: str, where: str) -> dict[str, Any]:
    """The settings of a network without those of its training; SD264 where they name a class that is no part of one."""
    from sepdiar.separation.hyperparams import read

    settings = {key: value for key, value in read(place.read_text(encoding="utf-8"), where).items() if key not in TRAINING}
    told = str(settings.pop("target", kind))
    if told.rpartition(".")[2] != kind:
        raise SepdiarError("SD264", f"is a {told}, not a {kind}", where=where)
    for name in _named(settings):
        if not name.startswith(KNOWN):
            raise SepdiarError("SD264", f"{name} is no part of a {kind}", where=where)
    return settings


def _named(value: Any) -> Iterator[str]:
    """Whatever the settings name as a class."""
    if isinstance(value, Mapping):
        yield from (str(item) for key, item in value.items() if key in NAMES and isinstance(item, str))
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _named(item)


def _connector(folder: Path, name: str) -> Any:
    """What NeMo restores a network by: from files that are unpacked already, with weights that are no pickle."""
    from nemo.core.connectors.save_restore_connector import SaveRestoreConnector
    from safetensors.torch import load_file

    class Connector(SaveRestoreConnector):  # type: ignore[misc]
        @staticmethod
        def _load_state_dict_from_disk(model_weights: str, map_location: Any = "cpu") -> Any:
            return load_file(model_weights)

    made = Connector()
    made.model_extracted_dir = str(folder)
    made.model_weights_ckpt = f"{name}_weights.safetensors"
    return made


@contextmanager
def undisturbed() -> Iterator[None]:
    """What NeMo prints and warns of stays here, and the generator that it seeds is left as it was."""
    before = random.getstate()
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(before)
