"""A durable capture against the same in plain Python, on the same disk, in turns; and with many parts waiting."""

import re
import shutil
import sys
import tempfile
from pathlib import Path

from measure import ROOT, Figure, NotMeasured, cargo_build, ratio_figure, run

# Many short rounds: the disk changes its mood within seconds, and a pair should see the same one.
ROUNDS, COUNT, BYTES = 21, 40, 500_000
LIMIT = 1.2

# A crowd that waits must not be felt: as good as none, but for the noise of the disk.
WAITING, WAITING_ROUNDS, WAITING_LIMIT = 100_000, 15, 1.1
P99_COUNT, P99_LIMIT_MS = 1000, 50.0


def percentiles_ms(command: list[str]) -> tuple[float, float, float]:
    """p50, p95 and p99."""
    text = run(command, timeout_s=900).stdout
    found = re.search(r"p50 ([\d.]+) p95 ([\d.]+) p99 ([\d.]+)", text)
    if not found:
        raise NotMeasured(f"{command[0]} printed no p50: {text.strip()[:200]}")
    return float(found[1]), float(found[2]), float(found[3])


def measure(profile: str, scratch: Path) -> list[Figure]:
    ours = cargo_build(profile, ["--workspace", "--example", "durable_enqueue"]) / "examples/durable_enqueue"
    yardstick = ROOT / "bench/yardsticks/durable_enqueue.py"
    rounds, p95s = [], []
    for n in range(ROUNDS):
        # Fresh folders each round, and each goes first in turn: the disk's mood favours neither.
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            commands = {
                "ours": [str(ours), f"{folder}/ours", str(COUNT), str(BYTES)],
                "yardstick": [sys.executable, str(yardstick), f"{folder}/yardstick", str(COUNT), str(BYTES)],
            }
            order = sorted(commands, reverse=n % 2 == 1)
            took = {who: percentiles_ms(commands[who]) for who in order}
        rounds.append((took["ours"][0], took["yardstick"][0]))
        p95s.append((took["ours"][1], took["yardstick"][1]))
    p95 = ratio_figure("", "ms", p95s, LIMIT, "")
    return [
        ratio_figure(
            "durable enqueue", "ms", rounds, LIMIT,
            f"p95 {p95.ours:.2f} and {p95.yardstick:.2f} ms; {COUNT} x {BYTES // 1000} kB a round",
        ),
        *with_many_waiting(ours, yardstick, scratch),
    ]


def with_many_waiting(ours: Path, yardstick: Path, scratch: Path) -> list[Figure]:
    """The same capture beside 100,000 parts that wait for an analyzer, against one in an empty station."""
    with tempfile.TemporaryDirectory(prefix="wiko-bench-", dir=memory_or(scratch)) as filled:
        # Pictures of the waiting are not looked at by a capture: a few bytes each will do.
        run([str(ours), f"{filled}/station", str(WAITING), "100"], timeout_s=1800)
        crowd = scratch / "crowd"
        crowd.mkdir()
        shutil.copyfile(f"{filled}/station/wiko.sqlite3", crowd / "wiko.sqlite3")
    rounds, number = [], WAITING
    for n in range(WAITING_ROUNDS):
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            commands = {
                "empty": [str(ours), f"{folder}/empty", str(COUNT), str(BYTES)],
                "waiting": [str(ours), str(crowd), str(COUNT), str(BYTES), str(number)],
            }
            took = {who: percentiles_ms(commands[who]) for who in sorted(commands, reverse=n % 2 == 1)}
        number += COUNT
        rounds.append((took["waiting"][0], took["empty"][0]))
    p99 = percentiles_ms([str(ours), str(crowd), str(P99_COUNT), str(BYTES), str(number)])[2]
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        beside = percentiles_ms([sys.executable, str(yardstick), f"{folder}/yardstick", str(P99_COUNT), str(BYTES)])[2]
    shutil.rmtree(crowd)
    return [
        ratio_figure(
            "enqueue, 100,000 wait", "ms", rounds, WAITING_LIMIT,
            f"the yardstick is the same capture with nothing waiting; {COUNT} x {BYTES // 1000} kB a round",
        ),
        Figure(
            "enqueue p99, 100,000 wait", p99, beside, "ms", p99, P99_LIMIT_MS, f"<= {P99_LIMIT_MS:.0f} ms",
            f"of {P99_COUNT:,} captures of {BYTES // 1000} kB",
        ),
    ]


def memory_or(folder: Path) -> Path:
    """Where a fsync costs nothing, if there is such a place: what is made there is only copied."""
    return Path("/dev/shm") if Path("/dev/shm").is_dir() else folder
