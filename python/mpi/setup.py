"""Builds eplb.mpi._session against the libeplb-mpi that pkg-config finds, with the MPI of mpicc."""

import os
import sys

from setuptools import setup

HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(HERE)
sys.path.insert(0, HERE)
import eplb_mpi_build  # noqa: E402

setup(version=eplb_mpi_build.pkg_config("--modversion")[0], cffi_modules=["eplb_mpi_build.py:ffi"])
