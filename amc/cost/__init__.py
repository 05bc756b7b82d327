"""What a network costs for any kept counts, and which kept counts a budget allows.

Read `axis_lengths` (how long each axis is), `costs` (MACs, parameters, memory), `limit` (one budget as it is written),
then `budget` (what several budgets allow group by group).
"""
