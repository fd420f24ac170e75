"""How fast separators are, each beside its own package's long-file call, on the same random weights of the real size."""
