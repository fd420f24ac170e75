"""Dialogues with true turns and words, simulated from files in which one person speaks."""

from sepdiar.simulate.dialogues import simulate

__all__ = ["simulate"]
