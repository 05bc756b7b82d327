import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

import amc
from agents.report.run_record import read_record
from agents.rules import RULES
from amc.artifacts.policy import read_policy
from amc.data.load import load_data
from amc.networks.sources import load_network
from amc.utils.errors import UserError
from scripts import evaluate, train
from scripts.command.cli import parse
from scripts.options.network_and_images import ChannelOptions
from tests.command import succeed, summary
from tests.small_network import NAME, SMALL

FEW = ("--calibration-images", "50", "--reward-split", "60", "--test-images", "50")
AS_CUT = (*FEW, "--recovery", "none", "--search-recovery", "none")  # half of the time, where accuracy does not matter
FAST = (*SMALL, *AS_CUT)


def accuracies(folder: Path) -> list[float]:
    """What one argmax after the other says of the original and the compact network, on reward and test images."""
    network = load_network("digits_resnet")
    splits = load_data("digits", network.preprocess)
    found = []
    for model in (network.model, amc.load(folder)):
        for images in (splits.reward, splits.test):
            (inputs, targets), *rest = images.batches(len(images))
            assert not rest
            with torch.no_grad():
                found.append(float(np.mean(model(inputs).numpy().argmax(axis=1) == targets.numpy())))
    return found


def test_it_leaves_what_it_promises_and_nothing_else(finished: Path) -> None:
    names = sorted(path.name for path in finished.iterdir())
    events = [name for name in names if name.startswith("events.out.tfevents.")]
    assert len(events) == 1
    assert sorted({*names} - {*events}) == [
        "agent.zip",
        "checkpoint",
        "compact.safetensors",
        "policy.json",
        "report.html",
        "summary.json",
    ]


def test_the_summary_has_every_number(finished: Path) -> None:
    found = summary(finished)
    for when in ("original", "uniform", "policy"):
        assert 0 < found[f"{when}_accuracy"] <= 1
        assert 0 < found[f"test_accuracy_{when}"] <= 1
    assert found["macs_after"] <= 0.25 * found["macs_before"]
    assert found["params_after"] < found["params_before"]
    assert (found["episodes"], found["seed"], found["interrupted"]) == (8, 0, False)
    assert found["episodes_per_second"] == pytest.approx(8 / found["search_seconds"])
    assert 0 < found["search_seconds"] < found["wall_seconds"]
    assert found["arguments"]["budget"] == ["macs=0.25"]
    assert len(found["widths_before"]) == len(found["widths_after"]) == 9


def test_costs_are_those_of_the_network_that_loads(finished: Path) -> None:
    found = summary(finished)
    for model, when in ((load_network("digits_resnet").model, "before"), (amc.load(finished), "after")):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.zeros(1, 1, 8, 8))
        assert counter.get_total_flops() == 2 * found[f"macs_{when}"]
        assert sum(parameter.numel() for parameter in model.parameters()) == found[f"params_{when}"]


def test_accuracies_are_those_of_the_networks_that_load(finished: Path) -> None:
    found = summary(finished)
    names = ("original_accuracy", "test_accuracy_original", "policy_accuracy", "test_accuracy_policy")
    assert [found[name] for name in names] == accuracies(finished)


def test_the_policy_says_what_the_summary_says(finished: Path) -> None:
    policy, found = read_policy(finished / "policy.json"), summary(finished)
    assert (policy.model, policy.strategy, policy.seed, policy.budget) == ("digits_resnet", "ddpg", 0, ("macs=0.25",))
    assert (policy.accuracy_before, policy.accuracy) == (found["original_accuracy"], found["policy_accuracy"])
    for kind, cost in policy.costs.items():
        assert (cost.before, cost.after) == (found[f"{kind}_before"], found[f"{kind}_after"])
        assert cost.ratio == cost.after / cost.before
    assert [group.width for group in policy.groups] == found["widths_before"]
    assert [group.width_after for group in policy.groups] == found["widths_after"]
    assert all(group.sparsity == 1 - len(group.kept) / group.units for group in policy.groups)


def test_the_found_policy_is_no_worse_than_the_uniform_one(finished: Path) -> None:
    found = summary(finished)
    assert found["score"] == "fidelity"
    assert found["policy_score"] >= found["uniform_score"]


def test_what_the_user_freezes_stays_and_the_run_goes_on_with_it(tmp_path: Path) -> None:
    words = (
        "--freeze",
        "stem",
        "stages.5.conv1",
        "--only",
        "stem",
        "--only",
        "*conv1",
        "--budget",
        "macs=0.6",
        *AS_CUT,
    )
    succeed(train, *words, "--episodes", "3", "--run-dir", tmp_path, "--quiet")
    policy = read_policy(tmp_path / "policy.json")
    assert [group.name for group in policy.groups] == [f"stages.{index}.conv1" for index in range(5)]
    compact = amc.load(tmp_path)
    assert compact.get_parameter("stem.0.weight").shape[0] == 12
    assert compact.get_parameter("stages.5.conv1.weight").shape[0] == 48
    begun = parse(train.Arguments, read_record(tmp_path).words).search.channels
    assert begun == ChannelOptions(freeze=(("stem", "stages.5.conv1"),), only=(("stem",), ("*conv1",)))
    assert summary(tmp_path)["arguments"]["freeze"] == [["stem", "stages.5.conv1"]]


