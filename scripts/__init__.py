"""The entry points of the command line: each reads options, makes a straight line of calls and prints the result."""

from scripts.command.signals import end_at_ctrl_c, is_program

if is_program():
    end_at_ctrl_c()
