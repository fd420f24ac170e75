"""sepdiar: mono conversations into two-channel training data, and how far that is from the truth."""

__version__ = "0.1.0"
