"""Memory over a hundred thousand parts, each captured, decided and sent."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from measure import Figure, NotMeasured, cargo_build, own_mb, pss_mb, stop

PARTS, WARM, EVERY = 100_000, 10_000, 1000
LIMIT_PERCENT = 5.0
# As the station sets it for itself (src-tauri/src/allocator.rs).
ARENAS = {"MALLOC_ARENA_MAX": "2"}
# Not how fast the disk is, so it may be memory, where a fsync costs nothing.
PLACE = Path("/dev/shm")


def measure(profile: str, parts: int = PARTS) -> list[Figure]:
    example = cargo_build(profile, ["--workspace", "--example", "steady_memory"]) / "examples/steady_memory"
    with tempfile.TemporaryDirectory(prefix="wiko-bench-", dir=PLACE if PLACE.is_dir() else None) as folder:
        process = subprocess.Popen(
            [example, f"{folder}/station", str(parts)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, env=os.environ | ARENAS,
        )  # fmt: skip
        at: dict[int, float] = {}
        whole: dict[int, float] = {}
        try:
            for line in process.stdout:
                n = int(line.split()[1])
                at[n], whole[n] = own_mb(process.pid), pss_mb([process.pid])
            if process.wait() != 0 or parts not in at:
                raise NotMeasured(f"steady_memory ended with {process.returncode}: {process.stderr.read()[-300:]}")
        finally:
            stop(process)
    # The allocator's mood moves a single look; the median of ten is steady.
    early = sorted(at[n] for n in at if WARM <= n < WARM + 10 * EVERY)
    late = sorted(at[n] for n in at if n > parts - 10 * EVERY)
    begin, end = early[len(early) // 2], late[len(late) // 2]
    # Of all its memory; but not what the pages of files made it grow or shrink by.
    growth = (end - begin) / whole[WARM] * 100
    return [
        Figure(
            "memory growth", growth, None, "%", growth, LIMIT_PERCENT, f"<= {LIMIT_PERCENT:.0f} %",
            f"its own pages {begin:.2f} MB after {WARM:,} parts, {end:.2f} MB after {parts:,}, {end / begin - 1:.1%} more; "
            f"with those of files (PSS) {whole[WARM]:.1f} and {whole[parts]:.1f} MB, at most {max(whole.values()):.1f}",
        )
    ]
