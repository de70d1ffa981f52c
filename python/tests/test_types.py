"""The types are those that a checker sees: of the package itself, and of a program that uses it."""

import pathlib
import subprocess
import sys

import pytest

import symo
from symo import _library as c

PACKAGE = pathlib.Path(symo.__file__).parent

PROGRAM = """
from __future__ import annotations

import numpy as np
import symo


def lines() -> tuple[float, np.ndarray]:
    layout = symo.Layout("in: identity 2; h: permutation 4; w[h,in] b[h]", groups=[])
    hessian: symo.Hessian = symo.estimate(layout, np.ones(12), estimator="h-g")
    solved: symo.Hessian = hessian.power(-0.5, damping=0.1)
    low = symo.estimate_products(layout, lambda x: x, products=5)
    values: np.ndarray = hessian.eigvals()
    kfac = symo.Factors(layout, {"w": (np.eye(3), np.eye(4), "b")})
    dense: np.ndarray = kfac.invsqrt(0.1).to_dense() + solved.to_dense()
    optimizer = symo.Optimizer(layout, "symo", lr=0.1)
    report: symo.Report = optimizer.step(np.ones(12), np.zeros(12))
    wrong: symo.Comparison = symo.compare(dense, {"low": low})
    return kfac.logdet(damping=0.1) + report.update_norm + len(wrong), values


lines()
"""


def check(*arguments, cwd):
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(cwd / "cache"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package(tmp_path):
    check("--ignore-missing-imports", str(PACKAGE), cwd=tmp_path)


def test_a_strict_program(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    exec(compile(PROGRAM, "program.py", "exec"), {})
    config = f"[mypy]\nmypy_path = {PACKAGE.parent}\n"
    (tmp_path / "mypy.ini").write_text(config, encoding="utf-8")
    check("--strict", "--follow-imports=silent", "program.py", cwd=tmp_path)


def test_reports_have_the_fields_of_the_library():
    fields = [name for name, *_ in c.StepReport._fields_ if name != "seconds"]
    assert list(symo.Report._fields) == fields
