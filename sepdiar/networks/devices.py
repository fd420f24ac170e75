"""Whether this machine has the device that was asked for."""

from __future__ import annotations

from sepdiar.errors import SepdiarError


def present(name: str) -> str:
    """The name of a device of torch's that is here; SD253 where it is not, with torch's own words."""
    import torch

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        raise SepdiarError("SD253", str(error).partition("\n")[0], where=name) from error
    return name
