import gzip
import json
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from amc.networks.file_format import SAFETENSORS, TORCH, format_of
from amc.utils.errors import UserError


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "an empty file; copy or download it again"),
        (bytes(3000), "a file of zeros only"),
        (b"<!DOCTYPE html><html>Not found</html>", "a web page; the download went wrong"),
        (b"\xef\xbb\xbf\n\n <HTML>", "a web page"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "a web page"),
        ("<html>é".encode() * 300, "a web page"),
        (("<html>" + "a" * 504 + "\U0001f600" * 20).encode("utf-16"), "a web page"),
        (b"\xef\xbb\xbf<html>" + b"a" * 1012 + "\U0001f600".encode() * 20, "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "a pointer of Git LFS.*git lfs pull"),
        (b"/annex/objects/SHA256E-s9--ab\n", "a pointer of git-annex.*git annex get"),
        (b"outs:\n- md5: ab\n  path: net.pth\n", "a pointer of DVC.*dvc pull"),
        (b'{"message": "Not Found"}', "JSON text"),
        (json.dumps({"metadata": {}, "weight_map": {"a": "b"}}).encode(), "the index of a checkpoint in several files"),
        (b"import torch\n", "text that begins 'import torch'"),
        ("hello".encode("utf-16"), "text that begins 'hello'"),
        (b"\x80\x04\x95\x05\x00\x00\x00", "a pickle that torch.save did not write, which to read would execute code"),
        (b"\x80", "a pickle"),
        (b"\x89HDF\r\n\x1a\n rest", "an HDF5 file, such as Keras writes"),
        (b"\x93NUMPY\x01", "a NumPy array"),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", "an ONNX file"),
        (b"\x08\x01\x12\xff\x01", "a SavedModel of TensorFlow"),
        (b"\x00\x01\xff" * 99 + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "a TensorFlow checkpoint"),
        (b"\x1c\x00\x00\x00TFL3", "a file of TensorFlow Lite"),
        (gzip.compress(b"weights", mtime=0), "a file compressed by gzip; unpack it"),
        (b"\x08", "a file of unknown kind, which begins with the bytes 08"),
        (bytes(range(200, 256)), "a file of unknown kind, which begins with the bytes c8 c9"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"expected a weights file at .*net.pth, got {what}") as caught:
        format_of(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_suffixes_say_nothing(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "net.safetensors"
    torch.save({"a": torch.ones(1)}, path, _use_new_zipfile_serialization=zipped)
    assert format_of(path) == TORCH
    path = tmp_path / "net.onnx"
    path.write_bytes(save({"a": torch.ones(1)}))
    assert format_of(path) == SAFETENSORS


def test_archives_are_told_apart(tmp_path: Path) -> None:
    model = nn.Linear(2, 2).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what wrote such files is deprecated
        torch.jit.save(torch.jit.script(model), tmp_path / "scripted.pt")
    torch.export.save(torch.export.export(model, (torch.ones(1, 2),)), tmp_path / "program.pt2")
    np.savez(tmp_path / "arrays.npz", a=np.zeros(2))
    torch.save(model.state_dict(), tmp_path / "net.pth")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.write(tmp_path / "net.pth", "net.pth")
    with tarfile.open(tmp_path / "packed.pth.tar", "w") as tar:
        tar.add(tmp_path / "net.pth", "net.pth")
    with tarfile.open(tmp_path / "old.pth", "w") as tar:
        for member in ("sys_info", "pickle", "storages", "tensors"):
            tar.addfile(tarfile.TarInfo(member))
    (tmp_path / "cut.pth").write_bytes((tmp_path / "net.pth").read_bytes()[:500])
    for name, message in {
        "scripted.pt": r"a TorchScript archive .*torch.save\(torch.jit.load\(FILE\).state_dict\(\), NEW\)",
        "program.pt2": r"a program of torch.export; .*torch.export.load",
        "arrays.npz": r"an archive of NumPy arrays \(a.npy\)",
        "packed.zip": "a zip archive of net.pth; unpack it",
        "packed.pth.tar": "a tar archive of net.pth; unpack it",
        "old.pth": "a tar archive of PyTorch before 0.1.10",
        "cut.pth": "cut off or damaged",
    }.items():
        with pytest.raises(UserError, match=message) as caught:
            format_of(tmp_path / name)
        assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["model.safetensors.index.json", "model-00001-of-00002.safetensors"], "a checkpoint in several files"),
        (["__0_0.distcp"], "a folder of torch.distributed.checkpoint"),
        (["saved_model.pb"], "a folder of TensorFlow"),
        (["best.pth", "last.pth"], "a folder; give a file in it; it holds best.pth, last.pth"),
        ([], "a folder; give a file in it; it holds nothing"),
    ],
)
def test_folders_are_no_files(tmp_path: Path, names: list[str], what: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=what):
        format_of(tmp_path)


def test_what_may_not_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", denied)  # an administrator may read all
    with pytest.raises(UserError, match=r"can't be read: .*Permission denied"):
        format_of(tmp_path)


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match=r"expected a weights file at net.pt, there is none; check the path"):
        format_of(Path("net.pt"))
    with pytest.raises(UserError, match="there is none; download it first"):
        format_of(Path("https://example.org/net.pt"))
