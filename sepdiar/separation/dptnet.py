"""Dual-path transformer (Chen, Mao and Liu, 2020) through asteroid."""

from __future__ import annotations

from sepdiar.separation.asteroid import Asteroid


class DptNet(Asteroid):
    """DPTNet through asteroid: masks from attention and recurrence, within chunks and across them; your own checkpoint."""

    networks = ("DPTNet",)
