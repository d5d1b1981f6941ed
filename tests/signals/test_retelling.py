"""Warnings told again, once each, as if the caller had given cause."""

from __future__ import annotations

import warnings

import pytest

from hyperspy_smartalign.signals.retelling import retold


def inner():
    for message in ("first", "second", "first"):
        warnings.warn(message, UserWarning, stacklevel=1)


def own(level):
    with retold(level):
        inner()


def test_each_is_told_once_for_the_function_that_is_meant():
    with pytest.warns(UserWarning, match=r"first|second") as caught:
        own(2)
    assert [str(warning.message) for warning in caught] == ["first", "second"]
    assert {warning.lineno for warning in caught} == {
        test_each_is_told_once_for_the_function_that_is_meant.__code__.co_firstlineno + 2
    }
    with pytest.warns(UserWarning, match=r"first|second") as caught:
        own(1)
    assert {warning.lineno for warning in caught} <= set(
        range(own.__code__.co_firstlineno, own.__code__.co_firstlineno + 3)
    )


def test_an_error_inside_hides_no_warning():
    def failing():
        with retold(2):
            warnings.warn("beware", UserWarning, stacklevel=1)
            raise ValueError("failed")

    with pytest.warns(UserWarning, match="beware"), pytest.raises(ValueError, match="failed"):
        failing()
