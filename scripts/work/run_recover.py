"""The command that gives the compact network of a run new weights, from calibration images alone."""

from __future__ import annotations

from agents.report.command_lines import next_lines
from agents.tuning.network_recovery import recovered
from amc.artifacts.lasting_options import lasting_options
from amc.artifacts.run_folder import beside, check_new
from amc.recovery.recoveries import find_recovery
from amc.scoring.number_format import score, score_name
from scripts.command.compact_problem import compact_problem
from scripts.options.cli_arguments import flat_options
from scripts.options.recover_arguments import Arguments


def run_recover(arguments: Arguments) -> None:
    """Recover the compact network of a run, and write it into a folder of its own.

    Raises:
        UserError: Arguments that do not fit each other or what they name.
    """
    find_recovery(arguments.recovery)
    folder = arguments.out or beside(arguments.run_dir, "-recovered")
    check_new(folder, "--out")
    problem, _, taken_over = compact_problem(arguments.run_dir, arguments)
    options = lasting_options(flat_options(arguments) | taken_over | {"out": None})
    result = recovered(problem, arguments.recovery, options, quiet=arguments.quiet)
    result.save(folder)
    if arguments.quiet:
        return
    name, before, after = (
        score_name(result.metric),
        *(score(result.metric, each) for each in (result.before, result.after)),
    )
    print(f"{name} on the reward images: {before} before, {after} with {result.recovery}; {result.seconds:.1f} s")
    if result.training is not None:
        training = result.training
        print(
            f"{training.blocks} blocks; distance from the original on held-out calibration images:"
            f" {training.before:.4g} before, {training.after:.4g} after"
        )
        if result.harmed is not None:
            print(
                f"note: with the trained weights it is {score(result.metric, result.harmed)}, so the network stays as"
                " it was; more calibration images help"
            )
        if training.note:
            print(f"note: trained as a whole, not block by block: {training.note}")
    print(f"results in {folder}")
    print(next_lines(folder, result.arguments))
