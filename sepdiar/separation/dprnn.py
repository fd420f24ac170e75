"""Dual-path recurrent network (Luo, Chen and Yoshioka, 2020) through asteroid."""

from __future__ import annotations

from sepdiar.separation.asteroid import Asteroid


class Dprnn(Asteroid):
    """DPRNN through asteroid: masks from recurrent layers within chunks and across them; 3.6 M parameters, 8 kHz."""

    usual = "dprnn-wham-clean-8k"
    networks = ("DPRNNTasNet",)
