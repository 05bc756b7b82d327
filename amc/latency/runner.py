"""The program that runs on a device: it measures the ONNX models that it is sent, and does nothing else.

It needs Python 3.8 or later, NumPy and ONNX Runtime. It arrives over standard input with the modules that it imports
from here (`amc.latency.bootstrap`), writes no file and opens no port. Requests come on standard input, answers go to
standard output. The first answer is the fingerprint of the device.
"""

from __future__ import annotations

import faulthandler
import os
import platform
import resource
import select
import signal
import sys
import threading
from typing import Any, Callable

from amc.latency.fingerprint import fingerprint
from amc.latency.onnx_format import refusal
from amc.latency.protocol import Message, ProtocolError, encoded, read_message
from amc.latency.timing import measure, wall_timer

MEMORY_LIMIT = 8 << 30
"""The address space of the runner in bytes, or the device's memory if that is less."""
GRACE_SECONDS = 60
"""The seconds that reading the models and one round may take beyond the time that is asked for."""
STUCK_SECONDS = 30
"""The seconds after those at which this process ends itself, whatever still runs, such as a pass that never ends."""


class Refused(Exception):  # noqa: N818
    """A request is not served; the answer has the message of this error as the reason."""


def serve(threads: int) -> None:
    """Answer requests until standard input ends, with that many threads on one operator."""
    write = _private_output()
    try:
        _limit_memory()
        runtime = _runtime()
    except ImportError as error:
        write(Message({"refused": "the device's {} has no package {}".format(_python(), error.name)}))
        return
    write(Message({"fingerprint": fingerprint("onnxruntime {}".format(runtime.__version__), threads)}))
    threading.Thread(target=_end_with_search, daemon=True).start()
    while True:
        try:
            request = read_message(sys.stdin.buffer.read)
        except EOFError:
            return
        write(_answer(runtime, request, threads))


def _answer(runtime: Any, request: Message, threads: int) -> Message:
    header = request.header
    try:
        sizes, precision, limit = header["sizes"], float(header["precision"]), float(header["limit"])
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError("a request without {}".format(error)) from error
    seconds = int(limit + GRACE_SECONDS)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(seconds + STUCK_SECONDS, exit=True)
    try:
        runs = [_network(runtime, content, threads) for content in _parts(request.body, sizes)]
        timing = measure([wall_timer(run) for run in runs], precision, limit)
    except Refused as error:
        return Message({"refused": str(error)})
    except MemoryError:
        return Message({"refused": "the device has too little memory for the network"})
    except TimeoutError:
        return Message({"refused": "the network takes more than {} seconds".format(seconds)})
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()
    return Message({"latencies": timing.latencies, "ratios": timing.ratios, "rounds": timing.rounds})


def _parts(body: bytes, sizes: list[int]) -> list[bytes]:
    """The models that lie one after the other in `body`."""
    if not sizes or sum(sizes) != len(body):
        raise ProtocolError("models of {} bytes, got {}".format(sizes, len(body)))
    parts, start = [], 0
    for size in sizes:
        parts.append(body[start : start + size])
        start += size
    return parts


def _network(runtime: Any, content: bytes, threads: int) -> Callable[[], object]:
    """A function that runs a model once, on random inputs."""
    reason = refusal(content)
    if reason:
        raise Refused("the runner takes no such network: {}".format(reason))
    try:
        session = runtime.InferenceSession(content, _options(runtime, threads), providers=["CPUExecutionProvider"])
        feeds = {each.name: _input(each) for each in session.get_inputs()}
        session.run(None, feeds)
    except (Refused, MemoryError, TimeoutError):
        raise
    except Exception as error:  # the runtime's own kinds, which differ between versions
        raise Refused("ONNX Runtime {} refuses the network: {}".format(runtime.__version__, error)) from error
    return lambda: session.run(None, feeds)


def _options(runtime: Any, threads: int) -> Any:
    """The options of a session: operators run one after the other, and no thread goes on spinning after a pass."""
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _input(wanted: Any) -> Any:
    """An input of random normal numbers, or of zeros where it is not floating-point: indices, masks."""
    import numpy as np

    if not all(isinstance(size, int) for size in wanted.shape):
        raise Refused("expected inputs of fixed shape, got {} of {}".format(wanted.name, wanted.shape))
    kinds = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16"}
    if wanted.type in kinds:
        return np.random.RandomState(0).standard_normal(wanted.shape).astype(kinds[wanted.type])
    kind = wanted.type[len("tensor(") : -1]
    if kind not in ("bool", "int8", "uint8", "int32", "int64"):
        raise Refused("inputs of {} are not known".format(wanted.type))
    return np.zeros(wanted.shape, kind)


def _runtime() -> Any:
    import onnxruntime

    return onnxruntime


def _private_output() -> Callable[[Message], None]:
    """A function that writes messages to standard output; whatever else is printed goes to standard error."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def write(message: Message) -> None:
        output.write(encoded(message))
        output.flush()

    return write


def _end_with_search() -> None:
    """End this process once standard input is closed, as after a kill of the search; a measurement can be long."""
    poll = select.poll()
    poll.register(0, getattr(select, "POLLRDHUP", 0))  # a hang-up is told in any case, that of one direction here
    poll.poll()
    os._exit(1)


def _limit_memory() -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = min(MEMORY_LIMIT, memory)
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _too_long(*_: object) -> None:
    raise TimeoutError


def _python() -> str:
    return "python3 ({}, version {})".format(sys.executable, platform.python_version())
