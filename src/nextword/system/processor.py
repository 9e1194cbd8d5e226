"""The processor, and its features that decide how fast matrix products run."""

import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Displayed name: name in `flags` (x86) or `Features` (aarch64) of /proc/cpuinfo.
_LINUX = {
    "x86_64": {"AVX2": "avx2", "AVX-512": "avx512f", "AVX512_BF16": "avx512_bf16", "AMX-BF16": "amx_bf16"},
    "aarch64": {"NEON": "asimd", "SVE": "sve", "BF16": "bf16", "I8MM": "i8mm"},
}
# Displayed name: keys of sysctl, of which one must be 1. Apple processors have SVE only in their SME unit.
_APPLE_ARM = {
    "NEON": ("hw.optional.AdvSIMD", "hw.optional.neon"),
    "SVE": (),
    "BF16": ("hw.optional.arm.FEAT_BF16",),
    "I8MM": ("hw.optional.arm.FEAT_I8MM",),
}
_APPLE_X86 = {"AVX2": ("hw.optional.avx2_0",), "AVX-512": ("hw.optional.avx512f",), "AVX512_BF16": (), "AMX-BF16": ()}

# Linux does not name aarch64 processors. These are the (implementer, part) of common ones.
# Source: lscpu of util-linux, sys-utils/lscpu-arm.c.
_ARM_PARTS = {
    ("0x41", "0xd08"): "Arm Cortex-A72",
    ("0x41", "0xd0b"): "Arm Cortex-A76",
    ("0x41", "0xd0c"): "Arm Neoverse N1",
    ("0x41", "0xd40"): "Arm Neoverse V1",
    ("0x41", "0xd49"): "Arm Neoverse N2",
    ("0x41", "0xd4f"): "Arm Neoverse V2",
    ("0x41", "0xd83"): "Arm Neoverse V3-AE",
    ("0x41", "0xd84"): "Arm Neoverse V3",
    ("0x61", "0x022"): "Apple M1 Icestorm",
    ("0x61", "0x023"): "Apple M1 Firestorm",
    ("0xc0", "0xac3"): "Ampere-1",
}
_SYSCTL = "/usr/sbin/sysctl"


@dataclass(frozen=True, kw_only=True)
class Processor:
    """The properties of a processor that training depends on."""

    name: str  # its name, from the maker or the system
    architecture: str  # the instruction set, such as `x86_64` or `aarch64`
    features: Mapping[str, bool] = field(default_factory=dict)  # whether it has each that matters; empty if unknown
    caches: Mapping[str, int] = field(default_factory=dict)  # in bytes, of the first core; empty if unknown


def read_processor() -> Processor:
    """Return the processor of this machine. Unknown properties are left out."""
    architecture = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        caches = read_caches(Path("/sys/devices/system/cpu/cpu0/cache"))
        return parse_cpuinfo(cpuinfo.read_text(encoding="utf-8", errors="replace"), architecture, caches)
    if shutil.which(_SYSCTL):
        listed = subprocess.run([_SYSCTL, "hw", "machdep.cpu"], capture_output=True, text=True, check=False).stdout
        return parse_sysctl(listed, architecture)
    return Processor(name=platform.processor() or "unknown", architecture=architecture)


def parse_cpuinfo(text: str, architecture: str, caches: Mapping[str, int] | None = None) -> Processor:
    r"""Return the processor that the text of Linux's `/proc/cpuinfo` describes.

    A feature counts only if all cores have it. If there are several kinds of cores, the name lists them all.
    """
    entries = [tuple(part.strip() for part in line.split(":", 1)) for line in text.splitlines() if ":" in line]
    lists = [set(entry[1].split()) for entry in entries if entry[0] in ("flags", "Features")]
    common = set.intersection(*lists) if lists else set()
    names = [entry[1] for entry in entries if entry[0] == "model name"] or _arm_names(entries)
    known = _LINUX.get(architecture, {})
    return Processor(
        name=" + ".join(dict.fromkeys(names)) or "unknown",
        architecture=architecture,
        features={name: flag in common for name, flag in known.items()} if lists else {},
        caches=caches or {},
    )


def parse_sysctl(text: str, architecture: str) -> Processor:
    r"""Return the processor that the output of macOS's `sysctl hw machdep.cpu` describes.

    Apple processors have two kinds of cores; the caches are those of the fast kind.
    """
    values = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    known = _APPLE_X86 if architecture == "x86_64" else _APPLE_ARM
    sizes = {
        name: values.get(f"hw.perflevel0.{key}") or values.get(f"hw.{key}", "")
        for name, key in {"L1d": "l1dcachesize", "L2": "l2cachesize", "L3": "l3cachesize"}.items()
    }
    return Processor(
        name=values.get("machdep.cpu.brand_string", "unknown"),
        architecture=architecture,
        features={name: any(values.get(key) == "1" for key in keys) for name, keys in known.items()} if values else {},
        caches={name: int(size) for name, size in sizes.items() if size.isdigit() and int(size)},
    )


def read_caches(folder: Path) -> dict[str, int]:
    """Return the sizes in bytes of the data caches that Linux lists in `/sys/devices/system/cpu/cpu0/cache`."""
    caches = {}
    for index in sorted(folder.glob("index*")):
        try:
            level, kind, size = (
                (index / name).read_text(encoding="ascii").strip() for name in ("level", "type", "size")
            )
        except OSError:
            continue
        match = re.fullmatch(r"(\d+)([KM]?)", size)
        if match and kind != "Instruction":
            scale = {"": 1, "K": 2**10, "M": 2**20}[match[2]]
            caches[f"L{level}" + ("d" if kind == "Data" else "")] = int(match[1]) * scale
    return caches


def _arm_names(entries: list[tuple[str, ...]]) -> list[str]:
    implementers = [entry[1] for entry in entries if entry[0] == "CPU implementer"]
    parts = [entry[1] for entry in entries if entry[0] == "CPU part"]
    return [
        _ARM_PARTS.get(pair, "Arm implementer {} part {}".format(*pair))
        for pair in zip(implementers, parts, strict=False)
    ]
