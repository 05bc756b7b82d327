"""Where the policies of a search are scored: in this process, in several processes, or on a Ray cluster.

Read `engine` (the interface and the serial one), `processes`, then `ray_cluster`; `shared_pickle` and `parent_process`
are what both need.
"""
