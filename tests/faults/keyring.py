"""Keyrings: none, locked, or one that comes late. Parts are captured and decided all the same."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import disks
from cloud import Servers
from evidence import Tally
from ground import Ground, wait_until
from station import Broken, Station
from upload import waits_then_arrives

NO_BUS = "unix:path=/nonexistent/bus"

# Without the folders of services: the bus would start a keyring by itself as soon as somebody asks for one.
BUS = """<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class Keyring:
    """A session bus and a keyring on it that can be started, locked by a restart, and unlocked."""

    def __init__(self, home: Path):
        self.home = home
        self.address = f"unix:path={home / 'bus'}"
        config = home / "bus.conf"
        config.write_text(BUS.format(address=self.address))
        self._bus = self._start(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"])
        wait_until((home / "bus").exists, 10, "the session bus")
        self._daemon: subprocess.Popen | None = None

    def _start(self, command: list[str], stdin: bytes = b"") -> subprocess.Popen:
        environment = {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home), "PATH": os.environ["PATH"],
                       "XDG_DATA_HOME": str(self.home / "data"), "DBUS_SESSION_BUS_ADDRESS": self.address}  # fmt: skip
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(stdin)
            process.stdin.close()
        return process

    def unlock(self) -> None:
        """Starts it, unlocked."""
        self.end()
        self._daemon = self._start(["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"], b"pw\n")
        wait_until((self.home / "data/keyrings/login.keyring").exists, 20, "the keyring")
        wait_until(self._is_there, 20, "the keyring's service")

    def lock(self) -> None:
        """Starts it again, and nobody unlocks it."""
        self.end()
        self._daemon = self._start(["gnome-keyring-daemon", "--foreground", "--components=secrets"])
        wait_until(self._is_there, 20, "the keyring's service")

    def _is_there(self) -> bool:
        # Asking the keyring itself would start another one.
        asked = subprocess.run(
            ["dbus-send", f"--bus={self.address}", "--print-reply=literal", "--dest=org.freedesktop.DBus",
             "/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"],
            capture_output=True, text=True,
        )  # fmt: skip
        return "true" in asked.stdout

    def end(self) -> None:
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None
            wait_until(lambda: not self._is_there(), 20, "the end of the keyring")

    def close(self) -> None:
        with contextlib.suppress(Broken):
            self.end()
        self._bus.kill()
        self._bus.wait()


@contextlib.contextmanager
def keyring() -> Iterator[Keyring]:
    disks.need("dbus-daemon", "gnome-keyring-daemon", "dbus-send")
    # The address of a bus is short: no deep folders.
    home = Path(tempfile.mkdtemp(prefix="wiko-kr-"))
    made = None
    try:
        made = Keyring(home)
        yield made
    finally:
        if made:
            made.close()
        shutil.rmtree(home, ignore_errors=True)


def enter_keys(station: Station, data: Path, keys: tuple[str, str]) -> None:
    done = subprocess.run(
        station.command(data, ["credentials", "set"]), input="\n".join(keys), env=station.environ(),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if done.returncode != 0:
        raise Broken(f"the keys cannot be entered: {done.stdout} {done.stderr}")


def away(ground: Ground, servers: Servers, how: str, parts: int) -> Tally:
    """`missing`: no bus. `locked`: nobody has unlocked it. `late`: the bus is there, the keyring comes afterwards."""
    tally = Tally()
    cloud = servers.cloud(f"keyring-{how}")
    with keyring() as ring, ground.folder() as folder:
        environment = cloud.environment() | {"WIKO_CREDENTIALS": "keyring", "DBUS_SESSION_BUS_ADDRESS": ring.address}
        del environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        station = ground.station.with_environment(**environment)
        data = ground.data_dir(folder)
        ring.unlock()
        enter_keys(station, data, servers.keys)
        faulty = station
        if how == "missing":
            faulty = station.with_environment(DBUS_SESSION_BUS_ADDRESS=NO_BUS)
        elif how == "locked":
            ring.lock()
        else:
            ring.end()
        said = waits_then_arrives(ground, faulty, cloud, data, parts, tally, ring.unlock, healed=station)
        tally.counted(said)
    return tally
