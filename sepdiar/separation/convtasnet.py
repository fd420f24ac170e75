"""Conv-TasNet (Luo and Mesgarani, 2019) through asteroid."""

from __future__ import annotations

from sepdiar.separation.asteroid import Asteroid


class ConvTasNet(Asteroid):
    """Conv-TasNet through asteroid: masks from dilated convolutions; 5 M parameters, quick, 8 or 16 kHz."""

    usual = "convtasnet-libri2mix-noisy-16k"
    networks = ("ConvTasNet",)
