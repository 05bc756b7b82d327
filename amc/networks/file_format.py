"""The kind of a weights file, told by its content, with advice for what is none: a suffix says little."""

import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO

from amc.utils.errors import UserError
from amc.utils.text import one_line, shortened

SAFETENSORS = "safetensors"
TORCH = "torch"

LEGACY_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the pickled number that files of torch.save began with until 1.6
HEAD = 1024  # bytes
AGAIN = "copy or download it again"
CONVERT = "give weights of PyTorch: torch.save(model.state_dict(), file)"
ONE_FILE = "load it where it was made and save one file: torch.save(model.state_dict(), file)"
UNPACK = "unpack it and give the weights file in it"
STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file", "fetch the file: git lfs pull"),
    (b"/annex/objects/", "a pointer of git-annex in place of the file", "fetch the file: git annex get"),
    (b"\x93NUMPY", "a NumPy array", CONVERT),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras writes", CONVERT),
    (b"\x08\x01\x12", "a SavedModel of TensorFlow", CONVERT),
    (b"model_checkpoint_path:", "the index of a TensorFlow checkpoint", CONVERT),
    (b"GGUF", "a GGUF file", CONVERT),
    (b"\x12\x01\0\0\0\0\0\0", "a file of MXNet parameters", CONVERT),
    (b"\x1f\x8b", "a file compressed by gzip", UNPACK),
    (b"BZh", "a file compressed by bzip2", UNPACK),
    (b"\xfd7zXZ\0", "a file compressed by xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a file compressed by zstd", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"PK\x05\x06", "an empty zip archive", AGAIN),
    (b"\x89PNG", "an image", "give a weights file"),
    (b"\xff\xd8\xff", "an image", "give a weights file"),
    (b"%PDF", "a PDF document", "give a weights file"),
)
"""First bytes of files that hold no PyTorch weights, with what they are and what to do."""
ONNX_FIELDS = b"\x12\x1a\x22\x28\x32\x3a\x42"  # what may follow the version that an ONNX file begins with
SSTABLE_END = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
TORCH_TAR = {"sys_info", "pickle", "storages", "tensors"}
ADDRESSES = ("http:/", "https:/", "s3:/", "gs:/", "hf:/")
WEB = ("<!doctype", "<html", "<head", "<?xml", "<error", "<script", "<!--")


def format_of(path: Path) -> str:
    """Return `SAFETENSORS`, or `TORCH` (a zip archive or older pickles of `torch.save`), whatever the file's name.

    Raises:
        UserError: There is no such file, or it is something else, which is named with what to do about it.
    """
    try:
        if path.is_dir():
            raise _refusal(path, *_folder(path))
        if not path.is_file():
            remedy = "download it first" if str(path).startswith(ADDRESSES) else "check the path"
            raise UserError(f"expected a weights file at {path}, there is none; {remedy}")
        with path.open("rb") as file:
            return _format(path, file)
    except OSError as error:
        raise UserError(f"{path} can't be read: {one_line(error)}") from error


def _format(path: Path, file: BinaryIO) -> str:
    head = file.read(HEAD)
    if not head.strip(b"\0"):
        raise _refusal(path, "a file of zeros only" if head else "an empty file", AGAIN)
    if head.startswith(b"PK\x03\x04"):
        return _zip(path)
    if LEGACY_TORCH in head[:32]:
        return TORCH
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        return SAFETENSORS
    for start, what, remedy in STARTS:
        if head.startswith(start):
            raise _refusal(path, what, remedy)
    if head[257:262] == b"ustar":
        raise _refusal(path, *_tar(path))
    raise _refusal(path, *(_text(head) or _binary(head.ljust(8, b"\0"), _end(file))))


def _refusal(path: Path, what: str, remedy: str) -> UserError:
    return UserError(f"expected a weights file at {path}, got {what}; {remedy}")


