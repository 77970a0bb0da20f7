"""torchmetrics is an extra."""

import sys

import pytest


def test_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    monkeypatch.delitem(sys.modules, "ttur.compat.torchmetrics", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'ttur\[compat\]'"):
        import ttur.compat.torchmetrics  # noqa: F401
