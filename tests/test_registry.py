from __future__ import annotations

import pytest

from kgzsl.errors import RecipeError, UnknownVariantError
from kgzsl.registry import build, choose, closest


class Network:
    def __init__(self, width: int, dropout: float = 0.5) -> None:
        self.width, self.dropout = width, dropout


TABLE = {"dgp": Network, "sgcn": Network}


def test_choose_lists_what_there_is():
    assert choose(TABLE, "dgp", "network") is Network
    with pytest.raises(
        UnknownVariantError, match=r"No network is called 'dpg'; choose one of dgp, sgcn\. Did you mean"
    ):
        choose(TABLE, "dpg", "network")


def test_build_checks_the_keywords():
    assert build(TABLE, "dgp", "network", {"width": 3}).dropout == 0.5
    with pytest.raises(RecipeError, match=r"network 'dgp' has no option 'widht'; its options are width, dropout\. Did"):
        build(TABLE, "dgp", "network", {"widht": 3})
    with pytest.raises(RecipeError, match=r"network 'dgp' cannot be built from {}: .*missing 1 required"):
        build(TABLE, "dgp", "network", {})


def test_closest_is_empty_where_nothing_is_near():
    assert closest("xyz", ["okapi"]) == ""
    assert closest("okapy", ["okapi", "zebra"]) == " Did you mean 'okapi'?"
