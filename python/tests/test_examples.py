"""The programs of python/examples."""

import importlib.util
import pathlib

import pytest

torch = pytest.importorskip("torch")

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_symo_beats_adamw_per_step_on_digits(capsys):
    best = load("digits").main()
    for step in (9, 19, 29, 59):
        assert best["symo"][step] < 0.5 * best["adamw"][step], step
    assert "adamw" in capsys.readouterr().out


def test_the_step_in_torch_costs_what_the_step_of_the_library_costs():
    example = load("overhead")
    # The machine may be busy with something else, so the best of three counts.
    assert min(example.measure("symo", 8)[2] for _ in range(3)) <= 1.15
