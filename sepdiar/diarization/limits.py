"""Within what the parameters of a diarizer have to lie."""

from __future__ import annotations

from sepdiar.errors import SepdiarError


def within_limits(diarizer: str, **parameters: tuple[float, float, float]) -> None:
    """Refuse (SD202) the first of a diarizer's parameters, NAME=(value, least, largest), that lies outside.

    >>> within_limits("compact", most=(8, 1, 100), step=(7.0, 0.5, 5.0))
    Traceback (most recent call last):
    sepdiar.errors.SepdiarError: SD202 value out of range: diarize.compact.step: 7.0 is not from 0.5 to 5
    """
    for name, (value, least, largest) in parameters.items():
        if not least <= value <= largest:
            raise SepdiarError("SD202", f"{value} is not from {least:g} to {largest:g}", where=f"diarize.{diarizer}.{name}")
