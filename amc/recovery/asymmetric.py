"""Reconstruction layer after layer: inputs from the network that is pruned already, targets from the original.

Least squares on the original's inputs (`amc.recovery.reconstruction`) does not know that what a layer reads has
drifted, because the layers before it were pruned too. Here the pruned network runs once over the calibration images,
all in one batch. When it comes to a layer, the layer's weights are solved from what it then reads to what the original
gave there, and the pass goes on with the new weights (the asymmetric reconstruction of Zhang et al. 2016,
arXiv:1505.06798, section 3.3). Where the output is added to a shortcut, the target makes up for the drift of the
shortcut too: the block's output is fitted, not the branch's (He, Zhang, Sun 2017, section 3.3). A batch norm that reads
a solved layer keeps the statistics of the original, which the layer is fitted to; those of every other one move as far
as what it reads has.

What least squares predicts varies less than its targets do, the more so the less of them can be explained, and that
adds up from layer to layer. So a solved layer that a batch norm reads is scaled up to the variance that the norm was
trained on; not so one that is added to a shortcut, whose target holds drift that nothing explains.

Class scores that a layer gives are scaled by one factor at the end (`amc.recovery.score_scale`).

On the images that layers are solved on, errors shrink from layer to layer as on no others. So where images are few some
of them take no part in any solve, and each layer's ridge is the one that is best on these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from amc.graph import Layer, PruningGraph
from amc.graph.batch_memory import calibration_batch, most_images
from amc.graph.inputs import Example, batch_size, take_first
from amc.graph.layer_calls import NORMS, LayerPass, ShortcutPass, layer_input, read_tensor, run_pass
from amc.pruning.slicing import UnitMask, named_tensors, output_factors
from amc.recovery.batch_norm_statistics import channel_statistics
from amc.recovery.layer_problem import LayerProblem, LostShares
from amc.recovery.least_squares import held_out_count
from amc.recovery.output_distance import OutputKinds
from amc.recovery.row_sampling import ROWS_PER_UNKNOWN, draw_positions, enough_positions, patches, unknowns
from amc.recovery.score_scale import scale_scores, score_layers, scores_of
from amc.recovery.solved_layers import Solution, SolvedLayers

LEAST_POSITIONS = 16
"""The least number of output positions of a layer that are sampled in each image (all where there are fewer)."""
MOST_POSITIONS = 128
"""The largest number of them, unless least squares needs more to be determined."""
CHUNK = 100
"""The number of images whose rows are held at once."""
LEAST_SCALE = 1e-3
"""A channel that a batch norm scales by less than this, relative to its largest scale, can't make up for a shortcut."""