def test_the_same_seed_finds_the_same_policy(tmp_path: Path) -> None:
    for name, seed in (("first", "3"), ("same", "3"), ("other", "4")):
        succeed(train, "--episodes", "8", "--run-dir", tmp_path / name, "--seed", seed, "--quiet", *FAST)
    first, same, other = ((tmp_path / name / "policy.json").read_bytes() for name in ("first", "same", "other"))
    assert first == same
    assert first != other


@pytest.mark.parametrize(
    "words",
    [
        ("--strategy", "random"),
        ("--settings", "paper"),
        ("--observation", "paper"),
        ("--settings", "paper", "--observation", "paper"),
    ],
    ids=" ".join,
)
def test_every_strategy_and_setting_keeps_the_budget(tmp_path: Path, words: tuple[str, ...]) -> None:
    succeed(train, *words, "--episodes", "4", "--run-dir", tmp_path, "--quiet", *FAST)
    found, policy = summary(tmp_path), read_policy(tmp_path / "policy.json")
    assert found["macs_after"] <= 0.25 * found["macs_before"]
    assert found["episodes"] == 4
    assert policy.strategy == (words[1] if words[0] == "--strategy" else "ddpg")
    assert (tmp_path / "agent.zip").exists() == (policy.strategy == "ddpg")
    assert amc.load(tmp_path)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_keeps_the_budget_and_says_how_many_policies_it_scores(tmp_path: Path, rule: str) -> None:
    words = ("--episodes", "12", "--criterion", "l1", "--quiet", *FAST)
    succeed(train, "--strategy", rule, *words, "--run-dir", tmp_path)
    found, record = summary(tmp_path), read_record(tmp_path)
    assert 0.24 * found["macs_before"] < found["macs_after"] <= 0.25 * found["macs_before"]
    assert found["episodes"] == len(record.episodes) <= record.asked
    assert record.asked == {"sensitivity": 10, "greedy": 12, "knapsack": 12}.get(rule, 1)
    assert read_policy(tmp_path / "policy.json").strategy == rule
    assert amc.load(tmp_path)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize(
    ("words", "budget", "least"),
    [
        (("--budget", "macs=0.5", "params=0.3"), ["macs=0.5", "params=0.3"], (67_920, 1_536)),
        (("--budget", "macs=0.5", "--budget", "params=0.3"), ["macs=0.5", "params=0.3"], (67_920, 1_536)),
        (("--budget", "macs=50K"), ["macs=50K"], (50_000, 5_122)),
        (("--budget", "macs=1"), ["macs=1"], (135_840, 5_122)),
    ],
    ids=str,
)
def test_budgets_are_all_kept(
    tmp_path: Path, words: tuple[str, ...], budget: list[str], least: tuple[int, int]
) -> None:
    succeed(train, *words, "--strategy", "random", "--episodes", "2", "--run-dir", tmp_path, "--quiet", *FAST)
    found = summary(tmp_path)
    assert found["arguments"]["budget"] == budget
    assert found["macs_after"] <= least[0]
    assert found["params_after"] <= least[1]


@pytest.mark.parametrize("reward", ["error_log_macs", "error_log_params", "mnasnet"])
def test_rewards(tmp_path: Path, reward: str) -> None:
    succeed(train, "--reward", reward, "--episodes", "4", "--run-dir", tmp_path, "--quiet", *FAST)
    policy = read_policy(tmp_path / "policy.json")
    assert policy.budget == (("macs=0.25",) if reward == "mnasnet" else ())
    assert policy.costs["macs"].after <= policy.costs["macs"].before


def test_a_metric_of_the_users_own(tmp_path: Path, own_file: Path) -> None:
    done = succeed(train, "--metric", f"{own_file}:agreement", "--episodes", "2", "--run-dir", tmp_path / "run", *FAST)
    found = summary(tmp_path / "run")
    assert found["policy_accuracy"] < 0
    assert f"{found['test_accuracy_policy']:.4f}" in done.out
    assert "metric" in done.out
    assert "│ found " in done.out


def test_top5_is_no_less_than_top1(tmp_path: Path) -> None:
    for metric in ("top1", "top5"):
        words = ("--strategy", "uniform", "--budget", "macs=0.07", "--run-dir", tmp_path / metric, "--quiet", *AS_CUT)
        succeed(train, "--metric", metric, *words)
    one, five = (summary(tmp_path / metric)["policy_accuracy"] for metric in ("top1", "top5"))
    assert one < five


@pytest.mark.parametrize("data", ["data", "loaders"])
def test_network_and_data_from_the_users_file(tmp_path: Path, own_file: Path, data: str) -> None:
    folder = tmp_path / "run"
    words = ("--model", f"{own_file}:build", "--data", f"{own_file}:{data}", "--budget", "macs=0.5")
    succeed(train, *words, "--episodes", "3", "--run-dir", folder, "--quiet")
    with pytest.raises(UserError, match=r"is not imported from a policy file; give that model") as caught:
        amc.load(folder)
    assert "\n" not in str(caught.value)
    original = load_network(f"{own_file}:build").model
    compact = amc.load(folder, model=original)
    assert compact(torch.zeros(2, 1, 8, 8)).shape == (2, 4)
    assert sum(p.numel() for p in compact.parameters()) == summary(folder)["params_after"]
    assert original.get_parameter("0.weight").shape[0] == 16


