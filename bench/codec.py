"""JPEG decoding and encoding against tjbench, libjpeg-turbo's own benchmark, in turns."""

import re
from pathlib import Path

import pictures
from measure import Figure, NotMeasured, Ran, cargo_build, ratio_figure, run

ROUNDS, SECONDS = 5, 1.5
LIMIT = 1.15


def cpu_ms(ran: Ran, pattern: str) -> float:
    """CPU time a picture: the printed rate is of the clock on the wall, so the share of the CPU that
    the process got while other programs ran is taken out."""
    found = re.search(pattern, ran.stdout)
    if not found:
        raise NotMeasured(f"no rate in: {ran.stdout.strip()[:300]}")
    return 1e3 / float(found[1]) * min(1.0, ran.cpu_s / ran.wall_s)


def measure(profile: str, scratch: Path) -> list[Figure]:
    ours = cargo_build(profile, ["--workspace", "--example", "codec"]) / "examples/codec"
    jpeg = pictures.write_jpeg(scratch / "picture.jpg", 1)
    raw = jpeg.with_suffix(".ppm")
    timing = ["-nowrite", "-warmup", "0", "-benchtime", str(SECONDS)]
    detail = f"1080p, q{pictures.QUALITY} 4:2:0, {jpeg.stat().st_size // 1000} kB"
    kinds = {
        "decode": ["tjbench", str(jpeg), "-rgb", *timing],
        "encode": ["tjbench", str(raw), str(pictures.QUALITY), "-rgb", "-subsamp", "420", "-componly", *timing],
    }
    figures = []
    for kind, yardstick in kinds.items():
        rounds = []
        for _ in range(ROUNDS):
            own = run([str(ours), kind, str(jpeg), str(SECONDS)])
            other = run(yardstick)
            rounds.append((cpu_ms(own, r"([\d.]+) pictures/s"), cpu_ms(other, r"Frame rate:\s+([\d.]+) fps")))
        figures.append(ratio_figure(f"JPEG {kind}", "CPU ms", rounds, LIMIT, detail))
    return figures
