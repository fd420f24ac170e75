"""SuDoRM-RF (Tzinis, Wang and Smaragdis, 2020) through asteroid."""

from __future__ import annotations

from sepdiar.separation.asteroid import Asteroid


class SudoRmRf(Asteroid):
    """SuDoRM-RF through asteroid: masks from convolutions at several resolutions, made to be cheap; your own checkpoint."""

    networks = ("SuDORMRFNet", "SuDORMRFImprovedNet")
