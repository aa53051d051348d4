"""Choose the device to compute on."""

from __future__ import annotations

import torch

from kgzsl.errors import MissingResourceError

__all__ = ["choose_device"]


def choose_device(wanted: str = "auto") -> torch.device:
    """Return the device to compute on: ``auto`` takes CUDA where there is one, else the CPU.

    Args:
        wanted: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        MissingResourceError: the device does not exist on this machine.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise MissingResourceError(f"No device is called {wanted!r}; use auto, cpu, cuda or cuda:N.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise MissingResourceError(
            f"Device {wanted!r} is not here ({found} CUDA devices found); use --device cpu, or install a CUDA build "
            "of torch."
        )
    return device
