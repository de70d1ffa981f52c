"""Builds libsymo by the Makefile of the tree around this folder, and puts it into the package.

Needs what `make` needs: a C compiler, pkg-config, GSL, OpenBLAS, LAPACKE and jansson.  Objects go
to the build folder of the tree, or to that which BUILD names.  SYMO_LIBRARY names a library that
is taken as it is, and nothing is built.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent
LIBRARY = "libsymo.dylib" if sys.platform == "darwin" else "libsymo.so"


def version():
    header = TREE / "include" / "symo" / "version.h"
    if not header.is_file():
        sys.exit(
            f"symo: error: {header}: is not there (install from the folder python/ of the tree)"
        )
    return re.search(r'SYMO_VERSION_STRING "([^"]*)"', header.read_text()).group(1)


class BuildWithLibrary(build_py):
    def library(self):
        package = HERE if self.editable_mode else pathlib.Path(self.build_lib)
        return package / "symo" / LIBRARY

    def run(self):
        super().run()
        target = self.library()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(os.environ.get("SYMO_LIBRARY") or self.make(), target)

    def make(self):
        build = os.environ.get("BUILD", "build")
        make = shutil.which("gmake") or "make"
        jobs = os.environ.get("JOBS") or str(os.cpu_count() or 1)
        subprocess.run([make, "-C", TREE, f"-j{jobs}", f"BUILD={build}", "lib"], check=True)
        return (TREE / build / LIBRARY).resolve()

    def get_outputs(self, include_bytecode=True):
        return super().get_outputs(include_bytecode) + [str(self.library())]


class PlatformWheel(bdist_wheel):
    """The library is C: the wheel is for this platform, and for every Python 3."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class BinaryDistribution(Distribution):
    def has_ext_modules(self):
        return True


setup(
    version=version(),
    distclass=BinaryDistribution,
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel},
)
