from __future__ import annotations

import pytest
import torch

from kgzsl.errors import MissingResourceError
from kgzsl.runtime import choose_device


def test_auto_takes_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("cuda")


def test_a_device_that_is_not_here_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(MissingResourceError, match=r"'cuda:1' is not here \(1 CUDA devices found\)"):
        choose_device("cuda:1")


def test_a_word_that_is_no_device_is_refused():
    with pytest.raises(MissingResourceError, match="No device is called 'gpu'; use auto, cpu, cuda"):
        choose_device("gpu")
