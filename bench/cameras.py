#!/usr/bin/env python3
"""Simulated GigE Vision cameras and the real window: a part from its trigger to the disk, frames lost under load, the
live picture, and how soon a camera that was gone is back.

    python3 bench/run.py cameras

All of it runs in a network of its own, in a process of its own (`cameras.py STATION SIMULATOR SCRATCH`), so that
cameras of other programs are not found.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import gige
import pictures
import preview
from gige import FIRST, SECOND, SentFrames, Simulator, simulator, station_of
from measure import ROOT, Figure, NotMeasured, cargo_build, display, note, run
from websocket import Preview

PATIENCE_S = 30

# Each part is over before the next is asked for, so each is measured alone.
PART_SIZE, PARTS, ROUNDS, PAUSE_S = (2448, 2048), 60, 3, 0.4
PORT, P95_LIMIT_MS = 8642, 60

SIZE, FRAMES_PER_S, LOADED_S, LOADS = (1920, 1080), 30, 20, 2
WARM_UP_S = 4
# The station counts once a second; a camera that is silent for two is a stalled one.
COUNTED_S = 1.6

# How long the camera is gone: shorter than anybody notices, and long enough to be given up.
GONE_S = (0.3, 1.5, 4.0, 7.0, 12.0)
BACK_LIMIT_S = 3.0


def measure(profile: str, scratch: Path) -> list[Figure]:
    built = cargo_build(profile, ["--workspace", "--bin", "wiko-station", "--example", "gige_camera"])
    programs = [str(built / "wiko-station"), str(built / "examples/gige_camera")]
    command = [sys.executable, str(Path(__file__).resolve()), *programs, str(scratch / "cameras")]
    status, said = gige.in_own_network(command)
    if status != 0:
        raise NotMeasured("see above")
    # `met` follows from the others.
    each = (json.loads(line) for line in said.splitlines())
    return [Figure(**{key: value for key, value in figure.items() if key != "met"}) for figure in each]


def main() -> int:
    station, camera, scratch = (Path(argument) for argument in sys.argv[1:])
    gige.ends_with_its_parent()
    try:
        with display() as environment:
            for figures in (
                trigger_to_durable(station, camera, scratch / "trigger", environment),
                two_cameras(station, camera, scratch / "two", environment),
            ):
                for figure in figures:
                    note(figure.line())
                    print(json.dumps(figure.as_json()), flush=True)
    except NotMeasured as trouble:
        note(str(trouble))
        return 1
    return 0


def shares(values: list[float]) -> tuple[float, float]:
    values = sorted(values)
    return values[len(values) // 2], values[int(len(values) * 0.95)]


# --- From the trigger to the disk --------------------------------------------------------


def scene(folder: Path, size: tuple[int, int]) -> str:
    """A picture with the noise of a real one: bands alone would be hashed, encoded and written for nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    return str(pictures.write_jpeg(folder / "scene.jpg", 1, size))


