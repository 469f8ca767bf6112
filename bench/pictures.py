"""Pictures to measure with: a test pattern with noise over it, the same in each run."""

import random
import subprocess
from pathlib import Path

from measure import NotMeasured

WIDTH, HEIGHT = 1920, 1080
QUALITY = 85
# Enough noise for about 270 kB at this quality, like a real camera's picture of steel.
NOISE_LEVELS = 16


def ppm(seed: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """Colour bars that move with the seed, grey ramps and noise."""
    width, height = size
    bars = [(200, 200, 200), (200, 200, 40), (40, 200, 200), (40, 200, 40),
            (200, 40, 200), (200, 40, 40), (40, 40, 200), (90, 90, 90)]
    bar_px = width // len(bars)
    coloured = b"".join(bytes(bars[((x + seed * 16) // bar_px) % len(bars)]) for x in range(width))
    ramp = b"".join(bytes([x * 220 // width] * 3) for x in range(width))
    rows = [coloured if (y // 90) % 2 else ramp for y in range(height)]
    pattern = b"".join(rows)
    noise = random.Random(seed).randbytes(len(pattern)).translate(bytes(i % NOISE_LEVELS for i in range(256)))
    # No sum of two bytes passes 255, so one addition of long integers adds all of them.
    total = int.from_bytes(pattern, "big") + int.from_bytes(noise, "big")
    return b"P6 %d %d 255\n" % (width, height) + total.to_bytes(len(pattern), "big")


def write_jpeg(path: Path, seed: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """Writes the picture as JPEG, 4:2:0, and its pixels beside it as PPM."""
    raw = path.with_suffix(".ppm")
    raw.write_bytes(ppm(seed, size))
    command = ["cjpeg", "-quality", str(QUALITY), "-sample", "2x2", "-outfile", str(path), str(raw)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotMeasured(f"cjpeg: {error}; run scripts/setup bench") from error
    return path


def write_film(folder: Path, frames: int) -> None:
    """`frames` JPEGs, numbered from 000."""
    folder.mkdir()
    for n in range(frames):
        write_jpeg(folder / f"{n:03}.jpg", n).with_suffix(".ppm").unlink()
