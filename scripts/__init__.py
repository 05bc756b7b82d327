"""Entry points: arguments, a straight line of calls, output."""

from scripts.command.signals import end_at_ctrl_c, is_program

if is_program():
    end_at_ctrl_c()
