# The tool as its users meet it: what it prints, what it refuses, how it ends. Also the libraries as they are installed.
TOOL_TESTS = \
	tests/tools/generate.test \
	tests/tools/hello.test \
	tests/tools/help.test \
	tests/tools/plan.test \
	tests/tools/plan_refusals.test \
	tests/tools/run.test \
	tests/tools/run_failures.test \
	tests/tools/topo.test
TESTS += $(TOOL_TESTS)
EXTRA_DIST += $(TOOL_TESTS) tests/tools/run.sh tests/tools/loads tests/tools/expected
