import pytest
import torch

from amc.utils.errors import UserError
from amc.utils.precision import LIMITS, PRECISIONS, find_precision, multiplies_in_bfloat16

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in LIMITS:
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(("native", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_asks_the_processor(monkeypatch: pytest.MonkeyPatch, native: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert find_precision("auto", CPU) == expected
    assert multiplies_in_bfloat16(CPU) == native


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, False),
        ({"ONEDNN_MAX_CPU_ISA": "avx2"}, False),
        ({"ONEDNN_MAX_CPU_ISA": "SSE41"}, False),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}, False),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}, True),
        ({"ONEDNN_MAX_CPU_ISA": "AVX10_1_512_AMX"}, True),
        ({"ONEDNN_MAX_CPU_ISA": "DEFAULT"}, True),
        ({"ONEDNN_MAX_CPU_ISA": "AVX3"}, True),
        ({"DNNL_MAX_CPU_ISA": "AVX2"}, False),
        ({"ONEDNN_MAX_CPU_ISA": "", "DNNL_MAX_CPU_ISA": "AVX2"}, False),
        ({"ONEDNN_MAX_CPU_ISA": "ALL", "DNNL_MAX_CPU_ISA": "AVX2"}, True),
        ({"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "ALL"}, False),
    ],
)
def test_what_onednn_is_limited_to(monkeypatch: pytest.MonkeyPatch, limits: dict[str, str], expected: bool) -> None:
    """As oneDNN 3.12 reads them: in any case, the older one if the newer has no value, unknown names for no limit."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    for variable, value in limits.items():
        monkeypatch.setenv(variable, value)
    assert multiplies_in_bfloat16(CPU) == expected


def test_no_limit_gives_a_processor_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_AMX")
    assert not multiplies_in_bfloat16(CPU)


def test_other_devices_are_not_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert not multiplies_in_bfloat16(torch.device("meta"))


def test_what_is_asked_for_is_taken() -> None:
    assert [find_precision(name, CPU) for name in PRECISIONS] == list(PRECISIONS)


def test_an_unknown_one_is_one_line() -> None:
    with pytest.raises(UserError, match="unknown precision 'bfloat'; did you mean bfloat16"):
        find_precision("bfloat", CPU)
