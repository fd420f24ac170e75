"""How fast diarizers and recognisers are, each beside its own package's plain call, on random weights of the real size."""
