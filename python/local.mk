# The packages for Python, which build by themselves: pip install ./python ./python/mpi.
PYTHON_PACKAGES = \
	python/MANIFEST.in \
	python/README.md \
	python/eplb/__init__.py \
	python/eplb/_call.py \
	python/eplb/_registered.py \
	python/eplb/errors.py \
	python/eplb/formats.py \
	python/eplb/loads.py \
	python/eplb/options.py \
	python/eplb/placement.py \
	python/eplb/planner.py \
	python/eplb/py.typed \
	python/eplb/_staging.py \
	python/eplb/topology.py \
	python/eplb/torch.py \
	python/eplb/transfer.py \
	python/eplb/trigger.py \
	python/eplb_build.py \
	python/export.map \
	python/mpi/MANIFEST.in \
	python/mpi/eplb/mpi/__init__.py \
	python/mpi/eplb/mpi/py.typed \
	python/mpi/eplb_mpi_build.py \
	python/mpi/pyproject.toml \
	python/mpi/setup.cfg \
	python/mpi/setup.py \
	python/pyproject.toml \
	python/setup.cfg \
	python/setup.py
EXTRA_DIST += $(PYTHON_PACKAGES) \
	python/mpi/tests/tap_mpi.py \
	python/mpi/tests/test_session.py \
	python/tests/support.py \
	python/tests/tap.py \
	python/tests/test_docs.py \
	python/tests/test_drop_in.py \
	python/tests/test_formats.py \
	python/tests/test_input.py \
	python/tests/test_planning.py \
	python/tests/test_threads.py \
	python/tests/balancer/tap_torch.py \
	python/tests/balancer/test_balancer.py
