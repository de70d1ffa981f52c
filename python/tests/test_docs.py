"""The programs of both README.md, docs/python.md and docs/manual run as they stand."""

import pathlib
import re

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
CHAPTERS = sorted(str(p.relative_to(TREE)) for p in TREE.glob("docs/manual/*.md"))
PROGRAMS = [
    (name, program)
    for name in ("README.md", "python/README.md", "docs/python.md", *CHAPTERS)
    for program in re.findall(
        r"^```python\n(.*?)^```", (TREE / name).read_text(encoding="utf-8"), re.M | re.S
    )
]


def test_there_are_programs():
    assert sum(name == "docs/python.md" for name, _ in PROGRAMS) >= 8
    assert {"README.md", "python/README.md"} <= {name for name, _ in PROGRAMS}


@pytest.mark.parametrize("name, program", PROGRAMS)
def test_program(name, program, tmp_path, monkeypatch, capsys):
    if "import torch" in program:
        pytest.importorskip("torch")
    if "import optax" in program:
        pytest.importorskip("jax")
        pytest.importorskip("optax")
    if "LinearOperator" in program:
        pytest.importorskip("scipy")
    monkeypatch.chdir(tmp_path)
    namespace = {}
    exec(compile(program, name, "exec"), namespace)
    if "loss" in namespace:
        assert namespace["loss"].item() < 0.01, "the program trains"
