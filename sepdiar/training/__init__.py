"""How our own models are made: speech, what happens to it on the way, a task a model, and one loop for all of them."""
