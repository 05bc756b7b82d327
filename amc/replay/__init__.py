"""A network as the list of operators that it runs, which is run without the network's Python code.

Read `operator_trace` with `sizeless_operators` and `trace_merging` (the operators of a run, in terms that hold for
other widths and numbers of images), then `operator_program` (the list that is run, as a whole or in pieces).
"""
