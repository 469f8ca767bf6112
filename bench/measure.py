"""What every figure needs: the figure itself, processes and their cost, a private display."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class NotMeasured(Exception):
    """A figure could not be taken; says why and what to do."""


@dataclasses.dataclass
class Figure:
    """One figure beside its yardstick. `met` compares what the goal is about: `value` with `limit`."""

    name: str
    ours: float
    yardstick: float | None
    unit: str
    value: float
    limit: float
    goal: str
    detail: str = ""
    # Of rounds the median of their ratios, which the load of a moment moves less than that of medians.
    ratio: float | None = None

    def __post_init__(self) -> None:
        if self.ratio is None and self.yardstick:
            self.ratio = self.ours / self.yardstick

    @property
    def met(self) -> bool:
        return self.value <= self.limit

    def as_json(self) -> dict:
        return dataclasses.asdict(self) | {"met": self.met}

    def line(self) -> str:
        beside = ""
        if self.yardstick:
            beside = f" yardstick {self.yardstick:8.2f} {self.unit:<9} ratio {self.ratio:5.2f}x"
        word = "met" if self.met else "MISSED"
        text = f"{self.name:<24} {self.ours:8.2f} {self.unit:<9}{beside:<45} goal {self.goal:<22} {word}"
        return text + (f"\n{'':<24} {self.detail}" if self.detail else "")


def ratio_figure(name: str, unit: str, rounds: list[tuple[float, float]], limit: float, detail: str) -> Figure:
    """From rounds of (ours, yardstick), taken in turns: the median of each and of their ratios."""
    ours = statistics.median(a for a, _ in rounds)
    yardstick = statistics.median(b for _, b in rounds)
    ratios = sorted(a / b for a, b in rounds)
    ratio = statistics.median(ratios)
    spread = f"ratio: median of {len(rounds)} rounds, {ratios[0]:.2f} to {ratios[-1]:.2f}"
    return Figure(
        name, ours, yardstick, unit, ratio, limit, f"<= {limit}x",
        f"{spread}{'; ' + detail if detail else ''}", ratio,
    )


@dataclasses.dataclass
class Ran:
    stdout: str
    cpu_s: float
    wall_s: float


def run(command: list[str], timeout_s: float = 300, **options) -> Ran:
    """Runs to the end; the CPU time is that of the command and of all that it waited for."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **options)
        except OSError as error:
            raise NotMeasured(f"{command[0]}: {error.strerror}") from error
        cpu_s = None
        while cpu_s is None:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                cpu_s = usage.ru_utime + usage.ru_stime
                process.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() - begin > timeout_s:
                process.kill()
                process.wait()
                raise NotMeasured(f"{command[0]} did not end within {timeout_s:.0f} s")
            else:
                time.sleep(0.01)
        wall_s = time.monotonic() - begin
        out.seek(0)
        err.seek(0)
        text, errors = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    if process.returncode != 0:
        raise NotMeasured(f"{' '.join(command)} ended with {process.returncode}: {errors.strip()[-400:]}")
    return Ran(text, cpu_s, wall_s)


def cargo_build(profile: str, arguments: list[str]) -> Path:
    """Builds and returns the folder of the profile's results."""
    flags = {"dev": [], "release": ["--release"]}[profile]
    command = ["cargo", "build", "--locked", "--quiet", *flags, *arguments]
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        raise NotMeasured(f"{' '.join(command)} failed, see above")
    return Path(os.environ["CARGO_TARGET_DIR"]) / {"dev": "debug", "release": "release"}[profile]


# --- Trees of processes ---------------------------------------------------------


def tree(pid: int) -> list[int]:
    """The process and everything below it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                stat = Path("/proc", entry, "stat").read_text()
                children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry))
    found = [pid]
    for one in found:
        found.extend(children.get(one, []))
    return found


def cpu_s(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_S


def pss_mb(pids: list[int]) -> float:
    """Proportional set size: pages that processes share are counted once."""
    return sum(_rollup_mb(pid, ["Pss"]) for pid in pids)


def own_mb(pid: int) -> float:
    """What a process has made itself, in memory or swapped out: not the pages of files, its program's among them, which
    the kernel takes and gives back as it likes."""
    return _rollup_mb(pid, ["Pss_Anon", "Pss_Shmem", "SwapPss"])


def _rollup_mb(pid: int, fields: list[str]) -> float:
    kib = 0
    with contextlib.suppress(OSError):
        for line in Path("/proc", str(pid), "smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in fields:
                kib += int(value.split()[0])
    return kib / 1024


def stop(process: subprocess.Popen) -> None:
    """Ends the process and what it started, which has a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        pass
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_line(process: subprocess.Popen, wanted: str, timeout_s: float) -> float:
    """Seconds until a line of standard output holds `wanted`."""
    begin = time.monotonic()
    seen = b""
    assert process.stdout is not None
    while True:
        left_s = begin + timeout_s - time.monotonic()
        if left_s <= 0 or not select.select([process.stdout], [], [], left_s)[0]:
            raise NotMeasured(f"{process.args[0]} did not say {wanted} within {timeout_s:.0f} s")
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            raise NotMeasured(f"{process.args[0]} ended before it said {wanted}: {seen.decode(errors='replace')[-300:]}")
        seen = (seen + piece)[-100_000:]
        if wanted.encode() in seen:
            return time.monotonic() - begin


# --- A display and a session bus of our own ---------------------------------------


def wait_for_x(server: subprocess.Popen, number: str) -> None:
    """Until the server lets a client in: it names its number a little earlier."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if server.poll() is not None:
            raise NotMeasured(f"Xvfb :{number} ended with {server.returncode}")
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(f"/tmp/.X11-unix/X{number}")
            client.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
            if client.recv(1) == b"\x01":
                return
        time.sleep(0.05)
    raise NotMeasured(f"Xvfb :{number} lets no client in")


@contextlib.contextmanager
def display() -> Iterator[dict[str, str]]:
    """The environment of a private X server and session bus, for the station and the yardsticks alike."""
    with contextlib.ExitStack() as stack:
        def start(command: list[str], **options) -> subprocess.Popen:
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **options
                )
            except OSError as error:
                raise NotMeasured(f"{command[0]}: {error.strerror}; run scripts/setup bench") from error
            stack.callback(stop, process)
            return process

        reading, writing = os.pipe()
        server = start(["Xvfb", "-displayfd", str(writing), "-screen", "0", "1920x1080x24", "-nolisten", "tcp", "-noreset"],
                       pass_fds=[writing], stdout=subprocess.DEVNULL)
        os.close(writing)
        number = ""
        # To the end of the line: the server dies where the pipe closes between the number and it.
        with open(reading, encoding="ascii") as pipe:
            if select.select([pipe], [], [], 20)[0]:
                number = pipe.readline().strip()
        if not number:
            raise NotMeasured("Xvfb did not start")
        wait_for_x(server, number)
        bus = start(["dbus-daemon", "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE)
        address = bus.stdout.readline().decode().strip()
        runtime = stack.enter_context(tempfile.TemporaryDirectory(prefix="wiko-bench-"))
        environment = dict(os.environ)
        for name in ("WAYLAND_DISPLAY", "WEBKIT_DISABLE_COMPOSITING_MODE"):
            environment.pop(name, None)
        yield environment | {
            "DISPLAY": f":{number}",
            "DBUS_SESSION_BUS_ADDRESS": address,
            "XDG_RUNTIME_DIR": runtime,
            "GDK_BACKEND": "x11",
            "NO_AT_BRIDGE": "1",
        }


def note(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
