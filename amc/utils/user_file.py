"""The user's own Python: `path/to/file.py:function`.

This is the only code from outside the packages that is ever executed.
"""

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from amc.utils.errors import UserError
from amc.utils.taken_names import taken
from amc.utils.text import did_you_mean, one_line

FORM = "path/to/file.py:function"


def is_user_function(spec: str) -> bool:
    """Return whether `spec` has the form `path/to/file.py:function`."""
    return spec.rpartition(":")[0].endswith(".py")


def load_function(spec: str) -> Callable[..., Any]:
    """Import the file of `path/to/file.py:function` and return the function.

    A file is executed once per process, however many of its functions are asked for. Its folder is appended to
    `sys.path`, so that it can import its neighbours. A note on standard error says where it, or a neighbour, imports a
    package of the user's that bears the name of one of this tool's.

    Raises:
        UserError: `spec` has another form, there is no such file or function, or the file fails to import.
    """
    file, _, name = spec.rpartition(":")
    if not is_user_function(spec) or not name:
        raise UserError(f"expected {FORM}, got {spec!r}")
    path = Path(file)
    if not path.is_file():
        raise UserError(f"expected a Python file at {path}, there is none; check the path")
    module = _import(path.resolve())
    function = getattr(module, name, None)
    if not callable(function):
        functions = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise UserError(f"{path} has no function {name!r}; {did_you_mean(name, functions)}")
    return function


def call_function(spec: str) -> Any:
    """Call the function of `path/to/file.py:function` without arguments and return its result.

    Raises:
        UserError: The function can't be loaded, as for `load_function`, it needs arguments, or it raised an exception.
    """
    function = load_function(spec)
    if needed := _needed(function):
        file, _, name = spec.rpartition(":")
        raise UserError(
            f"{spec} needs arguments ({', '.join(needed)}), and is called without any; write a function in {file} that"
            f" gives them, such as def build(): return {name}({', '.join(f'{each}=...' for each in needed)}), and name"
            f" that: {file}:build"
        )
    try:
        with _torch_as_it_is():
            return function()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{spec} failed when called without arguments: {one_line(error)}") from error


def _needed(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments that a function can't be called without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # one that is not written in Python
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in optional]


def user_modules() -> list[ModuleType]:
    """Return the imported modules of the user's files."""
    return [module for module in _imported if sys.modules.get(module.__name__) is module]


_imported: list[ModuleType] = []


@contextmanager
def _torch_as_it_is() -> Iterator[None]:
    """Restore PyTorch's default number format, device and gradient mode at the end, since a file may set its own."""
    dtype, device, gradients = torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        if torch.get_default_device() != device:
            torch.set_default_device(device)
        torch.set_grad_enabled(gradients)


def _import(path: Path) -> ModuleType:
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    name = _module_name(path)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # a path that ends in .py always has a loader
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = set(sys.modules)
    sys.modules[name] = module
    try:
        with _torch_as_it_is():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        ran = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
        raise UserError("; ".join([f"{path} failed to import: {one_line(error)}", *_clashes(path, ran)])) from error
    loaded = [getattr(sys.modules[each], "__file__", None) for each in sys.modules.keys() - before]
    for clash in _clashes(path, [Path(each) for each in loaded if each]):
        print(f"note: {clash}", file=sys.stderr)
    _imported.append(module)
    return module


def _clashes(path: Path, files: Iterable[Path]) -> list[str]:
    """Sentences on packages of the user's that go by a name of ours, from those of the files that lie beside `path`."""
    own = sorted({path, *(file for file in files if file.is_relative_to(path.parent))})
    return list(taken(own, (path.parent, Path.cwd())))


def _module_name(path: Path) -> str:
    """The plain stem where `import stem` means this very file, else a name of its own.

    With the plain name, objects of the file's classes can be pickled for worker processes.
    """
    stem = path.stem
    try:
        found = importlib.util.find_spec(stem) if stem.isidentifier() else None
    except (ImportError, ValueError):  # an earlier module of that name without a spec
        found = None
    if found is not None and found.origin == str(path):
        return stem
    return f"{stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
