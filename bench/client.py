"""What an analysis by Claude takes of this machine, beside decoding and encoding the same 4K frame and nothing else."""

import re
import statistics
from pathlib import Path

import pictures
from measure import Figure, NotMeasured, cargo_build, run

SIZE = (3840, 2160)
ROUNDS = 25
LIMIT_MS = 30.0
LINE = re.compile(r"yardstick ([\d.]+) prepare ([\d.]+) whole ([\d.]+) details ([\d.]+)")


def measure(profile: str, scratch: Path) -> list[Figure]:
    ours = cargo_build(profile, ["--workspace", "--example", "client_overhead"]) / "examples/client_overhead"
    jpeg = pictures.write_jpeg(scratch / "frame.jpg", 1, SIZE)
    printed = run([str(ours), str(jpeg), str(ROUNDS)]).stdout
    rounds = [tuple(map(float, found)) for found in LINE.findall(printed)]
    if len(rounds) != ROUNDS:
        raise NotMeasured(f"{len(rounds)} rounds in: {printed.strip()[:300]}")
    yardstick, prepare, whole, details = map(statistics.median, zip(*rounds, strict=True))
    frame = f"4K, {jpeg.stat().st_size // 1000} kB; the service's time is not in it"
    return [
        figure("Claude's client", whole, yardstick, [b - a for a, _, b, _ in rounds],
               f"{frame}; {prepare:.1f} ms of it make the picture that is sent"),
        figure("the same with 4 details", details, yardstick, [b - a for a, _, _, b in rounds], frame),
    ]  # fmt: skip


def figure(name: str, ours: float, yardstick: float, beyond: list[float], detail: str) -> Figure:
    """Held to what it takes beyond the yardstick, round by round."""
    value = statistics.median(beyond)
    spread = f"{value:.1f} ms beyond it, median of {len(beyond)} rounds, {min(beyond):.1f} to {max(beyond):.1f}"
    return Figure(name, ours, yardstick, "ms", value, LIMIT_MS, f"<= {LIMIT_MS:.0f} ms beyond", f"{spread}; {detail}")
