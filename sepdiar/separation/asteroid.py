"""What the separators of asteroid share: one file with the name of a class, its arguments and its tensors."""

from __future__ import annotations

from typing import ClassVar

from sepdiar.errors import SepdiarError
from sepdiar.models.published import Published, weights
from sepdiar.separation.published import Network, PublishedSeparator

CHECKPOINT = "pytorch_model.bin"
# a checkpoint may hold figures of its training as numpy pickles them, older and newer; nobody needs them
FIGURES = ("numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "_codecs.encode")


class Asteroid(PublishedSeparator):
    """A separator of asteroid's, from a checkpoint that it saved."""

    # asteroid itself asks for an old torchmetrics that pyannote.audio refuses, and does not need it to separate
    needs = ("asteroid", "asteroid_filterbanks", "torchaudio", "huggingface_hub", "requests")
    mend = "pip install 'sepdiar[asteroid]' && pip install --no-deps asteroid==0.7.0"
    files = (CHECKPOINT,)
    networks: ClassVar[tuple[str, ...]]
    """The classes of asteroid's that this backend stands for."""

    def load(self, found: Published, device: str) -> Network:
        """The network of a checkpoint; SD251 where it is another class's, or does not fit its own class."""
        from sepdiar.networks import torchaudio_cpu

        torchaudio_cpu.importable()
        from asteroid import models

        from sepdiar.separation.asteroid_layers import quickened

        path = found.files[CHECKPOINT]
        tensors, about = weights(path, FIGURES)
        name, arguments = about.get("model_name"), about.get("model_args")
        if name not in self.networks or not isinstance(arguments, dict):
            what = f"a checkpoint of {name or 'something else'}, not of {' or '.join(self.networks)}"
            raise SepdiarError("SD251", what, where=str(path), hint="sepdiar models list")
        try:
            network = getattr(models, name)(**arguments)
            network.load_state_dict(tensors)
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            what = f"{name} cannot be made of it: {str(error).partition(chr(10))[0]}"
            raise SepdiarError("SD251", what, where=str(path), hint="sepdiar models list") from error
        rate = int(arguments.get("sample_rate") or 0)
        return Network(quickened(network).to(device).eval(), int(arguments.get("n_src", 0)), rate)
