"""The command `amc`, as `python -m amc`."""

from scripts.command.signals import end_at_ctrl_c
from scripts.commands import main

if __name__ == "__main__":
    end_at_ctrl_c()
    main()
