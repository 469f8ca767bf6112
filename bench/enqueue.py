"""A durable capture against the same in plain Python, on the same disk, in turns."""

import re
import sys
import tempfile
from pathlib import Path

from measure import ROOT, Figure, NotMeasured, cargo_build, ratio_figure, run

# Many short rounds: the disk changes its mood within seconds, and a pair should see the same one.
ROUNDS, COUNT, BYTES = 21, 40, 500_000
LIMIT = 1.2


def p50_p95_ms(command: list[str]) -> tuple[float, float]:
    text = run(command).stdout
    found = re.search(r"p50 ([\d.]+) p95 ([\d.]+)", text)
    if not found:
        raise NotMeasured(f"{command[0]} printed no p50: {text.strip()[:200]}")
    return float(found[1]), float(found[2])


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
            took = {who: p50_p95_ms(commands[who]) for who in order}
        rounds.append((took["ours"][0], took["yardstick"][0]))
        p95s.append((took["ours"][1], took["yardstick"][1]))
    p95 = ratio_figure("", "ms", p95s, LIMIT, "")
    return [
        ratio_figure(
            "durable enqueue", "ms", rounds, LIMIT,
            f"p95 {p95.ours:.2f} and {p95.yardstick:.2f} ms; {COUNT} x {BYTES // 1000} kB a round",
        )
    ]
