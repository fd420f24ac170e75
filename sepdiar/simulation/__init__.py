"""Dialogues with true turns and words, simulated from files in which one person speaks."""

from sepdiar.simulation.dialogues import simulate

__all__ = ["simulate"]
