"""Every public function says what it takes and gives."""

import inspect
import re

import pytest

import symo


def public(module):
    for name in getattr(module, "__all__", None) or dir(module):
        thing = getattr(module, name)
        if name.startswith("_") or not getattr(thing, "__module__", "").startswith("symo"):
            continue
        if inspect.isclass(thing) and not issubclass(thing, (tuple, Exception)):
            for key, value in vars(thing).items():
                if isinstance(value, property):
                    value = value.fget
                value = getattr(value, "__func__", value)
                if inspect.isfunction(value) and not key.startswith("_"):
                    yield f"{name}.{key}", value
        elif inspect.isfunction(thing):
            yield name, thing


def check(module):
    seen = 0
    assert module.__all__ == sorted(module.__all__)
    for name, function in public(module):
        signature = inspect.signature(function)
        hinted = signature.return_annotation is not inspect.Signature.empty
        for key, parameter in signature.parameters.items():
            hinted = hinted and (
                key in ("self", "cls") or parameter.annotation is not parameter.empty
            )
        assert hinted, name
        text = inspect.getdoc(function)
        assert text, f"{name} has no docstring"
        for key in signature.parameters:
            known = key in ("self", "cls", "path", "data", "n")  # the name says it
            assert known or re.search(rf"(?<!\w){key}(?!\w)", text), f"{name} is silent on {key}"
        seen += 1
    return seen


def test_hints_and_docstrings_are_complete():
    assert check(symo) >= 77


def test_hints_and_docstrings_of_torch_are_complete():
    pytest.importorskip("torch")
    import symo.torch

    assert check(symo.torch) >= 11


def test_hints_and_docstrings_of_optax_are_complete():
    pytest.importorskip("optax")
    import symo.optax

    assert check(symo.optax) >= 1
