"""Channel pruning of trained vision networks to a budget.

What is public is found here by its name, and imported when it is first asked for, so that `import amc` takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amc.utils.lazy_names import lazy_names

if TYPE_CHECKING:
    from agents.comparison.strategies_compared import compare as compare
    from agents.report.written_report import report as report
    from agents.search.one_call import search as search
    from agents.tuning.finetuning import finetune as finetune
    from agents.tuning.network_recovery import recover as recover
    from amc.analysis.analyse import analyse as analyse
    from amc.artifacts.exports import export as export
    from amc.artifacts.policy import load as load
    from amc.artifacts.policy import read_policy as read_policy
    from amc.data.load import load_data as load_data
    from amc.describe_network import describe as describe
    from amc.latency.latency_comparison import measure_latency as measure_latency
    from amc.networks.sources import load_network as load_network
    from amc.scoring.evaluation import evaluate as evaluate
    from amc.task import Task as Task
    from amc.task_options import TaskOptions as TaskOptions
    from amc.utils.errors import UserError as UserError
    from amc.utils.safe_backward import safe_backward as safe_backward

__version__ = "0.1.0"

HOMES = {
    "Task": "amc.task",
    "TaskOptions": "amc.task_options",
    "UserError": "amc.utils.errors",
    "analyse": "amc.analysis.analyse",
    "compare": "agents.comparison.strategies_compared",
    "describe": "amc.describe_network",
    "evaluate": "amc.scoring.evaluation",
    "export": "amc.artifacts.exports",
    "finetune": "agents.tuning.finetuning",
    "load": "amc.artifacts.policy",
    "load_data": "amc.data.load",
    "load_network": "amc.networks.sources",
    "measure_latency": "amc.latency.latency_comparison",
    "read_policy": "amc.artifacts.policy",
    "recover": "agents.tuning.network_recovery",
    "report": "agents.report.written_report",
    "safe_backward": "amc.utils.safe_backward",
    "search": "agents.search.one_call",
}
"""The module in which each public name lives."""

__all__ = ["__version__", *HOMES]

__getattr__, __dir__ = lazy_names(__name__, HOMES, ("__version__",))
