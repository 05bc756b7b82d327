"""The fast way to run many shapes of one network: its operators as a program, without the Python of its `forward`.

Read `operator_trace` (the operators of a run, in terms that hold for other widths), `operator_program` (the list that
is run), `fusion` (neighbours as one operator), `prefix_cache` (shared beginnings computed once), and `statistics_pass`
(batch-norm statistics of many networks).
"""
