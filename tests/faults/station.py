"""The built station, run as a person or a script runs it, and what it acknowledged on standard output."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

SKU, STAGE = "WK-KN-200", "blade_glazing"
NOWHERE = "http://127.0.0.1:9"  # a port on which nothing listens


class Broken(Exception):
    """The station did not keep its promise, or the fault could not be made; says what was seen."""


class CannotRun(Exception):
    """This machine lacks what the fault needs; says what."""


@dataclasses.dataclass
class Acknowledged:
    """What the station said of parts. Only what it printed to the end of the line counts."""

    captured: dict[str, str] = dataclasses.field(default_factory=dict)  # id → SHA-256
    decided: dict[str, str] = dataclasses.field(default_factory=dict)  # id → verdict
    sources: dict[str, str] = dataclasses.field(default_factory=dict)  # file → id

    def read(self, text: str) -> None:
        for line in lines_of(text):
            if line.get("event") == "captured":
                self.captured[line["id"]] = line["sha256"]
                self.sources[line["image"]] = line["id"]
            elif line.get("event") == "decided":
                self.decided[line["id"]] = line["verdict"]

    def add(self, other: Acknowledged) -> None:
        self.captured |= other.captured
        self.decided |= other.decided
        self.sources |= other.sources


def lines_of(text: str) -> list[dict]:
    """The complete lines of JSON; a line that a kill cut off was never said."""
    whole = text[: text.rfind("\n") + 1]
    return [json.loads(line) for line in whole.splitlines()]


@dataclasses.dataclass
class Ran:
    status: int
    lines: list[dict]
    stderr: str

    def events(self, event: str) -> list[dict]:
        return [line for line in self.lines if line.get("event") == event]

    def told(self) -> str:
        said = "\n".join(json.dumps(line, ensure_ascii=False)[:300] for line in self.lines[-5:])
        return f"exit status {self.status}\n{said}\n{self.stderr[-600:]}"


class Station:
    """A station with an environment of its own: nothing of whoever runs the tests reaches it."""

    def __init__(self, binary: Path, scratch: Path, environment: dict[str, str] | None = None):
        self.binary = binary
        self.scratch = scratch
        self.environment = {"WIKO_ANALYSIS_CHAIN": "screen", "WIKO_CREDENTIALS": "environment"}
        self.environment |= environment or {}
        self.runs = 0

    def with_environment(self, **variables: str) -> Station:
        return Station(self.binary, self.scratch, self.environment | variables)

    def environ(self, more: dict[str, str] | None = None) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("WIKO_", "AWS_")) and "proxy" not in name.lower()
            and name not in ("DISPLAY", "WAYLAND_DISPLAY")
        }
        return kept | self.environment | (more or {})

    def command(self, data_dir: Path, arguments: Iterable[str | Path]) -> list[str]:
        return [str(self.binary), "--data-dir", str(data_dir), "--json", *map(str, arguments)]

    def start(self, data_dir: Path, arguments, before=(), more=None, **options) -> Running:
        """Starts it in a group of its own; `before` is put before the command, such as `ip netns exec`."""
        self.runs += 1
        out = self.scratch / f"run-{os.getpid()}-{id(self)}-{self.runs}"
        with open(f"{out}.out", "wb") as stdout, open(f"{out}.err", "wb") as stderr:
            process = subprocess.Popen(
                [*map(str, before), *self.command(data_dir, arguments)],
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                env=self.environ(more), start_new_session=True, **options,
            )  # fmt: skip
        return Running(process, Path(f"{out}.out"), Path(f"{out}.err"))

    def run(self, data_dir: Path, arguments, before=(), more=None, timeout_s: float = 120, **options) -> Ran:
        running = self.start(data_dir, arguments, before, more, **options)
        return running.ended(timeout_s)

    def inspect(self, data_dir: Path, pictures: Iterable[Path], more_arguments=(), **options) -> Ran:
        return self.run(data_dir, inspect_arguments(pictures, more_arguments), **options)


def inspect_arguments(pictures: Iterable[Path], more: Iterable[str] = ()) -> list:
    return ["inspect", "--sku", SKU, "--stage", STAGE, *more, *pictures]


class Running:
    """A station at work."""

    def __init__(self, process: subprocess.Popen, out: Path, err: Path):
        self.process, self.out, self.err = process, out, err

    def text(self) -> str:
        return self.out.read_text(errors="replace")

    def acknowledged(self) -> Acknowledged:
        found = Acknowledged()
        found.read(self.text())
        return found

    def wait_for(self, event: str, count: int = 1, timeout_s: float = 60) -> None:
        """Until it has said so that often; a station that ends first says no more."""
        until = time.monotonic() + timeout_s
        while self.text().count(f'"event":"{event}"') < count:
            if self.process.poll() is not None:
                raise Broken(f"the station ended before it said {event}: {self.ended(1).told()}")
            if time.monotonic() > until:
                self.kill()
                raise Broken(f"the station did not say {event} within {timeout_s:.0f} s")
            time.sleep(0.005)

    def stop(self) -> None:
        """Freezes it, and waits until none of its threads runs any more."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        until = time.monotonic() + 30
        while time.monotonic() < until and not self.stopped():
            time.sleep(0.002)

    def stopped(self) -> bool:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                state = (task / "stat").read_text().rsplit(")", 1)[1].split()[0]
                if state not in "TtZX":
                    return False
        return True

    def go_on(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """As a crash does: no farewell."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ended(self, timeout_s: float = 120) -> Ran:
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Broken(
                f"{' '.join(self.process.args)[-200:]} did not end within {timeout_s:.0f} s: "
                f"{self.text()[-300:]} {self.err.read_text(errors='replace')[-300:]}"
            ) from None
        ran = Ran(status, lines_of(self.text()), self.err.read_text(errors="replace"))
        return ran
