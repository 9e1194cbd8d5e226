from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.system.processor import Processor, parse_cpuinfo, parse_sysctl, read_caches, read_processor

ZEN4 = """\
processor	: 0
vendor_id	: AuthenticAMD
model name	: AMD EPYC 9R14
cache size	: 1024 KB
flags		: fpu sse2 fma avx f16c avx2 avx512f avx512dq avx512bw avx512vl avx512_bf16 avx512_vnni
bugs		: sysret_ss_attrs

processor	: 1
vendor_id	: AuthenticAMD
model name	: AMD EPYC 9R14
flags		: fpu sse2 fma avx f16c avx2 avx512f avx512dq avx512bw avx512vl avx512_bf16 avx512_vnni
power management:
"""
SAPPHIRE_RAPIDS = """\
processor	: 0
model name	: Intel(R) Xeon(R) Platinum 8488C
flags		: fpu sse2 avx avx2 avx512f avx512_bf16 avx512_fp16 amx_bf16 amx_tile amx_int8
"""
HASWELL = """\
processor	: 0
model name	: Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz
flags		: fpu sse2 fma avx f16c avx2
"""
GRAVITON3 = """\
processor	: 0
BogoMIPS	: 2100.00
Features	: fp asimd evtstrm aes asimdhp asimddp sve asimdfhm svei8mm svebf16 i8mm bf16 dgh rng
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x1
CPU part	: 0xd40
CPU revision	: 1
"""
RASPBERRY_PI_5 = """\
processor	: 0
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics asimdhp cpuid asimdrdm asimddp
CPU implementer	: 0x41
CPU part	: 0xd0b

Model		: Raspberry Pi 5 Model B Rev 1.0
"""
APPLE_ON_LINUX = """\
processor	: 0
Features	: fp asimd asimdhp i8mm bf16
CPU implementer	: 0x61
CPU part	: 0x022

processor	: 4
Features	: fp asimd asimdhp bf16
CPU implementer	: 0x61
CPU part	: 0x023
"""
APPLE_M1 = """\
hw.ncpu: 8
hw.l1dcachesize: 65536
hw.l2cachesize: 4194304
hw.perflevel0.l1dcachesize: 131072
hw.perflevel0.l2cachesize: 12582912
hw.optional.neon: 1
hw.optional.AdvSIMD: 1
hw.optional.arm.FEAT_BF16: 0
hw.optional.arm.FEAT_I8MM: 0
machdep.cpu.brand_string: Apple M1
"""
APPLE_M2 = APPLE_M1.replace("16: 0", "16: 1").replace("MM: 0", "MM: 1").replace("M1", "M2")
INTEL_MAC = """\
hw.l1dcachesize: 32768
hw.l2cachesize: 262144
hw.l3cachesize: 12582912
hw.optional.avx2_0: 1
hw.optional.avx512f: 0
machdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz
"""


def features_of(processor: Processor) -> set[str]:
    return {name for name, has in processor.features.items() if has}


@pytest.mark.parametrize(
    ("text", "architecture", "name", "features"),
    [
        (ZEN4, "x86_64", "AMD EPYC 9R14", {"AVX2", "AVX-512", "AVX512_BF16"}),
        (SAPPHIRE_RAPIDS, "x86_64", "Intel(R) Xeon(R) Platinum 8488C", {"AVX2", "AVX-512", "AVX512_BF16", "AMX-BF16"}),
        (HASWELL, "x86_64", "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz", {"AVX2"}),
        (GRAVITON3, "aarch64", "Arm Neoverse V1", {"NEON", "SVE", "BF16", "I8MM"}),
        (RASPBERRY_PI_5, "aarch64", "Arm Cortex-A76", {"NEON"}),
        (APPLE_ON_LINUX, "aarch64", "Apple M1 Icestorm + Apple M1 Firestorm", {"NEON", "BF16"}),
    ],
)
def test_what_linux_tells_is_read(text: str, architecture: str, name: str, features: set[str]) -> None:
    processor = parse_cpuinfo(text, architecture)
    assert processor.name == name
    assert features_of(processor) == features
    assert len(processor.features) == 4  # those that it lacks are told, too


@pytest.mark.parametrize(
    ("text", "architecture", "name", "features", "caches"),
    [
        (APPLE_M1, "arm64", "Apple M1", {"NEON"}, {"L1d": 131072, "L2": 12582912}),
        (APPLE_M2, "arm64", "Apple M2", {"NEON", "BF16", "I8MM"}, {"L1d": 131072, "L2": 12582912}),
        (
            INTEL_MAC,
            "x86_64",
            "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz",
            {"AVX2"},
            {"L1d": 32768, "L2": 262144, "L3": 12582912},
        ),
    ],
)
def test_what_macos_tells_is_read(
    text: str, architecture: str, name: str, features: set[str], caches: dict[str, int]
) -> None:
    processor = parse_sysctl(text, architecture)
    assert processor.name == name
    assert features_of(processor) == features
    assert processor.caches == caches


@pytest.mark.parametrize("text", ["", "nothing that is known\n", "processor : 0\n"])
def test_what_is_not_told_is_unknown_and_not_absent(text: str) -> None:
    processor = parse_cpuinfo(text, "riscv64")
    assert processor == Processor(name="unknown", architecture="riscv64")
    assert parse_sysctl("", "arm64") == Processor(name="unknown", architecture="arm64")


@given(st.lists(st.sets(st.sampled_from(["sse2", "avx2", "avx512f", "avx512_bf16", "amx_bf16"])), min_size=1))
def test_a_feature_counts_where_all_cores_have_it(cores: list[set[str]]) -> None:
    text = "\n".join(f"flags\t\t: {' '.join(sorted(flags))}" for flags in cores)
    common = set.intersection(*cores)
    assert parse_cpuinfo(text, "x86_64").features == {
        "AVX2": "avx2" in common,
        "AVX-512": "avx512f" in common,
        "AVX512_BF16": "avx512_bf16" in common,
        "AMX-BF16": "amx_bf16" in common,
    }


def test_an_arm_processor_without_a_known_name_is_told_by_its_numbers() -> None:
    text = GRAVITON3.replace("0xd40", "0xfff")
    assert parse_cpuinfo(text, "aarch64").name == "Arm implementer 0x41 part 0xfff"


def test_caches_are_those_that_hold_data(tmp_path: Path) -> None:
    for index, (level, kind, size) in enumerate(
        [("1", "Data", "32K"), ("1", "Instruction", "64K"), ("2", "Unified", "1024K"), ("3", "Unified", "32M")]
    ):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, value in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(value + "\n", encoding="ascii")
    (tmp_path / "index4").mkdir()  # a virtual machine may tell less
    assert read_caches(tmp_path) == {"L1d": 2**15, "L2": 2**20, "L3": 2**25}
    assert read_caches(tmp_path / "none") == {}


def test_this_machine_has_a_processor() -> None:
    processor = read_processor()
    assert processor.name
    assert processor.architecture
    assert all(size > 0 for size in processor.caches.values())
