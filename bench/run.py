#!/usr/bin/env python3
"""Takes each figure beside its yardstick, in one run, and writes bench.json.

    make bench                            everything
    python3 bench/run.py enqueue codec    some: enqueue, codec, pixels, client, window, preview, history, drain, memory,
                                          linescan, cameras
    python3 bench/run.py history --parts 10000000

A figure that misses its goal is printed as MISSED, and the exit status stays 0: a
bench informs. It is 1 only where something could not be measured.

WIKO_BENCH_PROFILE=release measures the release build. The default, dev, has the
packages that touch pixels, hashes and SQLite optimised like a release and the rest
not, so it can only make ours look slower.
"""

import argparse
import datetime
import json
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

import cameras
import client
import codec
import drain
import enqueue
import history
import linescan
import memory
import pictures
import pixels
import preview
import window
from measure import ROOT, Figure, NotMeasured, cargo_build, note

FILM_FRAMES = 30


def data_dir(scratch: Path, film: Path) -> Path:
    """A station without a network whose camera plays the film at 30 frames a second."""
    folder = scratch / "station"
    folder.mkdir(exist_ok=True)
    (folder / "station.toml").write_text(
        "[camera]\n"
        'id = "bench"\n'
        'driver = "replay"\n'
        f"folder = {json.dumps(str(film))}\n"
        "looping = true\n"
        f"frames_per_second = {preview.FRAMES_PER_S}.0\n"
        "[analysis]\n"
        'chain = ["screen"]\n'
        "[credentials]\n"
        'source = "environment"\n'
    )
    return folder


def main() -> int:
    known = ["enqueue", "codec", "pixels", "client", "window", "preview", "history", "drain", "memory",
             "linescan", "cameras"]
    reader = argparse.ArgumentParser(prog="bench/run.py")
    reader.add_argument("which", nargs="*", metavar=" | ".join(known))
    reader.add_argument("--parts", type=int, help="of the history; as many as the disk has room for by default")
    arguments = reader.parse_args()
    wanted = arguments.which or known
    if set(wanted) - set(known):
        reader.error(f"known are {', '.join(known)}")
    profile = os.environ.get("WIKO_BENCH_PROFILE", "dev")
    if profile not in ("dev", "release"):
        print("WIKO_BENCH_PROFILE is dev or release", file=sys.stderr)
        return 2
    cache = Path(os.environ["WIKO_CACHE"])
    cache.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    troubles: list[str] = []
    station: Path | None = None
    # In the cache, not in /tmp: that may be memory, and a fsync there costs nothing.
    with tempfile.TemporaryDirectory(prefix="bench-", dir=cache) as name:
        scratch = Path(name)
        film = scratch / "film"
        for which in wanted:
            note(f"measuring: {which}")
            try:
                if which in ("window", "preview") and station is None:
                    station = cargo_build(profile, ["--bin", "wiko-station"]) / "wiko-station"
                    pictures.write_film(film, FILM_FRAMES)
                if which == "enqueue":
                    figures += enqueue.measure(profile, scratch)
                elif which == "codec":
                    figures += codec.measure(profile, scratch)
                elif which == "pixels":
                    figures += pixels.measure(profile, scratch)
                elif which == "client":
                    figures += client.measure(profile, scratch)
                elif which == "history":
                    figures += history.measure(profile, scratch, arguments.parts)
                elif which == "drain":
                    figures += drain.measure(profile, scratch, cache)
                elif which == "linescan":
                    figures += linescan.measure(profile, scratch)
                elif which == "cameras":
                    figures += cameras.measure(profile, scratch)
                elif which == "memory":
                    figures += memory.measure(profile)
                elif which == "window":
                    figures += window.measure(station, data_dir(scratch, film), scratch)
                elif which == "preview":
                    figures += preview.measure(station, data_dir(scratch, film), film)
            except NotMeasured as trouble:
                troubles.append(f"{which}: {trouble}")
    load = os.getloadavg()[0]
    print(f"\n{profile} profile, {os.cpu_count()} CPUs, load {load:.1f}, {platform.machine()} {platform.system()}")
    for figure in figures:
        print(figure.line())
    for trouble in troubles:
        print(f"NOT MEASURED {trouble}")
    missed = [figure.name for figure in figures if not figure.met]
    (ROOT / "bench.json").write_text(
        json.dumps(
            {
                "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "profile": profile,
                "cpus": os.cpu_count(),
                "load": load,
                "figures": [figure.as_json() for figure in figures],
                "not_measured": troubles,
            },
            indent=2,
        )
        + "\n"
    )
    print(f"{len(figures) - len(missed)} met, {len(missed)} missed{': ' + ', '.join(missed) if missed else ''}, "
          f"{len(troubles)} not measured; written to bench.json")
    return 1 if troubles else 0


if __name__ == "__main__":
    # Ended from outside, the display and the window that it started must end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
