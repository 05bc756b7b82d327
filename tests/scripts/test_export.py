import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import amc
from amc.artifacts.policy import Policy, describe_groups, save_compact
from amc.pruning.masked_network import randomised
from amc.pruning.slicing import choose_units, compact, make_selection
from scripts import export, train
from tests.command import Done, fail, succeed

pytestmark = pytest.mark.usefixtures("operators_are_read_once")

ROOT = Path(__file__).parents[2]
DOCUMENTED = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "export.md").read_text(encoding="utf-8"), re.DOTALL)
ONNX, PROGRAM, OWN, BUILT = DOCUMENTED
MODEL, SHAPE = "digits_resnet", (1, 8, 8)


class Exported(NamedTuple):
    """A run folder, exported: the folder two above it, the network in memory, and what the command did."""

    place: Path
    network: nn.Module
    images: Tensor
    done: Done


def see_images(network: nn.Module) -> None:
    """Set the statistics of batch norms to those of random images, without which all images come out nearly alike."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(32, *SHAPE, generator=torch.Generator().manual_seed(2)))
    network.eval()


def save_run(folder: Path) -> nn.Module:
    """A run with half of every group of the network, with random parameters and statistics; the compact network."""
    original = randomised(amc.load_network(MODEL, "none").model, torch.Generator().manual_seed(0)).float()
    graph = amc.analyse(original, torch.zeros(1, *SHAPE))
    kept_counts = np.array([group.choices[len(group.choices) // 2] for group in graph.groups])
    mask = choose_units(graph, np.random.default_rng(0).random(graph.unit_count), kept_counts)
    selection = make_selection(graph, original, mask)
    network = compact(original, selection)
    see_images(network)
    policy = Policy(
        model=MODEL,
        inputs="x".join(map(str, SHAPE)),
        fingerprint="",
        strategy="uniform",
        seed=0,
        budget=(),
        costs={},
        accuracy_before=0.0,
        accuracy=0.0,
        groups=describe_groups(graph, mask),
        selection=selection,
        versions={},
    )
    save_compact(folder, policy, network)
    return network


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    place = tmp_path_factory.mktemp("exported")
    network = save_run(place / "runs" / "my-run")
    images = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(1))
    images *= torch.tensor([0.1, 0.5, 1.0, 2.0, 3.0])[:, None, None, None]
    np.save(place / "images.npy", images.numpy())
    return Exported(place, network, images, succeed(export, "--run-dir", place / "runs" / "my-run"))


IN_A_NEW_PROCESS = f"""
import sys, numpy
images = numpy.load("images.npy")
{ONNX}
numpy.save("onnx.npy", output)
assert "torch" not in sys.modules

import torch
images = torch.from_numpy(images)
{PROGRAM}
numpy.save("program.npy", output.detach().numpy())
assert "amc" not in sys.modules

sys.path.append({str(ROOT)!r})
{OWN}
numpy.save("safetensors.npy", output.detach().numpy())
"""


def test_the_documented_lines_run_it_in_a_new_process(exported: Exported) -> None:
    command = [sys.executable, "-c", IN_A_NEW_PROCESS]
    done = subprocess.run(command, cwd=exported.place, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with torch.no_grad():
        want = exported.network(exported.images).numpy()
    assert np.ptp(want, axis=0).mean() > 0.05 * np.abs(want).max()  # images make a difference
    for kind in ("onnx", "program", "safetensors"):
        output = np.load(exported.place / f"{kind}.npy")
        assert (output.dtype, output.shape) == (np.float32, want.shape)
        assert np.abs(output - want).max() <= 1e-5 * np.abs(want).max()


def test_what_is_written_is_printed(exported: Exported) -> None:
    files = {path.name: path for path in (exported.place / "runs" / "my-run").iterdir()}
    assert set(files) == {"policy.json", "compact.safetensors", "compact.onnx", "compact.pt2"}
    *lines, how_to_run = exported.done.out.splitlines()
    shape = exported.images.shape[1:]
    assert f"batches of {'x'.join(map(str, shape))} (input in ONNX)" in how_to_run
    assert "does not prepare images" in how_to_run
    for line, name in zip(lines, ("compact.onnx", "compact.pt2"), strict=True):
        start = f"{files[name]}: {files[name].stat().st_size / 1000:,.0f} kB, differs by at most "
        assert line.startswith(start)
        assert re.fullmatch(r"(0\.0e\+00|\d\.\de-0[678]) of the largest output", line.removeprefix(start))
    assert exported.done.err == ""


BUILT_ELSEWHERE = f"""
import sys, torch
from make import original
sys.modules["amc"] = None
images = torch.load("images.pt")
with torch.no_grad():
{indent(BUILT, "    ")}
torch.save(output, "built.pt")
"""


def test_the_documented_lines_build_it_from_the_users_class(own_file: Path, tmp_path: Path) -> None:
    folder, spec = tmp_path / "run", f"{own_file}:build"
    run_on(spec, own_file, folder)
    done = succeed(export, "--run-dir", folder, "--model", spec, "--format", "state_dict")
    assert done.out.startswith(f"{folder / 'compact.py'}: ")
    (folder / "make.py").write_text(f"import runpy\noriginal = runpy.run_path({str(own_file)!r})['build']()\n")
    images = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.save(images, folder / "images.pt")
    command = [sys.executable, "-c", BUILT_ELSEWHERE]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    with torch.no_grad():
        torch.testing.assert_close(torch.load(folder / "built.pt"), amc.load(folder, model=spec)(images))


def test_no_source_and_no_example_is_written(exported: Exported) -> None:
    weights = (exported.place / "runs" / "my-run" / "compact.safetensors").stat().st_size
    for name in ("compact.onnx", "compact.pt2"):
        content = (exported.place / "runs" / "my-run" / name).read_bytes()
        assert len(content) < 2 * weights
        assert str(ROOT).encode() not in content


@pytest.fixture
def run_dir(finished: Path, tmp_path: Path) -> Path:
    """What of a finished run is read, in a folder that a test may damage."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("policy.json", "compact.safetensors"):
        shutil.copy(finished / name, folder / name)
    return folder


