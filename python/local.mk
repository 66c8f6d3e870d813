# The package for Python, which builds by itself: pip install ./python.
EXTRA_DIST += \
	python/MANIFEST.in \
	python/README.md \
	python/eplb/__init__.py \
	python/eplb/_call.py \
	python/eplb/errors.py \
	python/eplb/formats.py \
	python/eplb/loads.py \
	python/eplb/options.py \
	python/eplb/placement.py \
	python/eplb/planner.py \
	python/eplb/py.typed \
	python/eplb/topology.py \
	python/eplb/transfer.py \
	python/eplb/trigger.py \
	python/eplb_build.py \
	python/export.map \
	python/pyproject.toml \
	python/setup.cfg \
	python/setup.py \
	python/tests/support.py \
	python/tests/tap.py \
	python/tests/test_docs.py \
	python/tests/test_drop_in.py \
	python/tests/test_formats.py \
	python/tests/test_input.py \
	python/tests/test_planning.py \
	python/tests/test_threads.py
