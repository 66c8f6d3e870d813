"""Builds eplb._eplb from the C sources of the core. A source distribution has a copy of them in core/; in a clone of
the project that copy is made anew for each build."""

import glob
import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

from setuptools import setup
from setuptools.command.build_ext import build_ext

HERE = os.path.dirname(os.path.abspath(__file__))
COPY = os.path.join(HERE, "core")
CLONE = os.path.dirname(HERE)


def copy_sources():
    if not os.path.isdir(os.path.join(CLONE, "src", "core")):
        return
    shutil.rmtree(COPY, ignore_errors=True)
    for folder in ("src/core", "include/eplb"):
        shutil.copytree(
            os.path.join(CLONE, folder),
            os.path.join(COPY, folder),
            ignore=shutil.ignore_patterns("*.mk", "*.o", "*.lo", ".deps", ".libs", ".dirstamp"),
        )
    shutil.copy2(os.path.join(CLONE, "LICENSE"), COPY)


def read_version():
    for path in glob.glob(os.path.join(COPY, "include", "eplb", "*.h")):
        with open(path) as file:
            found = re.search(r'#define EPLB_VERSION\s+"(.*)"', file.read())
        if found:
            return found.group(1)
    sys.exit(
        "mpi-eplb: no header in include/eplb defines EPLB_VERSION; expected the sources of mpi-eplb beside python/"
    )


class ParallelBuild(build_ext):
    """Compiles as many files at a time as there are processors: setuptools does one after the other."""

    def build_extension(self, ext):
        compiler = self.compiler

        def compile_all(
            sources,
            output_dir=None,
            macros=None,
            include_dirs=None,
            debug=0,
            extra_preargs=None,
            extra_postargs=None,
            depends=None,
        ):
            macros, objects, extra_postargs, pp_opts, build = compiler._setup_compile(
                output_dir, macros, include_dirs, sources, depends, extra_postargs
            )
            cc_args = compiler._get_cc_args(pp_opts, debug, extra_preargs)
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(
                    pool.map(
                        lambda name: compiler._compile(name, *build[name], cc_args, extra_postargs, pp_opts),
                        [name for name in objects if name in build],
                    )
                )
            return objects

        compiler.compile = compile_all
        super().build_extension(ext)


os.chdir(HERE)
copy_sources()
setup(version=read_version(), cmdclass={"build_ext": ParallelBuild}, cffi_modules=["eplb_build.py:ffi"])
