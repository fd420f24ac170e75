"""How fast, and how far from the truth: each module is a command that writes what `eval/` shows."""