class Asymmetric:
    """Solves all layers of compact networks of one original, each from what it reads in the compact network.

    Args:
        model: The trained network in evaluation mode. It is not changed.
        graph: The network's analysis.
        calibration: Batches of inputs, `(n, ...)` each.
        seed: The seed of the positions that are sampled in the images.
        output_kinds: The kinds of the network's outputs (`amc.recovery.output_distance`); none where all are values.

    Attributes:
        held_out: The number of images, the last ones, that no layer is solved on; none where there are plenty.
        lost: What is lost in each layer of the network that was solved last, by its call, where images are held out.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: PruningGraph,
        calibration: Sequence[Example],
        seed: int,
        output_kinds: OutputKinds = (),
    ) -> None:
        self.layers = {layer.call: layer for layer in layers_to_solve(graph)}
        self.graph = graph
        self.seed = seed
        self.images = calibration_batch(graph, calibration)
        self.held_out = held_out_images(list(self.layers.values()), batch_size(self.images))
        shortcuts = ShortcutPass(self.layers)
        run_pass(model, take_first(self.images, 2), shortcuts, graph)
        self.shortcuts = shortcuts.found
        self.lost: dict[int, LostShares] = {}
        self.read_rows: dict[int, int] = {}  # by call: how many images or rows of images the original reads there
        self.outputs: dict[int, list[Tensor]] = {}  # by call: rows (rows, outputs), a tensor for each chunk
        self.added: dict[int, list[Tensor]] = {}  # likewise, of what is added to the output
        self.axes = {name: axes[0] for name, axes in graph.tensors.items() if 0 in axes}
        self.read: dict[str, tuple[Tensor, Tensor]] = {}  # by a norm's running mean: moments of what it reads
        self.solved = SolvedLayers(graph, self.layers)
        kinds = () if graph.heads else output_kinds  # which are those of the heads, where there are any
        self.score_layers = score_layers(model, graph, self.layers, take_first(self.images, 2), kinds)
        outputs = run_pass(model, self.images, _OriginalPass(self, model), graph)
        self.scores = scores_of(self.score_layers, outputs, self.held_out)

    def refit(self, network: nn.Module, mask: UnitMask) -> None:
        """Solve all layers of `network`, the compact network in which the units `mask` stay, in place, in order."""
        self.lost = {}
        outputs = run_pass(network, self.images, _RefitPass(self, network, mask), self.graph)
        scale_scores(network, self.score_layers, scores_of(self.score_layers, outputs, self.held_out), self.scores)

    @property
    def mean_lost(self) -> LostShares | None:
        """The mean over layers of what is lost in each; None where no images are held out, or nothing was solved."""
        if not self.lost:
            return None
        seen, held_out = (fmean(getattr(each, name) for each in self.lost.values()) for name in ("seen", "held_out"))
        return LostShares(seen, held_out, batch_size(self.images) < most_images(self.graph))


class _Sampling(LayerPass):
    """A pass that looks at the same random positions whichever network runs."""

    def __init__(self, owner: Asymmetric, network: nn.Module) -> None:
        super().__init__(owner.layers)
        self._owner = owner
        self._generator = torch.Generator().manual_seed(owner.seed)
        self._modules = dict(network.named_modules())
        self._names = {id(tensor): name for name, tensor in named_tensors(network).items()}
        self._sources = set(owner.shortcuts.values())
        self._made: dict[int, Tensor] = {}
        norms = [self._norm(layer) for layer in owner.layers.values()]
        self._fitted = {id(norm.running_mean) for norm in norms if norm is not None}

    def after(self, name: str, args: Any, layer: Layer | None, out: Tensor) -> None:  # noqa: ARG002
        """Remember an output that is added to a layer's output later on."""
        if self.operator in self._sources:
            self._made[self.operator] = out

    def _shortcut(self) -> Tensor | None:
        """The tensor that will be added to the output of the current call, if any."""
        return self._made.get(self._owner.shortcuts.get(self.call, -1))

    def _moves(self, name: str, args: Any) -> bool:
        """Whether an operator is a batch norm whose statistics move as its input has: no layer is fitted to it."""
        return name in NORMS and id(args[3]) in self._names and id(args[3]) not in self._fitted

    def _norm(self, layer: Layer) -> _BatchNorm | None:
        """The batch norm that reads a layer's output alone, if it has statistics."""
        norm = self._modules.get(layer.norm or "")
        return norm if isinstance(norm, _BatchNorm) and norm.running_mean is not None else None

    def _samples(self, layer: Layer, name: str, args: Any) -> list[_Sample]:
        """The positions at which the current call is looked at, chunk by chunk, those of images held out at the end."""
        images, x = batch_size(self._owner.images), read_tensor(name, args)
        count = self._owner.read_rows[self.call]
        most = enough_positions(layer, images, LEAST_POSITIONS, MOST_POSITIONS)
        first_held = count * (images - self._owner.held_out) // images
        parts = [part for part in (range(first_held), range(first_held, count)) if part]
        if not layer.kernel:
            return [
                _Sample(
                    slice(None),
                    part.start
                    + torch.randperm(len(part), generator=self._generator)[: len(part) * images * most // count],
                    part.start >= first_held,
                )
                for part in parts
            ]
        geometry = x.shape[2:], layer.kernel, args[3:6]
        return [
            _Sample(
                slice(start, min(start + CHUNK, part.stop)),
                draw_positions(*geometry, most, self._generator),
                part.start >= first_held,
            )
            for part in parts
            for start in part[::CHUNK]
        ]


class _Sample(NamedTuple):
    """The positions at which one chunk of images is looked at; of a linear layer, rows of all images.

    Rows are in float32, whatever number format a network computes in.
    """

    images: slice
    places: Tensor
    is_held: bool

    def read(self, layer: Layer, name: str, args: Any) -> Tensor:
        """What a call of the layer reads there, `(rows, inputs)`."""
        if not layer.kernel:
            return layer_input(name, args)[self.places]
        return patches(args[0][self.images], layer.kernel, args[3:6], self.places).float()

    def of(self, layer: Layer, out: Tensor) -> Tensor:
        """What lies there in an output of the layer, `(rows, outputs)`."""
        if not layer.kernel:
            return out[self.places].float()
        return out[self.images].flatten(2)[:, :, self.places].transpose(1, 2).flatten(0, 1).float()


class _OriginalPass(_Sampling):
    """Notes what the original gives at the sampled positions, and what its batch norms read."""

    def before(self, name: str, args: Any, layer: Layer | None) -> None:  # noqa: ARG002
        """Note the moments of what a batch norm is about to read."""
        if self._moves(name, args):
            self._owner.read[self._names[id(args[3])]] = channel_statistics(args[0])

    def after(self, name: str, args: Any, layer: Layer | None, out: Tensor) -> None:
        """Note the sampled rows of a layer's output, and of what is added to it."""
        super().after(name, args, layer, out)
        if layer is None:
            return
        self._owner.read_rows[self.call] = len(read_tensor(name, args))
        samples = self._samples(layer, name, args)
        self._owner.outputs[self.call] = [sample.of(layer, out) for sample in samples]
        shortcut = self._shortcut()
        if shortcut is not None and shortcut.shape == out.shape:
            self._owner.added[self.call] = [sample.of(layer, shortcut) for sample in samples]


class _RefitPass(_Sampling):
    """Solves each layer when the pass comes to it."""

    def __init__(self, owner: Asymmetric, network: nn.Module, mask: UnitMask) -> None:
        super().__init__(owner, network)
        self._mask = mask
        self._tensors = named_tensors(network)

    def before(self, name: str, args: Any, layer: Layer | None) -> None:
        """Solve the layer that runs next, or move the statistics of the batch norm that does."""
        if layer is not None:
            self._solve(layer, name, args)
        elif self._moves(name, args):
            self._move(self._names[id(args[3])], args[3], args[4], *channel_statistics(args[0]))

    def _move(self, name: str, running_mean: Tensor, running_var: Tensor, mean: Tensor, var: Tensor) -> None:
        """Change a batch norm's statistics as those of its input have changed."""
        axis = self._owner.axes.get(name)
        kept = slice(None) if axis is None else torch.from_numpy(axis.kept(self._mask))
        former_mean, former_var = (each[kept] for each in self._owner.read[name])
        running_mean.add_(mean - former_mean)
        running_var.mul_(torch.where(former_var > 0, var / former_var.clamp(min=1e-12), 1.0))

    def _solve(self, layer: Layer, name: str, args: Any) -> None:
        """Change the weights of the layer whose call comes next.

        A layer that reads rows which the network chose, as experts do, is left as it is: the original chose others.
        """
        assert layer.weight is not None
        weight, bias, norm = self._tensors[layer.weight], self._tensors.get(layer.bias or ""), self._norm(layer)
        matrix = weight.T if layer.transposed_weight else weight
        groups, count = args[8] if layer.kernel else 1, matrix[0].numel()
        current = matrix.detach().float().reshape(groups, -1, count).transpose(1, 2)  # (groups, inputs, outputs)
        if bias is not None or norm is not None:  # something can take a constant
            constant = current.new_zeros(len(matrix)) if bias is None else bias.detach().float()
            current = torch.cat([current, constant.reshape(groups, 1, -1)], dim=1)
        samples = self._samples(layer, name, args)  # which draws positions in any case
        read = len(read_tensor(name, args))
        if read != self._owner.read_rows[self.call] or not read or read % batch_size(self._owner.images):
            return
        change, lost = self._owner.solved.get(
            self.call, self._mask, lambda: self._solution(self._rows(samples, layer, name, args, groups), current, norm)
        )
        if lost:
            self._owner.lost[self.call] = lost
        if change is None:
            return
        step = change[:, :count].transpose(1, 2).reshape(matrix.shape).to(weight.dtype)
        weight.add_(step.T if layer.transposed_weight else step)
        shift = change[:, count:].reshape(-1)
        if bias is not None:
            bias.add_(shift)
        elif norm is not None and norm.running_mean is not None:
            norm.running_mean.sub_(shift)

    def _rows(
        self, samples: Sequence[_Sample], layer: Layer, name: str, args: Any, groups: int
    ) -> Iterator[tuple[Tensor, Tensor, bool]]:
        """Chunks of what the layer reads, `(groups, rows, inputs)`, and shall give, and whether they are held out."""
        kept = torch.from_numpy(layer.out.kept(self._mask))
        outputs, added = self._owner.outputs[self.call], self._owner.added.get(self.call)
        shortcut, factors = self._shortcut(), output_factors(self._owner.graph, layer, self._mask)
        for number, sample in enumerate(samples):
            rows, wanted = sample.read(layer, name, args), outputs[number][:, kept]
            if factors is not None:
                wanted = wanted * factors.to(wanted.device)
            if added is not None and shortcut is not None:
                drift = added[number][:, kept] - sample.of(layer, shortcut)
                wanted = wanted + _before(self._norm(layer), drift)
            read, shall_give = (each.unflatten(1, (groups, -1)).transpose(0, 1) for each in (rows, wanted))
            yield read, shall_give, sample.is_held

    def _solution(
        self, chunks: Iterator[tuple[Tensor, Tensor, bool]], current: Tensor, norm: _BatchNorm | None
    ) -> Solution:
        """The change of the weights `current`, both `(groups, inputs, outputs)`, and what is lost."""
        problem = LayerProblem(current)
        for chunk in chunks:
            problem.add(*chunk)
            if problem.is_solved:
                return Solution(None, None)
        change = problem.change()
        lost = problem.lost(change)
        if change is None or norm is None or self.call in self._owner.added:
            return Solution(change, lost)
        return Solution(problem.with_variance(change), lost)


def layers_to_solve(graph: PruningGraph) -> list[Layer]:
    """The layers that are solved, those with a weight of their own; the others are left as they are."""
    uses = Counter(layer.weight for layer in graph.layers)
    return [
        layer
        for layer in graph.layers
        if layer.weight is not None and uses[layer.weight] == 1 and not (layer.kernel and layer.transposed_weight)
    ]


def held_out_images(layers: Sequence[Layer], images: int) -> int:
    """How many of `images` are held out: none where all layers have rows enough for each of their unknowns."""
    is_short = any(images * layer.positions < ROWS_PER_UNKNOWN * unknowns(layer) for layer in layers)
    return held_out_count(images) if is_short else 0


def _before(norm: _BatchNorm | None, drift: Tensor) -> Tensor:
    """The values to add in front of a batch norm so that `drift` `(rows, channels)` is added behind it."""
    if norm is None or norm.running_var is None:
        return drift
    scale = (norm.running_var + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.detach()
    usable = scale.abs() > LEAST_SCALE * scale.abs().max()
    return torch.where(usable, drift / torch.where(usable, scale, 1.0), 0.0)
