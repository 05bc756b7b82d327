"""What a network costs for any kept counts, and which kept counts a budget allows.

Read `axis_lengths` (how long each axis is), `costs` (MACs, parameters, memory), `limit` (one budget as it is written),
`budget` (what several budgets allow group by group) and `group_shares` (which groups a cost is due to).
"""
