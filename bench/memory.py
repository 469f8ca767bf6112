"""Memory over a hundred thousand parts, each captured, decided and sent."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import ROOT, Figure, NotMeasured, cargo_build, own_mb, pss_mb, stop

PARTS, WARM, EVERY = 100_000, 10_000, 1000
LIMIT_PERCENT = 5.0
ALLOCATOR = ROOT / "src-tauri/src/allocator.rs"
# Not how fast the disk is, so it may be memory, where a fsync costs nothing.
PLACE = Path("/dev/shm")


def arenas() -> dict[str, str]:
    """What the station sets for itself."""
    said = re.search(r"MOST_ARENAS: \S+ = (\d+);", ALLOCATOR.read_text())
    if not said:
        raise NotMeasured(f"{ALLOCATOR.name} no longer says how many arenas the station has")
    return {"MALLOC_ARENA_MAX": said.group(1)}


def measure(profile: str, parts: int = PARTS) -> list[Figure]:
    example = cargo_build(profile, ["--workspace", "--example", "steady_memory"]) / "examples/steady_memory"
    with tempfile.TemporaryDirectory(prefix="wiko-bench-", dir=PLACE if PLACE.is_dir() else None) as folder:
        process = subprocess.Popen(
            [example, f"{folder}/station", str(parts)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, env=os.environ | arenas(),
        )  # fmt: skip
        at: dict[int, float] = {}
        whole: dict[int, float] = {}
        try:
            for line in process.stdout:
                n = int(line.split()[1])
                at[n], whole[n] = own_mb(process.pid), pss_mb([process.pid])
            if process.wait() != 0 or parts not in at or not all(at.values()):
                raise NotMeasured(f"steady_memory ended with {process.returncode}: {process.stderr.read()[-300:]}")
        finally:
            stop(process)
    # The allocator's mood moves a single look; the median of ten is steady.
    early, late = range(WARM, WARM + 10 * EVERY, EVERY), range(parts - 9 * EVERY, parts + 1, EVERY)
    begin, end = (statistics.median(at[n] for n in looks) for looks in (early, late))
    begin_pss, end_pss = (statistics.median(whole[n] for n in looks) for looks in (early, late))
    # Of its memory (PSS), but without what the pages of files made that grow or shrink by.
    growth = (end - begin) / begin_pss * 100
    return [
        Figure(
            "memory growth", growth, None, "%", growth, LIMIT_PERCENT, f"<= {LIMIT_PERCENT:.0f} %",
            f"its own pages {begin:.2f} MB after {WARM:,} parts, {end:.2f} MB after {parts:,}, {end / begin - 1:.1%} more; "
            f"with those of files (PSS) {begin_pss:.1f} and {end_pss:.1f} MB, at most {max(whole.values()):.1f}",
        )
    ]