def test_a_torchvision_network_on_a_folder_of_images(tmp_path: Path, own_file: Path) -> None:
    rng = np.random.default_rng(0)
    for place in ("train/cat", "train/dog", "val/cat", "val/dog"):
        (tmp_path / "images" / place).mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 256, (40, 36, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / place / f"{number}.png")
    folder = tmp_path / "run"
    words = ("--model", f"{own_file}:mobile", "--data", f"imagefolder:{tmp_path / 'images'}", "--image-size", "32")
    asked = ("--budget", "macs=0.5", "--episodes", "2", "--recovery", "statistics", "--search-recovery", "none")
    succeed(train, *words, *asked, "--run-dir", folder, "--quiet")
    found = summary(folder)
    assert 0.4 * found["macs_before"] < found["macs_after"] <= 0.5 * found["macs_before"]
    compact = amc.load(folder, model=load_network(f"{own_file}:mobile").model)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        compact(torch.zeros(1, 3, 32, 32))
    assert counter.get_total_flops() == 2 * found["macs_after"]


def test_the_commands_that_go_on_from_it_name_the_users_functions(tmp_path: Path, own_file: Path) -> None:
    words = ("--data", f"{own_file}:data", "--model", f"{own_file}:build", "--metric", f"{own_file}:agreement")
    done = succeed(train, *words, "--budget", "macs=0.5", "--strategy", "uniform", "--run-dir", tmp_path / "run")
    commands = [shlex.split(line) for line in done.out.splitlines()[-4:]]
    assert sorted(each[:4] for each in commands) == [
        ["python", "-m", "amc", name] for name in ("evaluate", "export", "finetune", "latency")
    ]
    evaluating, exporting, measuring = (
        next(each for each in commands if each[3] == name) for name in ("evaluate", "export", "latency")
    )
    assert f"{summary(tmp_path / 'run')['test_accuracy_policy']:.4f}" in succeed(evaluate, *evaluating[4:]).out
    assert exporting[5:] == measuring[5:] == ["--model", f"{own_file}:build"]


def test_quiet_prints_nothing(tmp_path: Path, own_file: Path) -> None:
    words = ("--data", f"{own_file}:without_val", "--model", f"{own_file}:build", "--budget", "macs=0.5")
    assert succeed(train, *words, "--episodes", "2", "--run-dir", tmp_path / "run", "--quiet") == (0, "", "")


def test_reward_images_out_of_the_training_images_are_warned_of(tmp_path: Path, own_file: Path) -> None:
    words = ("--data", f"{own_file}:without_val", "--model", f"{own_file}:build", "--budget", "macs=0.5")
    done = succeed(train, *words, "--episodes", "2", "--run-dir", tmp_path / "run")
    assert "warning: the data has no val/ split, so reward images are taken from the training images" in done.err


def test_it_says_where_the_results_are_and_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = succeed(train, "--strategy", "uniform", *FAST)
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith(f"{NAME}-")
    lines = [f"  python -m amc {name} {tmp_path / folder}\n" for name in ("evaluate", "finetune", "export", "latency")]
    assert done.out.endswith("".join([f"results in {folder}\n", "to go on from here:\n", *lines]))
    done = succeed(train, "--strategy", "uniform", "--run-dir", "new/two words", *FAST)
    assert done.out.endswith(f"  python -m amc latency '{tmp_path}/new/two words'\n")
    assert (tmp_path / "new" / "two words" / "summary.json").is_file()


def test_a_part_of_the_reward_images_chooses_and_all_of_them_judge(tmp_path: Path) -> None:
    words = (
        "--reward-images",
        "20",
        "--strategy",
        "random",
        "--episodes",
        "8",
        "--calibration-images",
        "50",
        *("--recovery", "none", "--search-recovery", "none"),
    )
    succeed(train, *words, "--run-dir", tmp_path, "--quiet")
    assert summary(tmp_path)["policy_accuracy"] == accuracies(tmp_path)[2]


def test_the_compact_network_outlives_the_folder_it_was_made_in(finished: Path, tmp_path: Path) -> None:
    for name in ("policy.json", "compact.safetensors"):
        shutil.copy(finished / name, tmp_path)
    assert json.loads((tmp_path / "policy.json").read_text())["schema"] == 1
    inputs = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(amc.load(tmp_path)(inputs), amc.load(str(finished))(inputs))


def test_random_weights_follow_the_seed(tmp_path: Path) -> None:
    policies = []
    for name in ("first", "second"):
        succeed(train, "--weights", "none", "--episodes", "2", "--quiet", "--run-dir", tmp_path / name, *AS_CUT)
        policies.append((tmp_path / name / "policy.json").read_text(encoding="utf-8"))
    assert policies[0] == policies[1]