@pytest.mark.parametrize(
    ("asked", "written"), [("onnx", "compact.onnx"), ("program", "compact.pt2"), ("state_dict", "compact.py")]
)
def test_one_format_alone(run_dir: Path, asked: str, written: str) -> None:
    out = succeed(export, "--run-dir", run_dir, "--format", asked).out
    assert out.startswith(f"{run_dir / written}: ")
    assert {path.name for path in run_dir.iterdir()} == {"policy.json", "compact.safetensors", written}


def test_without_the_packages_nothing_is_written(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    for words in ((), ("--format", "onnx")):
        assert fail(export, "--run-dir", run_dir, *words).endswith("; pip install 'amc-pruning[export]'\n")
    assert {path.name for path in run_dir.iterdir()} == {"policy.json", "compact.safetensors"}
    succeed(export, "--run-dir", run_dir, "--format", "program")


def run_on(spec: str, own_file: Path, folder: Path) -> None:
    """Prune a network of the user's file, on data of that file."""
    words = ("--model", spec, "--data", f"{own_file}:data", "--metric", f"{own_file}:agreement")
    succeed(train, *words, "--budget", "macs=0.5", "--strategy", "uniform", "--run-dir", folder, "--quiet")


def test_a_users_network_is_not_imported_unless_given(own_file: Path, tmp_path: Path) -> None:
    folder, spec = tmp_path / "run", f"{own_file}:build"
    run_on(spec, own_file, folder)
    own_file.write_text(f"from pathlib import Path\nPath({str(own_file)!r} + '.ran').touch()\n" + own_file.read_text())
    refused = f"the run used --model {spec}, which is not imported because a file names it; run: python -m amc export"
    assert refused in fail(export, "--run-dir", folder)
    assert "give the model that the policy was made for" in fail(export, "--run-dir", folder, "--model", "resnet20")
    assert not own_file.with_suffix(".py.ran").exists()
    assert not (folder / "compact.onnx").exists()
    assert len(succeed(export, "--run-dir", folder, "--model", spec).out.splitlines()) == 3


def test_a_network_that_is_refused_leaves_nothing(own_file: Path, tmp_path: Path) -> None:
    folder, spec = tmp_path / "run", f"{own_file}:branching"
    own_file.write_text(
        own_file.read_text()
        + """
class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = build()

    def forward(self, images):
        return self.layers(images) if len(images) == 2 else 2 * self.layers(images)

def branching():
    return Branching()
"""
    )
    run_on(spec, own_file, folder)
    before = {path.name for path in folder.iterdir()}
    for kind, name in (("onnx", "ONNX"), ("program", "a torch.export program")):
        err = fail(export, "--run-dir", folder, "--model", spec, "--format", kind)
        assert f"the network can't be exported as {name}: UserError: Constraints violated (batch)!" in err
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", ["policy.json", "compact.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{"], ids=str)
def test_damaged_files_are_one_line(run_dir: Path, name: str, content: bytes | None) -> None:
    (run_dir / name).unlink()
    if content is not None:
        (run_dir / name).write_bytes(content)
    before = set(run_dir.iterdir())
    assert name in fail(export, "--run-dir", run_dir)
    assert set(run_dir.iterdir()) == before


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("1", "the network can't be exported as ONNX: RuntimeError: "),
        ("3x8x8", "the network can't be exported as ONNX: RuntimeError: "),
        ("1x8x8,1x8x8", "the network can't be exported as ONNX: TypeError: "),
        ("1x8x1000000000000", "an input of 1x8x1000000000000 does not fit in memory"),
    ],
)
def test_an_input_that_the_network_does_not_take_is_one_line(run_dir: Path, inputs: str, message: str) -> None:
    policy = json.loads((run_dir / "policy.json").read_text())
    (run_dir / "policy.json").write_text(json.dumps(policy | {"inputs": inputs}))
    assert message in fail(export, "--run-dir", run_dir)


def test_mistakes_are_one_line(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "expected the folder of a run at nowhere, there is none; check the path" in fail(export, "nowhere")
    assert "unknown format 'onx'; did you mean onnx?" in fail(export, "--run-dir", run_dir, "--format", "onx")
    assert "expected RUN" in fail(export)
    err = fail(export, "--run-dir", run_dir, "--model", "resnet20")
    assert f"{run_dir} holds a compact digits_resnet, got --model resnet20; leave it out" in err
    assert {path.name for path in run_dir.iterdir()} == {"policy.json", "compact.safetensors"}