def _zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UserError(f"{path} is cut off or damaged: its archive has no end that can be read; {AGAIN}") from error
    inner = {name.partition("/")[2] for name in names} | set(names)
    if inner & {"constants.pkl", "code/__torch__.py"}:
        raise _refusal(
            path,
            "a TorchScript archive (torch.jit.save)",
            "save its weights: torch.save(torch.jit.load(FILE).state_dict(), NEW)",
        )
    if inner & {"archive_format", "serialized_exported_program.json", "models/model.json"}:
        raise _refusal(
            path,
            "a program of torch.export",
            "save its weights: torch.save(torch.export.load(FILE).state_dict, NEW)",
        )
    if ".data/extern_modules" in inner:
        raise _refusal(path, "a package of torch.package", CONVERT)
    if "data.pkl" in inner:
        return TORCH
    if "model.weights.h5" in inner:
        raise _refusal(path, "a model of Keras", CONVERT)
    if names and all(name.endswith(".npy") for name in names):
        raise _refusal(path, f"an archive of NumPy arrays ({shortened(names, 3)})", CONVERT)
    raise _refusal(path, f"a zip archive of {shortened(names, 3)}", UNPACK)


def _tar(path: Path) -> tuple[str, str]:
    try:
        with tarfile.open(path) as archive:
            names = archive.getnames()
    except (tarfile.TarError, OSError) as error:
        return f"a damaged tar archive ({one_line(error)})", AGAIN
    if set(names) >= TORCH_TAR:
        return "a tar archive of PyTorch before 0.1.10, which is not read safely", f"in a new version, {CONVERT}"
    return f"a tar archive of {shortened(names, 3)}", UNPACK


def _text(head: bytes) -> tuple[str, str] | None:
    """Return what a text file is and what to do; None if the file is no text."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = head.decode(encoding)
    except UnicodeDecodeError as error:
        if len(head) < HEAD or error.start < HEAD - 7:  # not just a character that the end of the head cuts
            return None
        text = head.decode(encoding, errors="ignore")
    if not all(character.isprintable() or character.isspace() for character in text):
        return None
    begin = text.strip().lower()
    if begin.startswith(WEB):
        return "a web page", "the download went wrong (a login, a moved file?): get the file itself"
    if begin.startswith("outs:") or "\nouts:" in begin:
        return "a pointer of DVC in place of the file", "fetch the file: dvc pull"
    if "weight_map" in begin and begin.startswith("{"):
        return "the index of a checkpoint in several files", ONE_FILE
    if begin.startswith(("{", "[")):
        return "JSON text", "give the weights themselves"
    return f"text that begins {' '.join(text.split())[:40]!r}", "give the weights themselves"


def _binary(head: bytes, end: bytes) -> tuple[str, str]:
    if head[0] == 0x80 and head[1] <= 5:
        return (
            "a pickle that torch.save did not write, which to read would execute code",
            "save the tensors alone: torch.save(model.state_dict(), file)",
        )
    if head[0] == 0x08 and head[1] < 32 and head[2] in ONNX_FIELDS:
        return "an ONNX file", "give the weights of PyTorch that it was made from"
    if end == SSTABLE_END:
        return "a TensorFlow checkpoint", CONVERT
    if head[4:8] == b"TFL3":
        return "a file of TensorFlow Lite", CONVERT
    return f"a file of unknown kind, which begins with the bytes {head[:8].hex(' ')}", f"{AGAIN}, or {CONVERT}"


def _end(file: BinaryIO) -> bytes:
    size = file.seek(0, 2)
    file.seek(max(0, size - len(SSTABLE_END)))
    return file.read()


def _folder(path: Path) -> tuple[str, str]:
    names = sorted(each.name for each in path.iterdir())
    if any(name.endswith(".index.json") or "-00001-of-" in name for name in names):
        return "a folder with a checkpoint in several files", ONE_FILE
    if any(name.endswith(".distcp") for name in names):
        return (
            "a folder of torch.distributed.checkpoint",
            "make it one file: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE",
        )
    if "saved_model.pb" in names or "checkpoint" in names:
        return "a folder of TensorFlow", CONVERT
    if "data.pkl" in names:
        return "a folder that was unpacked from a file of torch.save", "give the file itself"
    return "a folder", f"give a file in it; it holds {shortened(names) or 'nothing'}"
