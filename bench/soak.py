#!/usr/bin/env python3
"""Eight hours of the live picture, as fast as they go, and what the station's memory has grown by then.

    make soak                                     864,000 frames; writes soak.json
    python3 bench/soak.py --seconds 40            a short one, as `make test` does
    python3 bench/soak.py --gige --seconds 120    two GigE Vision cameras at 1080p30 in place of a replayed film

The real window is open and draws at its pace. Beside it a client that answers each frame at once takes the live
picture as fast as the station gives it, so that the way from the camera to the socket runs through eight hours' frames
in less than one. What counts is the memory of the station and of all processes below it (PSS),
without what the pages of files made that grow or shrink by: other windows on the machine share those.

The exit status is 1 where memory grew beyond the limit, or where nothing could be measured.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import gige
import preview
from measure import ROOT, NotMeasured, cargo_build, display, note, own_mb, pss_mb, run, tree
from websocket import Preview

FRAMES = 8 * 3600 * 30
# More than any disk and processor gives, so that the film is played as fast as it goes.
MOST_PER_S = 1000.0
PICTURES = 4
PATIENCE_S = 60

GROWTH_LIMIT_PERCENT = 5.0
# A short run cannot tell growth from WebKit's own ups and downs: its collector lets several MB come together before it
# looks, whatever is shown. At 500 frames a second a leak of 5 kB a frame, a fortieth of its picture, is more than this.
SHORT_ALLOWANCE_MB = 24.0
# Of the time: what is filled once (caches, pools of threads, buffers of the allocator) is full then.
WARM_UP_SHARE, WARM_UP_LEAST_S = 0.1, 12.0
# Begin and end are each the median of as many looks. A single look is moved by a frame in flight, of 6 MB once decoded,
# and by whether the collector has just run; the median of them all is not.
LOOKS_SHARE, LOOKS_LEAST = 0.2, 5
SHORT_EVERY_S, LONG_EVERY_S = 0.5, 5.0


class Cannot(Exception):
    """What it needs is not on this machine."""


class Taken:
    """Frames that came to a client which answers at once."""

    def __init__(self, url: str) -> None:
        self.frames, self.bytes, self.first, self.last, self.broken = 0, 0, None, 0, ""
        self._client = Preview(url, PATIENCE_S)
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        try:
            while True:
                self.last, _, size = self._client.frame()
                self.first = self.last if self.first is None else self.first
                self.frames, self.bytes = self.frames + 1, self.bytes + size
        except (NotMeasured, OSError) as error:
            self.broken = str(error) or type(error).__name__

    def close(self) -> None:
        self._client.close()
        self._thread.join(5)

    @property
    def fed(self) -> int:
        """Frames that the camera gave, by their sequence."""
        return 0 if self.first is None else self.last - self.first + 1


def film_of(station: Path, scratch: Path) -> Path:
    """Pictures of the simulated line, as its camera gives them: no program that makes any needs to be here."""
    demo, film = scratch / "demo", scratch / "film"
    film.mkdir()
    for _ in range(PICTURES):
        run([str(station), "--demo", "--data-dir", str(demo), "capture", "--camera", "simulated", "--sku", "WK-KN-200",
             "--stage", gige.STAGES[0]])  # fmt: skip
    pictures = sorted((demo / "spool").rglob("*.jpg"))
    if len(pictures) < PICTURES:
        raise NotMeasured(f"the simulated camera gave {len(pictures)} of {PICTURES} pictures")
    for n, picture in enumerate(pictures):
        shutil.copyfile(picture, film / f"{n:03}.jpg")
    return film


@contextlib.contextmanager
def replayed(station: Path, scratch: Path) -> Iterator[Path]:
    data_dir = scratch / "station"
    camera = (
        f'[camera]\nid = "soak"\ndriver = "replay"\nfolder = {json.dumps(str(film_of(station, scratch)))}\n'
        f"looping = true\nframes_per_second = {MOST_PER_S}\n"
    )
    gige.station_of(station, data_dir, [], camera)
    yield data_dir


@contextlib.contextmanager
def two_gige_cameras(station: Path, simulator: Path, scratch: Path) -> Iterator[Path]:
    picture, data_dir = film_of(station, scratch) / "000.jpg", scratch / "station"
    size = (1920, 1080)
    with (
        gige.simulator(simulator, gige.FIRST, "SOAK1", size, str(picture)),
        gige.simulator(simulator, gige.SECOND, "SOAK2", size, "lines"),
    ):
        gige.station_of(station, data_dir, ["SOAK1", "SOAK2"])
        yield data_dir


def needed() -> None:
    for program, package in (
        ("Xvfb", "xvfb"), ("dbus-daemon", "dbus"), ("WebKitWebDriver", "webkit2gtk-driver")
    ):  # fmt: skip
        if shutil.which(program) is None:
            raise Cannot(f"{program} is not installed (package {package})")


def own_of(pids: list[int]) -> dict[str, float]:
    """Of each program among them."""
    each: dict[str, float] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            name = Path("/proc", str(pid), "comm").read_text().strip()
            each[name] = round(each.get(name, 0) + own_mb(pid), 2)
    return each


def soaked(station: Path, data_dir: Path, frames: int, seconds: float | None) -> dict:
    """Runs until so many frames were taken or so much time is over, and looks at the memory all the while."""
    looks: list[dict] = []

    def is_over(at_s: float) -> bool:
        if seconds is None:
            return taken.frames >= frames
        # A machine that is busy looks more seldom, and has a little longer for it.
        return at_s >= seconds and sum(look["at_s"] >= WARM_UP_LEAST_S for look in looks) >= 2 * LOOKS_LEAST

    with display() as environment, preview.opened_window(station, data_dir, environment) as (driver, pid):
        url = driver.script("return window.__TAURI_INTERNALS__.invoke('station')")["preview"]["url"]
        taken = Taken(url)
        try:
            begin, said = time.monotonic(), 0.0
            every_s = SHORT_EVERY_S if seconds else LONG_EVERY_S
            while True:
                time.sleep(every_s)
                at_s = time.monotonic() - begin
                pids = tree(pid)
                each, pss = own_of(pids), pss_mb(pids)
                own = sum(each.values())
                looks.append({"at_s": round(at_s, 1), "frames": taken.frames, "own_mb": round(own, 2),
                              "pss_mb": round(pss, 2), "each_own_mb": each})  # fmt: skip
                if taken.broken:
                    raise NotMeasured(f"after {taken.frames:,} frames: {taken.broken}")
                a_while_ago = next(look["frames"] for look in looks if look["at_s"] >= at_s - PATIENCE_S - 1)
                if at_s > PATIENCE_S and taken.frames == a_while_ago:
                    raise NotMeasured(f"no frame for {PATIENCE_S} s, after {taken.frames:,}")
                if not seconds and at_s - said >= 30:
                    said = at_s
                    left_s = (frames - taken.frames) / max(1.0, taken.frames / at_s)
                    note(f"{taken.frames:>9,} of {frames:,} frames, own pages {own:.1f} MB, PSS {pss:.1f} MB, "
                         f"{left_s / 60:.0f} min to go")  # fmt: skip
                if is_over(at_s):
                    break
            drawn = preview.counted(driver)["frames"]
        finally:
            taken.close()
    if taken.frames <= at_s:
        raise NotMeasured(f"{taken.frames} frames in {at_s:.0f} s are too few to say anything")
    return {
        "seconds": round(at_s, 1), "frames": taken.frames, "fed": taken.fed, "drawn": drawn, "bytes": taken.bytes,
        "looks": looks,
    }  # fmt: skip


def judged(ran: dict, short: bool) -> dict:
    warm_up_s = max(WARM_UP_LEAST_S, WARM_UP_SHARE * ran["seconds"])
    warm = [look for look in ran["looks"] if look["at_s"] >= warm_up_s]
    count = max(LOOKS_LEAST, int(len(warm) * LOOKS_SHARE))
    if len(warm) < 2 * count:
        raise NotMeasured(f"{len(warm)} looks at the memory after {warm_up_s:.0f} s are too few: take longer")

    def middle(looks: list[dict], of: str) -> float:
        return statistics.median(look[of] for look in looks)

    def middle_of(looks: list[dict], program: str) -> float:
        return statistics.median(look["each_own_mb"].get(program, 0) for look in looks)

    begin, end = warm[:count], warm[-count:]
    grown_mb, begin_pss_mb = middle(end, "own_mb") - middle(begin, "own_mb"), middle(begin, "pss_mb")
    programs = {program for look in warm for program in look["each_own_mb"]}
    each_grown_mb = {it: round(middle_of(end, it) - middle_of(begin, it), 2) for it in sorted(programs)}
    limit_mb = begin_pss_mb * GROWTH_LIMIT_PERCENT / 100 + (SHORT_ALLOWANCE_MB if short else 0)
    return {
        "warm_up_s": round(warm_up_s, 1), "begin_pss_mb": begin_pss_mb, "end_pss_mb": middle(end, "pss_mb"),
        "most_pss_mb": max(look["pss_mb"] for look in warm), "begin_own_mb": middle(begin, "own_mb"),
        "end_own_mb": middle(end, "own_mb"), "grown_mb": round(grown_mb, 2), "each_grown_mb": each_grown_mb,
        "grown_percent": round(100 * grown_mb / begin_pss_mb, 2), "limit_mb": round(limit_mb, 2),
        "met": grown_mb <= limit_mb,
    }  # fmt: skip


def line(ran: dict, of: dict, short: bool) -> str:
    goal = f"<= {GROWTH_LIMIT_PERCENT:.0f} %" + (f" and {SHORT_ALLOWANCE_MB:.0f} MB" if short else "")
    most = max(of["each_grown_mb"], key=of["each_grown_mb"].get)
    return (
        f"soak: {ran['fed']:,} frames from the camera, {ran['frames']:,} through the live picture, "
        f"{ran['drawn']:,} drawn in {ran['seconds']:.0f} s; memory {of['begin_pss_mb']:.0f} MB, its own pages "
        f"{of['begin_own_mb']:.1f} MB and {of['end_own_mb']:.1f} MB at the end, {of['grown_percent']:+.1f} % of it, "
        f"{most} most by {of['each_grown_mb'][most]:+.1f} MB (goal {goal}): {'met' if of['met'] else 'MISSED'}"
    )


def main() -> int:
    reader = argparse.ArgumentParser(prog="bench/soak.py")
    reader.add_argument("--frames", type=int, default=FRAMES, help=f"through the live picture; {FRAMES:,} by default")
    reader.add_argument("--seconds", type=float, help="so long in place of so many frames")
    reader.add_argument("--gige", action="store_true", help="two simulated GigE Vision cameras at 1080p30")
    reader.add_argument("--station", type=Path, help="a built station; built here by default")
    reader.add_argument("--simulator", type=Path, help="a built gige_camera; built here by default")
    arguments = reader.parse_args()
    try:
        needed()
        simulator = arguments.simulator
        if arguments.station is None or (arguments.gige and simulator is None):
            profile = os.environ.get("WIKO_BENCH_PROFILE", "dev")
            built = cargo_build(profile, ["--workspace", "--bin", "wiko-station", "--example", "gige_camera"])
            arguments.station, simulator = built / "wiko-station", built / "examples/gige_camera"
        if arguments.gige and "WIKO_SOAK_NETWORK" not in os.environ:
            os.environ["WIKO_SOAK_NETWORK"] = "1"
            again = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:],
                     "--station", str(arguments.station), "--simulator", str(simulator)]  # fmt: skip
            status, said = gige.in_own_network(again)
            print(said, end="", flush=True)
            return status
        with tempfile.TemporaryDirectory(prefix="wiko-soak-") as name:
            scratch = Path(name)
            cameras = two_gige_cameras(arguments.station, simulator, scratch) if arguments.gige else \
                replayed(arguments.station, scratch)  # fmt: skip
            with cameras as data_dir:
                ran = soaked(arguments.station, data_dir, arguments.frames, arguments.seconds)
        short = arguments.seconds is not None
        of = judged(ran, short)
    except Cannot as lacking:
        skipped(str(lacking))
        return 0
    except NotMeasured as trouble:
        print(f"soak: NOT MEASURED {trouble}", file=sys.stderr)
        return 1
    print(line(ran, of, short), flush=True)
    if not short:
        at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        (ROOT / "soak.json").write_text(json.dumps({"at": at, "gige": arguments.gige} | of | ran, indent=1) + "\n")
    return 0 if of["met"] else 1


def skipped(why: str) -> None:
    """Noted where the whole run lists what could not run here."""
    file = os.environ.get("WIKO_TEST_SKIPS")
    if file:
        with open(file, "a", encoding="utf-8") as noted:
            noted.write(f"skipped soak: {why}\n")
    print(f"soak: skipped, {why}")


if __name__ == "__main__":
    gige.ends_with_its_parent()
    sys.exit(main())
