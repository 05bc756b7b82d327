"""Tiny vision transformers that differ in how their attention is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Queries, keys and values of one linear layer; sizes are attributes of the module."""

    def __init__(self, dim: int, num_heads: int, head_dim: int, is_fused: bool) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.attn_dim = num_heads, head_dim, num_heads * head_dim
        self.scale, self.is_fused = head_dim**-0.5, is_fused
        self.qkv, self.proj = nn.Linear(dim, 3 * self.attn_dim), nn.Linear(self.attn_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, places, _ = x.shape
        qkv = self.qkv(x).reshape(batch, places, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        if self.is_fused:
            x = F.scaled_dot_product_attention(q, k, v)
        else:
            x = ((q * self.scale) @ k.transpose(-2, -1)).softmax(-1) @ v
        out: Tensor = self.proj(x.transpose(1, 2).reshape(batch, places, self.attn_dim))
        return out


class NormedAttention(Attention):
    """Queries and keys are normed within each head."""

    def __init__(self, dim: int, num_heads: int, head_dim: int) -> None:
        super().__init__(dim, num_heads, head_dim, is_fused=True)
        self.q_norm, self.k_norm = nn.LayerNorm(head_dim), nn.LayerNorm(head_dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, places, _ = x.shape
        q, k, v = self.qkv(x).reshape(batch, places, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(self.q_norm(q), self.k_norm(k), v)
        out: Tensor = self.proj(x.transpose(1, 2).reshape(batch, places, self.attn_dim))
        return out


class OfTheStream(nn.Module):
    """The heads share out as many channels as the input has, and the scale is computed from that."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q, self.kv, self.proj = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim, bias=False), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, places, dim = x.shape
        width = dim // self.num_heads
        q = self.q(x).view(batch, places, self.num_heads, width).transpose(1, 2)
        k, v = self.kv(x).view(batch, places, 2, self.num_heads, width).permute(2, 0, 3, 1, 4)
        attention = (q * width**-0.5) @ k.transpose(-2, -1)
        out: Tensor = self.proj((attention.softmax(-1) @ v).transpose(1, 2).reshape(batch, places, dim))
        return out


class Windows(nn.Module):
    """Attention within windows, with a table of biases for each head and pair of places."""

    def __init__(self, dim: int, num_heads: int, head_dim: int, window: int = 4) -> None:
        super().__init__()
        self.num_heads, self.scale = num_heads, head_dim**-0.5
        self.qkv, self.proj = nn.Linear(dim, 3 * num_heads * head_dim), nn.Linear(num_heads * head_dim, dim)
        self.table = nn.Parameter(torch.randn(2 * window - 1, num_heads))
        places = torch.arange(window)
        self.register_buffer("index", places[:, None] - places[None, :] + window - 1)
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        batch, places, dim = x.shape
        x = x.reshape(-1, self.window, dim)
        q, k, v = self.qkv(x).reshape(*x.shape[:2], 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index.view(-1)].view(self.window, self.window, -1).permute(2, 0, 1)  # type: ignore[operator]
        attention = ((q * self.scale) @ k.transpose(-2, -1) + bias).softmax(-1)
        x = (attention @ v).transpose(1, 2).reshape(*x.shape[:2], -1)
        out: Tensor = self.proj(x).reshape(batch, places, dim)
        return out


class TalkingHeads(Attention):
    """The heads are mixed before and after the softmax."""

    def __init__(self, dim: int, num_heads: int, head_dim: int) -> None:
        super().__init__(dim, num_heads, head_dim, is_fused=False)
        self.before, self.after = nn.Linear(num_heads, num_heads), nn.Linear(num_heads, num_heads)

    def forward(self, x: Tensor) -> Tensor:
        batch, places, _ = x.shape
        qkv = self.qkv(x).reshape(batch, places, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        scores = (qkv[0] * self.scale) @ qkv[1].transpose(-2, -1)
        scores = self.before(scores.permute(0, 2, 3, 1)).softmax(2)
        x = (self.after(scores).permute(0, 3, 1, 2) @ qkv[2]).transpose(1, 2)
        out: Tensor = self.proj(x.reshape(batch, places, self.attn_dim))
        return out


class Torch(nn.Module):
    """PyTorch's own attention."""

    def __init__(self, dim: int, num_heads: int, need_weights: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.attention(x, x, x, need_weights=self.need_weights)[0]
        return out


class Block(nn.Module):
    """Attention and two linear layers behind layer norms, each scaled and added."""

    def __init__(self, dim: int, attention: nn.Module) -> None:
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(dim), attention, nn.LayerNorm(dim)
        self.fc1, self.fc2 = nn.Linear(dim, 12), nn.Linear(12, dim)
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.gamma * self.attention(self.norm1(x))
        out: Tensor = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return out


class VisionTransformer(nn.Module):
    """Patches with positions and a class token, two blocks, a norm and a classifier."""

    def __init__(self, attention: Callable[[], nn.Module], dim: int = 12, has_token: bool = True) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, dim, 4, stride=4)
        self.token = nn.Parameter(torch.zeros(1, 1, dim)) if has_token else None
        self.places = nn.Parameter(torch.randn(1, 4 + has_token, dim))
        self.blocks = nn.Sequential(*(Block(dim, attention()) for _ in range(2)))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        if self.token is not None:
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        out: Tensor = self.head(self.norm(self.blocks(x + self.places))[:, 0])
        return out


@dataclass(frozen=True)
class Written:
    """A way to write attention, and which of heads, keys and the stream can be cut apart."""

    attention: Callable[[], nn.Module]
    groups: list[tuple[str, int]]
    has_token: bool = True

    def build(self) -> nn.Module:
        torch.manual_seed(0)
        return VisionTransformer(self.attention, has_token=self.has_token)


def _apart(heads: int, width: int, more: int = 0) -> list[tuple[str, int]]:
    groups = [("patches", 12)]
    for number in range(2):
        qkv = f"blocks.{number}.attention.qkv"
        groups += [(qkv, heads), (f"{qkv}#2", width)]
        groups += [(f"blocks.{number}.attention.before", more)] if more else []
        groups += [(f"blocks.{number}.fc1", 12)]
    return groups


TOGETHER = [("patches", 3), ("patches#2", 4), ("blocks.0.fc1", 12), ("blocks.1.fc1", 12)]
WRITTEN = {
    "fused": Written(lambda: Attention(12, 3, 5, is_fused=True), _apart(3, 5)),
    "unfused": Written(lambda: Attention(12, 3, 5, is_fused=False), _apart(3, 5)),
    "square": Written(lambda: Attention(12, 4, 4, is_fused=True), _apart(4, 4)),
    "normed": Written(lambda: NormedAttention(12, 3, 5), _apart(3, 5)),
    "windows": Written(lambda: Windows(12, 3, 5), _apart(3, 5), has_token=False),
    "talking": Written(lambda: TalkingHeads(12, 3, 5), _apart(3, 5, more=3)),
    "of the stream": Written(lambda: OfTheStream(12, 3), TOGETHER),
    "torch": Written(lambda: Torch(12, 3, need_weights=False), TOGETHER),
    "torch with weights": Written(lambda: Torch(12, 3, need_weights=True), TOGETHER),
}
"""Ways to write attention, by name."""
