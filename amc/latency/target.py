"""The machine that latency is measured on: this one, or one that the system's own ssh reaches."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass

from amc.latency.bootstrap import BOOTSTRAP
from amc.utils.errors import UserError
from amc.utils.option_names import option

LOCAL = "local"
"""The name of this machine as a target."""
FORM = re.compile(
    r"ssh:(?:(?P<user>\w[\w.-]*)@)?(?P<host>\w[\w.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?", re.ASCII
)
"""The form of other targets; neither user nor host begins with a hyphen, which ssh would take for an option."""
SSH = (
    "ssh",
    "-T",
    *("-o", "BatchMode=yes"),  # nobody is asked for a password, nor whether a host is trusted
    *("-o", "ClearAllForwardings=yes", "-o", "ForwardAgent=no", "-o", "ForwardX11=no"),
    *("-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),
)


@dataclass(frozen=True)
class Target:
    """A machine that latency is measured on.

    Attributes:
        name: The name that the user gave.
        command: The command that starts Python with `BOOTSTRAP` there.
    """

    name: str
    command: tuple[str, ...]


def parse_target(text: str) -> Target:
    """The target of a name: `local` or `ssh:[user@]host[:port]`; an IPv6 address is in brackets.

    Raises:
        UserError: The name has another form.
    """
    if text == LOCAL:
        return Target(text, (sys.executable, "-u", "-c", BOOTSTRAP))
    match = FORM.fullmatch(text)
    if match is None:
        raise UserError(f"expected {option('target')} local or ssh:[user@]host[:port], got {text!r}")
    host = match["host"].strip("[]")
    place = f"{match['user']}@{host}" if match["user"] else host
    port = ("-p", match["port"]) if match["port"] else ()
    return Target(text, (*SSH, *port, "--", place, f"exec python3 -u -c {shlex.quote(BOOTSTRAP)}"))
