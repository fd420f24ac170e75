"""The networks of our own models, and how their weights are kept: one safetensors file a model, beside its card."""
