"""The structs of the package are those of the headers, field by field."""

import ctypes
import os
import pathlib
import shlex
import shutil
import subprocess

import pytest

from symo import _library as c

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include"


def test_structs_are_those_of_the_headers(tmp_path):
    compiler = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        pytest.skip("no C compiler")
    lines = []
    for name, made in c.STRUCTS.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        for field, *_ in made._fields_:
            lines.append(f'printf("{name}.{field} %zu\\n", offsetof({name}, {field}));')
    (tmp_path / "sizes.c").write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <symo/symo.h>\n"
        "int main(void) {\n" + "\n".join(lines) + "\nreturn 0; }\n",
        encoding="utf-8",
    )
    program = tmp_path / "sizes"
    subprocess.run(
        [*compiler, "-std=c11", f"-I{INCLUDE}", "-o", program, tmp_path / "sizes.c"], check=True
    )
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    known = dict(line.rsplit(" ", 1) for line in printed.splitlines())
    ours = {}
    for name, made in c.STRUCTS.items():
        ours[name] = str(ctypes.sizeof(made))
        for field, *_ in made._fields_:
            ours[f"{name}.{field}"] = str(getattr(made, field).offset)
    assert ours == known and len(ours) > 100


def test_every_struct_is_on_the_list():
    made = {
        value
        for value in vars(c).values()
        if isinstance(value, type) and issubclass(value, ctypes.Structure)
    } - {ctypes.Structure}
    assert made == set(c.STRUCTS.values())
