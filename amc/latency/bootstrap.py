"""The runner as it is sent to a device: the sources of a few modules, and the command that starts them."""

from __future__ import annotations

import struct
from importlib.resources import files

MODULES = ("timing", "fingerprint", "protocol", "onnx_format", "runner")
"""The modules that are sent; each imports only those before it, Python 3.8, NumPy and ONNX Runtime."""
BOOTSTRAP = 'import struct, sys; read = sys.stdin.buffer.read; exec(read(struct.unpack(">Q", read(8))[0]))'
"""The command that a device's Python is started with; it runs the source that it then reads."""


def bootstrap(threads: int) -> bytes:
    """The bytes that a Python started with `BOOTSTRAP` reads to become a runner with that many threads."""
    folder = files("amc.latency")
    sources = {f"amc.latency.{name}": (folder / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}
    source = f"""
import sys, types
for name, source in {sources!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
sys.modules["amc.latency.runner"].serve({threads})
""".encode()
    return struct.pack(">Q", len(source)) + source
