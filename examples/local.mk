# Programs to start from; tests/tools/hello.test builds them against the installed libraries.
dist_doc_DATA = examples/hello.c examples/overlap.c
