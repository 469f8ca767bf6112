"""Raw pixels to colour against OpenCV on one thread, in turns, and what a frame costs besides: its quality, its live
picture, even light."""

import re
import subprocess
import sys
from pathlib import Path

import codec
import pictures
from measure import Figure, NotMeasured, Ran, cargo_build, ratio_figure, run

ROUNDS, SECONDS = 5, 1.0
LIMIT = 1.2
WIDTH, HEIGHT = pictures.WIDTH, pictures.HEIGHT
# A block of a line-scan camera, of which so many lines come a second.
LINE_WIDTH, LINES, LINES_PER_S = 4096, 256, 9000

# OpenCV in a process of its own, as ours is, so that the CPU time of both is that of the whole process.
YARDSTICK = """
import sys, time
import cv2, numpy
cv2.setNumThreads(1)
kind, path, width, height, seconds = sys.argv[1:]
width, height = int(width), int(height)
pixels = numpy.fromfile(path, numpy.uint8)
if kind == "yuyv":
    pixels, code = pixels.reshape(height, width, 2), cv2.COLOR_YUV2RGB_YUYV
else:
    # OpenCV names a filter by its second row and column: BayerBG is PFNC's BayerRG.
    pixels, code = pixels.reshape(height, width), cv2.COLOR_BayerBG2RGB
runs, begin = 0, time.perf_counter()
cpu = time.process_time()
while time.perf_counter() - begin < float(seconds):
    cv2.cvtColor(pixels, code)
    runs += 1
print(f"{(time.process_time() - cpu) * 1e3 / runs:.5f} CPU ms")
"""


def yardstick_ms(ran: Ran) -> float:
    found = re.search(r"([\d.]+) CPU ms", ran.stdout)
    if not found:
        raise NotMeasured(f"no figure in: {ran.stdout.strip()[:300]}")
    return float(found[1])


def own_ms(ran: Ran) -> float:
    return codec.cpu_ms(ran, r"([\d.]+) pictures/s")


def write_raw(scratch: Path) -> dict[str, Path]:
    """The bench's picture as sensors would give it."""
    rgb = pictures.ppm(1)[-WIDTH * HEIGHT * 3:]
    rows = {"bayer": [], "yuyv": [], "mono": []}
    for y in range(HEIGHT):
        row = rgb[y * WIDTH * 3:(y + 1) * WIDTH * 3]
        # Behind a filter that begins with red, green; below it green, blue.
        bayer, yuyv = bytearray(WIDTH), bytearray(2 * WIDTH)
        bayer[0::2], bayer[1::2] = (row[0::6], row[4::6]) if y % 2 == 0 else (row[1::6], row[5::6])
        # Its green as Y, and an even tint: what the numbers are does not change what converting them costs.
        yuyv[0::2], yuyv[1::4], yuyv[3::4] = row[1::3], bytes([118]) * (WIDTH // 2), bytes([134]) * (WIDTH // 2)
        rows["bayer"].append(bytes(bayer))
        rows["yuyv"].append(bytes(yuyv))
        rows["mono"].append(row[1::3])
    files = {kind: b"".join(content) for kind, content in rows.items()}
    files["line"] = files["mono"][: LINE_WIDTH * LINES]
    paths = {}
    for kind, content in files.items():
        paths[kind] = scratch / f"{kind}.raw"
        paths[kind].write_bytes(content)
    return paths


def measure(profile: str, scratch: Path) -> list[Figure]:
    try:
        subprocess.run([sys.executable, "-c", "import cv2"], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise NotMeasured("no OpenCV: pip install opencv-python-headless") from error
    ours = cargo_build(profile, ["-p", "wiko-imaging", "--example", "pixels"]) / "examples/pixels"
    raw = write_raw(scratch)
    size = [str(WIDTH), str(HEIGHT), str(SECONDS)]
    figures = []
    for kind, name in (("yuyv", "YUYV to RGB"), ("bayer", "Bayer to RGB")):
        rounds = []
        for _ in range(ROUNDS):
            own = run([str(ours), kind, str(raw[kind]), *size])
            other = run([sys.executable, "-c", YARDSTICK, kind, str(raw[kind]), *size])
            rounds.append((own_ms(own), yardstick_ms(other)))
        figures.append(ratio_figure(name, "CPU ms", rounds, LIMIT, "1080p, OpenCV cvtColor"))
    for kind, name, limit in (
        ("quality-mono", "quality of a frame", 5.0),
        ("live-mono", "live picture, mono", 10.0),
        ("live-bayer", "live picture, Bayer", 10.0),
        ("live-yuyv", "live picture, YUYV", 10.0),
    ):
        values = sorted(own_ms(run([str(ours), kind, str(raw[kind.split("-")[1]]), *size])) for _ in range(ROUNDS))
        middle = values[ROUNDS // 2]
        spread = f"1080p; {ROUNDS} rounds, {values[0]:.2f} to {values[-1]:.2f}"
        figures.append(Figure(name, middle, None, "CPU ms", middle, limit, f"<= {limit} ms", spread))
    line = [str(LINE_WIDTH), str(LINES), str(SECONDS)]
    values = sorted(own_ms(run([str(ours), "flat-mono", str(raw["line"]), *line])) for _ in range(ROUNDS))
    share = values[ROUNDS // 2] / 1e3 * LINES_PER_S / LINES
    detail = f"{LINE_WIDTH} px at {LINES_PER_S} lines/s; a block of {LINES} lines takes {values[ROUNDS // 2]:.3f} CPU ms"
    figures.append(Figure("flat field", share * 100, None, "% of core", share, 0.05, "<= 5% of a core", detail))
    return figures
