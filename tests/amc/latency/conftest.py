"""A real sshd on the loopback address, with keys that are thrown away."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@dataclass(frozen=True)
class Server:
    """An sshd that runs, and how to get there."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def target(self) -> str:
        return f"ssh:127.0.0.1:{self.port}"

    def sessions(self) -> list[int]:
        """Processes of the connections that are open, the listener not among them."""
        listed = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout
        return [int(line) for line in listed.split()]

    def cut_connections(self) -> None:
        for process in self.sessions():
            os.kill(process, signal.SIGKILL)

    def stop(self) -> None:
        """End the listener and its connections."""
        open_ones = self.sessions()
        self.process.kill()
        self.process.wait()
        for process in open_ones:
            os.kill(process, signal.SIGKILL)

    def trust(self, key: str) -> None:
        shutil.copy(self.folder / f"{key}.pub", self.folder / "authorized_keys")

    def give_path(self, path: str) -> None:
        """Set where programs are looked for in new connections, whatever the login shell sets."""
        (self.folder / "path").write_text(path)


def wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                assert connection.recv(4) == b"SSH-"
                return
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that trusts the key `id`, whose Python is this one, and an `ssh` that offers that key alone."""
    if not Path(SSHD).exists() or shutil.which("ssh") is None or shutil.which("pgrep") is None:
        pytest.skip("needs ssh, sshd and pgrep")
    folder, port = tmp_path / "ssh", free_port()
    folder.mkdir(mode=0o700)
    for key in ("host", "id", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    (folder / "sshd_config").write_text(
        f"""
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
AuthenticationMethods publickey
PidFile none
StrictModes no
UsePAM no
ForceCommand export PATH="$(/bin/cat {folder}/path)"; eval "$SSH_ORIGINAL_COMMAND"
"""
    )
    public = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    (folder / "config").write_text(
        f"IdentityFile {folder}/id\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {folder}/known_hosts\n"
    )
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    Path("/run/sshd").mkdir(exist_ok=True)  # Debian's sshd, started as root, gives its rights up in it
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=subprocess.DEVNULL)
    running = Server(folder, port, process)
    running.trust("id")
    running.give_path(f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    wait_for(port)
    yield running
    if process.poll() is None:
        running.stop()
