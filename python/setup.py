"""Builds libsymo by the Makefile of the tree around this folder, and puts it into the package.

Needs what `make` needs: a C compiler, pkg-config, GSL, OpenBLAS, LAPACKE and jansson.  Objects go
to the build folder of the tree, or to that which BUILD names.  SYMO_LIBRARY names a library that
is taken as it is, and nothing is built.

SYMO_BLAS=scipy-openblas32 takes BLAS and LAPACKE from the package of that name, which has to be
there while this is built (pip install scipy-openblas32 setuptools wheel; pip wheel
--no-build-isolation), and makes it a requirement of the wheel; GSL and jansson are put into the
wheel.  Such a wheel runs where none of these is installed.
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


BLAS = os.environ.get("SYMO_BLAS")
if BLAS not in (None, "", "scipy-openblas32"):
    sys.exit(f"symo: error: SYMO_BLAS: is {BLAS} (leave it out, or take scipy-openblas32)")


def version():
    header = TREE / "include" / "symo" / "version.h"
    if not header.is_file():
        sys.exit(
            f"symo: error: {header}: is not there (install from the folder python/ of the tree)"
        )
    return re.search(r'SYMO_VERSION_STRING "([^"]*)"', header.read_text()).group(1)


def blas_options(build):
    """Of make: the package's BLAS instead of the system's, found beside symo where it runs.

    Its symbols begin with scipy_, so that they do not meet those of another BLAS in one process.  A
    header that is read first gives our calls the same prefix.
    """
    import scipy_openblas32 as blas

    include, folder = pathlib.Path(blas.get_include_dir()), pathlib.Path(blas.get_lib_dir())
    prefix, names = "scipy_", set()
    for header in ("cblas.h", "lapacke.h"):
        pattern = rf"\b{prefix}((?:cblas|LAPACKE|openblas)_\w+) *\("
        names.update(re.findall(pattern, (include / header).read_text()))
    if "cblas_dgemm" not in names or "LAPACKE_dsyevd_work" not in names:
        sys.exit(f"symo: error: {include}: does not declare {prefix}cblas_dgemm, as 0.3.34 does")
    build.mkdir(parents=True, exist_ok=True)
    renamed = build.resolve() / "blas_prefix.h"
    text = "".join(f"#define {name} {prefix}{name}\n" for name in sorted(names))
    if not renamed.is_file() or renamed.read_text() != text:
        renamed.write_text(text)
    library = blas.get_library()
    return [
        f"CPPFLAGS=-include {renamed} -I{include}",
        f"LIBS=-L{folder} -lgsl -l{library} -ljansson -lm",
        # Of the old kind, which the loader follows for what GSL needs too.
        "LDFLAGS=-Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../scipy_openblas32/lib:$$ORIGIN'",
    ]


def bundled(library):
    """GSL and jansson, as the loader finds them for the library."""
    listed = subprocess.run(["ldd", library], check=True, capture_output=True, text=True).stdout
    found = re.findall(r"(lib(?:gsl|gslcblas|jansson)\.so\S*) => (\S+)", listed)
    return [pathlib.Path(path).parent / name for name, path in found]


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
        if BLAS:
            for library in bundled(target):
                if library.resolve() != (target.parent / library.name).resolve():  # there before
                    shutil.copyfile(library, target.parent / library.name)

    def make(self):
        build = os.environ.get("BUILD", "build/python-blas" if BLAS else "build")
        make = shutil.which("gmake") or "make"
        jobs = os.environ.get("JOBS") or str(os.cpu_count() or 1)
        command = [make, "-C", TREE, f"-j{jobs}", f"BUILD={build}", "lib"]
        subprocess.run(command + (blas_options(TREE / build) if BLAS else []), check=True)
        return (TREE / build / LIBRARY).resolve()

    def get_outputs(self, include_bytecode=True):
        extra = [str(path) for path in self.library().parent.glob("lib*.so*")]
        return super().get_outputs(include_bytecode) + (extra or [str(self.library())])


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
    install_requires=["numpy>=1.20"] + (["scipy-openblas32>=0.3.34"] if BLAS else []),
    distclass=BinaryDistribution,
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel},
)
