"""TDANet (Li, Yang and Hu, 2023) by our own network, with the weights that its authors publish."""

from __future__ import annotations

from collections.abc import Mapping

from sepdiar.errors import SepdiarError
from sepdiar.models.published import Published, weights
from sepdiar.separation.published import Network, PublishedSeparator

CHECKPOINT = "pytorch_model.bin"


class TDANet(PublishedSeparator):
    """TDANet by its authors: masks from top-down attention; 2.3 M parameters, 16 kHz, trained on two seconds at a time."""

    needs = ("torch", "safetensors")
    files = (CHECKPOINT,)
    usual = "tdanet-lrs2-4ms"

    def __init__(
        self, model: str = "", path: str = "", window: float = 4.0, rate: int = 0, device: str = "cpu", precision: str = "auto"
    ) -> None:
        super().__init__(model, path, window, rate, device, precision)

    def load(self, found: Published, device: str) -> Network:
        """The network of a checkpoint; SD251 where it is another's."""
        from sepdiar.networks import tdanet

        tensors, about = weights(found.files[CHECKPOINT])
        given = about.get("model_args")
        given = given if isinstance(given, Mapping) else {}
        try:
            network = tdanet.of(tensors, int(given.get("num_blocks", tdanet.PASSES)))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            what = f"no TDANet can be made of it: {str(error).partition(chr(10))[0]}"
            raise SepdiarError("SD251", what, where=str(found.files[CHECKPOINT]), hint="sepdiar models list") from error
        return Network(network.to(device).eval(), network.sources, int(given.get("sample_rate", 16_000)))
