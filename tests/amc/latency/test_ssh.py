import threading
import time

import pytest

from amc.latency.measuring_device import Device, DeviceLostError
from amc.latency.target import parse_target
from amc.utils.errors import UserError
from tests.amc.latency.conftest import Server
from tests.amc.latency.models import multiplications


def test_a_lost_connection_loses_nothing(server: Server) -> None:
    with Device(parse_target(server.target)) as device:
        before = device.measure([multiplications(2)], limit=0.1)
        (session,) = server.sessions()
        device.measure([multiplications(2)], limit=0.1)
        assert server.sessions() == [session]  # the connection is reused
        cutting = threading.Timer(0.5, server.cut_connections)
        cutting.start()
        after = device.measure([multiplications(2)], precision=1e-9, limit=1.5)  # it is cut in the middle
        cutting.join()
        assert server.sessions() != [session]
        assert after.latencies[0].value == pytest.approx(before.latencies[0].value, rel=2)


def test_a_host_that_goes_away_is_lost(server: Server) -> None:
    with Device(parse_target(server.target), sleep=lambda _: None) as device:
        server.stop()
        with pytest.raises(DeviceLostError, match=rf"{server.target} went away: .*Connection refused"):
            device.measure([multiplications(2)])


def test_what_hinders_a_connection_is_one_line(server: Server) -> None:
    def refused(target: str) -> str:
        with pytest.raises(UserError) as caught:
            Device(parse_target(target))
        return str(caught.value)

    server.trust("other")
    assert refused(server.target) == (
        f"{server.target} can't be reached: it refused your keys; ssh must get there without a password"
    )
    server.trust("id")
    server.give_path("/nowhere")
    assert "it has no python3, which has to be 3.8 or later" in refused(server.target)
    (server.folder / "known_hosts").write_text("")
    assert "its host key is not known here; connect once by hand with ssh" in refused(server.target)
    assert refused("ssh:no-such-host.invalid").endswith("can't be reached: there is no host of that name")


def test_the_runner_ends_with_the_connection(server: Server) -> None:
    with Device(parse_target(server.target)):
        assert server.sessions()
    end = time.monotonic() + 20
    while server.sessions() and time.monotonic() < end:
        time.sleep(0.05)
    assert server.sessions() == []
