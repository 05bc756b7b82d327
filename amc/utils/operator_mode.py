"""The base of all modes that see every operator that runs."""

from torch.utils._python_dispatch import TorchDispatchMode


class OperatorMode(TorchDispatchMode):
    """A `TorchDispatchMode` that is never compiled.

    PyTorch keeps its compiler away from what such modes do, for which it imports the compiler, two seconds' work, and
    calls it for every operator.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