def trigger_to_durable(station: Path, camera: Path, scratch: Path, environment: dict[str, str]) -> Iterator[Figure]:
    data_dir = scratch / "station"
    with simulator(camera, FIRST, "BENCH1", PART_SIZE, scene(scratch, PART_SIZE)):
        station_of(station, data_dir, ["BENCH1"])
        run([str(station), "--data-dir", str(data_dir), "cameras", "set", "camera-1",
             "TriggerSource=Software", "TriggerMode=On"])  # fmt: skip
        (data_dir / "triggers.toml").write_text(f'sources = ["http"]\nhttp_port = {PORT}\ndebounce_ms = 50\n')
        sent = SentFrames()
        with preview.opened_window(station, data_dir, environment):
            token = token_of(data_dir)
            first_part(token)
            ours, after_camera, beside, without_frame = [], [], [], 0
            for n in range(ROUNDS):
                for _ in range(PARTS // ROUNDS):
                    took_ms, is_taken = part_ms(token)
                    ours.append(took_ms)
                    if is_taken:
                        after_camera.append((time.perf_counter() - sent.last_at[FIRST]) * 1e3)
                    without_frame += not is_taken
                    time.sleep(PAUSE_S)
                sizes = [file.stat().st_size for file in (data_dir / "spool").rglob("*.jpg")]
                beside.append(plain_python(scratch / f"plain-{n}", PARTS // ROUNDS, int(statistics.median(sizes))))
    if len(sizes) < len(after_camera):
        raise NotMeasured(f"{len(sizes)} pictures are on disk after {len(after_camera)} parts")
    p50, p95 = shares(ours)
    after_p50, after_p95 = shares(after_camera)
    plain_p50, plain_p95 = (statistics.median(those) for those in zip(*beside))
    yield Figure(
        "trigger to durable p95", p95, plain_p95, "ms", p95, P95_LIMIT_MS, f"<= {P95_LIMIT_MS} ms",
        f"HTTP request to answer, {PARTS} parts of {PART_SIZE[0]}x{PART_SIZE[1]} Mono8, "
        f"{statistics.median(sizes) / 1e6:.2f} MB on disk; p50 {p50:.1f}, longest {max(ours):.1f} ms; "
        f"{without_frame} without a frame in time; from the first packet of its frame on p50 {after_p50:.1f} p95 "
        f"{after_p95:.1f} ms; plain Python keeps as many bytes, p50 {plain_p50:.1f} ms",
    )  # fmt: skip


def token_of(data_dir: Path) -> str:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError):
            token = (data_dir / "trigger.token").read_text().strip()
            if token:
                return token
        time.sleep(0.05)
    raise NotMeasured("the station made no token for triggers by HTTP")


def asked(token: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE_S)
    try:
        connection.request("POST", "/trigger", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def first_part(token: str) -> None:
    """Waits for the server and the camera."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            status, said = asked(token)
        except OSError as error:
            status, said = 0, str(error)
        if status == 200:
            return
        if time.monotonic() > end:
            raise NotMeasured(f"no part was taken: {status} {said[:300]}")
        time.sleep(0.5)


def part_ms(token: str) -> tuple[float, bool]:
    """How long the answer took, and whether a part was taken; false where no frame came in time."""
    begin = time.perf_counter()
    status, said = asked(token)
    took_ms = (time.perf_counter() - begin) * 1e3
    if status != 200 and "camera_timeout" not in said:
        raise NotMeasured(f"a trigger was answered with {status} {said[:300]}")
    return took_ms, status == 200


def plain_python(folder: Path, count: int, size_bytes: int) -> tuple[float, float]:
    script = ROOT / "bench/yardsticks/durable_enqueue.py"
    said = run([sys.executable, str(script), str(folder), str(count), str(size_bytes)]).stdout
    found = re.search(r"p50 ([\d.]+) p95 ([\d.]+)", said)
    if not found:
        raise NotMeasured(f"{script.name} printed no p50: {said.strip()[:200]}")
    return float(found[1]), float(found[2])


# --- Two cameras at 1080p30 ---------------------------------------------------------------


def two_cameras(station: Path, camera: Path, scratch: Path, environment: dict[str, str]) -> Iterator[Figure]:
    data_dir = scratch / "station"
    # The one that is shown sees a picture, which costs as much to encode as a real one. The other sees bands, which
    # cost the simulator least: a real camera takes nothing of this machine.
    with (
        simulator(camera, FIRST, "BENCH1", SIZE, scene(scratch, SIZE)) as first,
        simulator(camera, SECOND, "BENCH2", SIZE, "lines") as second,
    ):
        station_of(station, data_dir, ["BENCH1", "BENCH2"])
        sent = SentFrames()
        with preview.opened_window(station, data_dir, environment) as (driver, pid):
            wait_until_streaming(driver)
            time.sleep(WARM_UP_S)
            seen = preview.watched(driver, pid, preview.SECONDS)
            yield from preview.latency_and_drops("preview, two cameras,", seen)
            yield from lost_under_load(driver, [first, second], sent)
            yield back_after_loss(driver, first)


def cameras_of(driver: preview.WebDriver) -> list[dict]:
    """As the window's set-up page gets them."""
    return driver.script("return window.__TAURI_INTERNALS__.invoke('cameras')")


def wait_until_streaming(driver: preview.WebDriver) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        cameras = cameras_of(driver)
        if all(camera["state"] == "streaming" and camera["statistics"]["frames"] > 0 for camera in cameras):
            return
        if time.monotonic() > end:
            states = ", ".join(f"{camera['id']} {camera['state']} {camera['reason']}" for camera in cameras)
            raise NotMeasured(f"the cameras do not stream: {states}")
        time.sleep(0.2)


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Other programs that want the processors, at the same priority."""
    loop = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(loop, stdin=subprocess.DEVNULL) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def lost_under_load(driver: preview.WebDriver, simulators: list[Simulator], sent: SentFrames) -> Iterator[Figure]:
    """Frames that the kernel saw leave a camera and the station did not get whole."""

    def counts() -> list[tuple[int, dict]]:
        # With the cameras silent, so that no frame is on its way while both sides are counted.
        for one in simulators:
            one.tell("silence")
        time.sleep(COUNTED_S)
        both = [(sent.of(one.interface), camera["statistics"])
                for one, camera in zip(simulators, cameras_of(driver))]  # fmt: skip
        for one in simulators:
            one.tell("resume")
        return both

    begin, dropped = counts(), gige.datagrams_dropped()
    with busy(LOADS):
        time.sleep(LOADED_S)
    end, dropped = counts(), gige.datagrams_dropped() - dropped
    for n, ((sent_before, before), (sent_after, after)) in enumerate(zip(begin, end)):
        left, came = sent_after - sent_before, int(after["frames"] - before["frames"])
        if left < LOADED_S * FRAMES_PER_S / 2:
            raise NotMeasured(f"camera {n + 1} sent {left} frames in {LOADED_S} s: this machine is too slow for it")
        told = int(after["frames_lost"] - before["frames_lost"])
        resent = int(after["packets_resent"] - before["packets_resent"])
        # What a camera lost that was opened anew meanwhile is not in its own numbers.
        lost = max(left - came, told)
        yield Figure(
            f"1080p30 frames lost, {n + 1}", lost, None, "frames", lost, 0, "0",
            f"{came} of {left} sent in {LOADED_S} s beside {LOADS} busy loops; the station counts {told} lost, "
            f"{resent} packets resent; the kernel dropped {dropped} datagrams of both cameras",
        )  # fmt: skip


def back_after_loss(driver: preview.WebDriver, camera: Simulator) -> Figure:
    """From the camera's being ready again to its first frame in the live picture."""
    station = driver.script("return window.__TAURI_INTERNALS__.invoke('station')")
    client = Preview(station["preview"]["url"], PATIENCE_S * 2)
    came = threading.Condition()
    last, broken = 0.0, ""

    def follow() -> None:
        nonlocal last, broken
        try:
            while True:
                client.frame()
                with came:
                    last = time.monotonic()
                    came.notify_all()
        except (NotMeasured, OSError) as error:
            with came:
                broken = str(error) or type(error).__name__
                came.notify_all()

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    took_s = []
    try:
        for gone_s in GONE_S:
            with came:
                began = time.monotonic()
                if not came.wait_for(lambda: broken or last > began, PATIENCE_S) or broken:
                    raise NotMeasured(f"no live picture before the camera was ended: {broken or 'none came'}")
            camera.kill()
            time.sleep(gone_s)
            ready = camera.start()
            with came:
                if not came.wait_for(lambda: broken or last > ready, PATIENCE_S) or broken:
                    raise NotMeasured(f"the camera did not come back within {PATIENCE_S} s: {broken or 'no frame'}")
                took_s.append(last - ready)
            note(f"gone for {gone_s:.1f} s, back after {took_s[-1]:.2f} s")
    finally:
        client.close()
        follower.join(5)
    worst = max(took_s)
    each = ", ".join(f"{took:.2f} s ({gone:.1f} s)" for took, gone in zip(took_s, GONE_S))
    return Figure(
        "camera back, worst", worst, None, "s", worst, BACK_LIMIT_S, f"<= {BACK_LIMIT_S:.0f} s",
        f"from ready again to its first frame; each, and for how long it was gone: {each}",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
