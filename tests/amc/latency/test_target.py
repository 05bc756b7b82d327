import pytest

from amc.latency.target import parse_target
from amc.utils.errors import UserError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ssh:pi", ["--", "pi"]),
        ("ssh:me@board.example.org", ["--", "me@board.example.org"]),
        ("ssh:me@10.0.0.7:2222", ["-p", "2222", "--", "me@10.0.0.7"]),
        ("ssh:[::1]:22", ["-p", "22", "--", "::1"]),
    ],
)
def test_the_systems_ssh_is_asked_for_the_place(text: str, place: list[str]) -> None:
    command = parse_target(text).command
    assert command[0] == "ssh"
    assert list(command[-1 - len(place) : -1]) == place
    assert "BatchMode=yes" in command
    assert command[-1].startswith("exec python3 -u -c ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh:",
        "pi",
        "ssh:-oProxyCommand=touch",
        "ssh:-l@pi",
        "ssh:me@-pi",
        "ssh:pi -oProxyCommand=touch",
        "ssh:pi;touch",
        "ssh:$(touch)",
        "ssh:pi\n",
        "ssh:pi:ssh",
        "ssh:a@b@c",
        "local ",
    ],
)
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"expected target local or ssh:\[user@\]host\[:port\], got "):
        parse_target(text)
