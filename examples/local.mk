# A program to start from; tests/tools/hello.test builds it against the installed libraries.
dist_doc_DATA = examples/hello.c
