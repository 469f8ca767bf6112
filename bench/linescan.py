"""Blocks of a simulated line-scan camera on loopback against the least client that Aravis allows, in turns.

    python3 bench/run.py linescan
"""

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from measure import ROOT, Figure, NotMeasured, Ran, cargo_build, ratio_figure, run, stop, wait_for_line

ADDRESS, SERIAL = "127.0.0.1", "BENCH"
WIDTH, HEIGHT, LINES_PER_S = 4096, 256, 9000
ROUNDS, SECONDS = 5, 4.0
# Of the CPU time: a block is copied once out of the buffer that the camera fills again.
LIMIT = 1.5
# Of the rate: both wait for the same camera.
RATE_LIMIT = 1.05


@contextlib.contextmanager
def simulator(program: Path) -> Iterator[None]:
    arguments = ["--interface", ADDRESS, "--serial", SERIAL, "--line-scan", "--scene", "lines"]
    # It runs until its input ends.
    process = subprocess.Popen(
        [str(program), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        wait_for_line(process, "ready", 10)
        yield
    finally:
        stop(process)


def yardstick(scratch: Path) -> Path:
    source, program = ROOT / "bench/yardsticks/linescan.c", scratch / "linescan"
    try:
        flags = run(["pkg-config", "--cflags", "--libs", "aravis-0.8"]).stdout.split()
    except NotMeasured as trouble:
        raise NotMeasured("libaravis-dev is missing: scripts/setup bench") from trouble
    run(["cc", "-O2", "-o", str(program), str(source), *flags])
    return program


def counted(ran: Ran) -> tuple[int, int, float, int]:
    """Blocks that came, bad ones, lines a second, lines lost between good blocks."""
    found = re.search(r"ok=(\d+) bad=(\d+) -> (\d+) lines/s, lines lost (\d+)", ran.stdout)
    if not found or not int(found[1]):
        raise NotMeasured(f"no block came: {ran.stdout.strip()[:300]}")
    return int(found[1]), int(found[2]), float(found[3]), int(found[4])


def measure(profile: str, scratch: Path) -> list[Figure]:
    examples = cargo_build(profile, ["--workspace", "--example", "gige_camera", "--example", "linescan"]) / "examples"
    asked = [str(WIDTH), str(HEIGHT), str(LINES_PER_S), str(SECONDS)]
    commands = {
        "ours": [str(examples / "linescan"), SERIAL, *asked],
        "yardstick": [str(yardstick(scratch)), ADDRESS, *asked],
    }
    cpu, rate, lost = [], [], {"ours": 0, "yardstick": 0}
    with simulator(examples / "gige_camera"):
        for n in range(ROUNDS):
            took = {}
            for who in sorted(commands, reverse=n % 2 == 1):
                ran = run(commands[who])
                blocks, bad, lines_per_s, lines_lost = counted(ran)
                took[who] = (1e3 * ran.cpu_s / blocks, 1e6 / lines_per_s, lines_per_s)
                # A bad block before the first good one shows in no number of a line.
                lost[who] += max(lines_lost, bad * HEIGHT)
            ours, other = took["ours"], took["yardstick"]
            cpu.append((ours[0], other[0]))
            rate.append((ours[1], other[1]))
    detail = f"{WIDTH}x{HEIGHT} blocks at {LINES_PER_S:,} lines/s asked, {SECONDS:.0f} s a round"
    return [
        Figure(
            "line-scan, lines lost", lost["ours"], None, "lines", lost["ours"], 0, "0",
            f"of {ROUNDS * SECONDS * LINES_PER_S:,.0f}; the yardstick lost {lost['yardstick']}",
        ),
        ratio_figure("line-scan, a line", "us", rate, RATE_LIMIT, detail),
        ratio_figure("line-scan, a block", "CPU ms", cpu, LIMIT, "of the whole process, opening included"),
    ]
