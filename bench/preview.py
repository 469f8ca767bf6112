"""The live picture at 1080p30 in the real window against GStreamer's native one, on the same JPEGs."""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from measure import Figure, NotMeasured, cpu_s, display, run, stop, tree

SECONDS = 20
WARM_UP_S = 4
FRAMES_PER_S = 30
P95_LIMIT_MS = 40
DROPS_LIMIT_PERCENT = 1.0
CPU_LIMIT = 3.0
# What lets a driver into the station's window.
AUTOMATION = {"TAURI_AUTOMATION": "true", "TAURI_WEBVIEW_AUTOMATION": "true"}


class WebDriver:
    """The few calls of the W3C protocol that this needs."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.session = ""

    def call(self, method: str, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise NotMeasured(f"WebDriver {method} {path}: {error.read().decode(errors='replace')[:300]}") from error
        except TimeoutError as error:
            raise NotMeasured(f"WebDriver {method} {path}: no answer within a minute") from error

    def wait_until_ready(self, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        while True:
            try:
                self.call("GET", "/status")
                return
            except OSError as error:
                if time.monotonic() > end:
                    raise NotMeasured(f"WebKitWebDriver did not start: {error}") from error
                time.sleep(0.05)

    def open(self, binary: Path, arguments: list[str]) -> None:
        options = {"webkitgtk:browserOptions": {"binary": str(binary), "args": arguments}}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": options}})
        self.session = f"/session/{answer['sessionId']}"

    def script(self, text: str):
        return self.call("POST", f"{self.session}/execute/sync", {"script": text, "args": []})

    def close(self) -> None:
        if self.session:
            self.call("DELETE", self.session)


def station_pid(driver_pid: int, station: Path) -> int:
    for pid in tree(driver_pid):
        if os.path.realpath(f"/proc/{pid}/exe") == str(station.resolve()):
            return pid
    raise NotMeasured("the station's process is not below WebKitWebDriver")


def native_cpu_ms(film: Path, environment: dict[str, str]) -> float:
    """CPU time a frame of the native preview, decoding included."""
    frames = SECONDS * FRAMES_PER_S
    pictures = len(list(film.iterdir()))
    pipeline = (
        f"multifilesrc location={film}/%03d.jpg start-index=0 stop-index={pictures - 1} loop=true "
        f"num-buffers={frames} caps=image/jpeg,framerate={FRAMES_PER_S}/1 "
        "! jpegdec ! videoscale ! videoconvert ! ximagesink"
    )
    ran = run(["gst-launch-1.0", "-q", *pipeline.split()], env=environment, timeout_s=SECONDS + 280)
    return ran.cpu_s * 1e3 / frames


def as_the_station_draws() -> dict[str, str]:
    """The station's own choice where there is no GPU; it leaves it alone under a WebDriver, whose
    screenshots hang with it. None are taken here."""
    return {} if list(Path("/dev/dri").glob("renderD*")) else {"WEBKIT_DISABLE_DMABUF_RENDERER": "1"}


@contextlib.contextmanager
def opened_window(station: Path, data_dir: Path, environment: dict[str, str]) -> Iterator[tuple[WebDriver, int]]:
    """The station's window with its counters of the live picture on, and the station's process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        process = subprocess.Popen(
            ["WebKitWebDriver", f"--port={port}"], env=environment | AUTOMATION | as_the_station_draws(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )
    except OSError as error:
        raise NotMeasured(f"WebKitWebDriver: {error.strerror}; run scripts/setup bench") from error
    driver = WebDriver(port)
    try:
        driver.wait_until_ready(10)
        driver.open(station, ["--data-dir", str(data_dir)])
        driver.script("location.hash = 'debug=preview'")
        yield driver, station_pid(process.pid, station)
    finally:
        try:
            driver.close()
        except (NotMeasured, OSError):
            pass
        stop(process)


def counted(driver: WebDriver) -> dict:
    """What the window has counted of its live picture until now."""
    text = driver.script("return window.__preview ? JSON.stringify(window.__preview) : null")
    if text is None:
        raise NotMeasured("the window shows no live picture (window.__preview is not there)")
    return json.loads(text)


def watched(driver: WebDriver, pid: int, seconds: float) -> dict:
    """Frames, drops, latencies and CPU seconds of the station and its WebKit processes over these seconds."""
    first, cpu_before, begin = counted(driver), cpu_s(tree(pid)), time.monotonic()
    time.sleep(seconds)
    last, cpu_after, end = counted(driver), cpu_s(tree(pid)), time.monotonic()
    frames = last["frames"] - first["frames"]
    if frames <= 0:
        raise NotMeasured("the live picture stood still")
    return {
        "frames": frames,
        "drops": last["drops"] - first["drops"],
        "latencies_ms": sorted(last["latenciesMs"][-frames:]),
        "cpu_s": cpu_after - cpu_before,
        "seconds": end - begin,
    }


def in_the_window(station: Path, data_dir: Path, environment: dict[str, str]) -> dict:
    with opened_window(station, data_dir, environment) as (driver, pid):
        time.sleep(WARM_UP_S)
        return watched(driver, pid, SECONDS)


def latency_and_drops(name: str, seen: dict) -> list[Figure]:
    latencies = seen["latencies_ms"]
    p50, p95 = (latencies[int(len(latencies) * share)] for share in (0.5, 0.95))
    drops = 100 * seen["drops"] / (seen["frames"] + seen["drops"])
    shown = f"{seen['frames'] / seen['seconds']:.1f} frames/s drawn; p50 {p50:.1f} ms"
    return [
        Figure(f"{name} p95", p95, None, "ms", p95, P95_LIMIT_MS, f"<= {P95_LIMIT_MS} ms", f"exposure to drawn; {shown}"),
        Figure(f"{name} drops", drops, None, "%", drops, DROPS_LIMIT_PERCENT, "< 1 %",
               f"{seen['drops']} of {seen['frames'] + seen['drops']} frames"),
    ]


def measure(station: Path, data_dir: Path, film: Path) -> list[Figure]:
    with display() as environment:
        native_ms = [native_cpu_ms(film, environment)]
        seen = in_the_window(station, data_dir, environment)
        native_ms.append(native_cpu_ms(film, environment))
    native = statistics.mean(native_ms)
    # Of each frame that the camera gave, drawn or not: dropping frames must not look cheap or dear.
    own = seen["cpu_s"] * 1e3 / (seen["seconds"] * FRAMES_PER_S)
    return [
        *latency_and_drops("preview", seen),
        Figure("preview CPU", own, native, "CPU ms", own / native, CPU_LIMIT, f"<= {CPU_LIMIT}x",
               "a frame; station and WebKit's processes, GStreamer to ximagesink"),
    ]
