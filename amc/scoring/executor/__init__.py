"""The fast way to run many compact networks of one network on the same images.

What the networks run is traced once, as a list of operators that holds at all widths (`amc.replay`, `fused_program`).
`PrefixCache` computes what consecutive networks have in common once, and `StatisticsPass` re-estimates batch-norm
statistics by the same means. Everything else in this folder is private.

Read `fusion`, `fused_convolution`, `row_products` and `fused_program` (neighbours as one operator), then `prefix_cache`
and `statistics_pass`.
"""

from amc.replay.operator_program import OperatorProgram
from amc.scoring.executor.fused_program import fused, fused_program
from amc.scoring.executor.prefix_cache import Places, PrefixCache
from amc.scoring.executor.statistics_pass import StatisticsPass

__all__ = ["OperatorProgram", "Places", "PrefixCache", "StatisticsPass", "fused", "fused_program"]
