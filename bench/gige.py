"""Simulated GigE Vision cameras in a network of their own, and a count of what they sent that is not the station's."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from measure import NotMeasured, run, stop, wait_for_line

FIRST, SECOND = "127.0.0.1", "127.0.0.2"
STAGES = ("inspection", "blade_glazing")
READY_S = 20


def in_own_network(command: list[str]) -> tuple[int, str]:
    """Exit status and output of the command in a network without anybody else's cameras, whose loopback has both
    addresses."""
    rights = ["--net"] if os.geteuid() == 0 else ["--map-root-user", "--net"]
    up = f'ip link set lo up && ip addr add {SECOND}/8 dev lo && exec "$@"'
    unshare = ["unshare", *rights, "sh", "-c", up, "sh"]
    try:
        run([*unshare, "true"])
    except NotMeasured as trouble:
        raise NotMeasured(f"no network of its own can be made with unshare and ip: {trouble}") from trouble
    process = subprocess.Popen(
        [*unshare, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        said, _ = process.communicate()
    finally:
        stop(process)
    return process.returncode, said


def ends_with_its_parent() -> None:
    """So that what was started here, in sessions of its own, is stopped where this is ended from outside."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))


class Simulator:
    """A camera on loopback, in a process of its own."""

    def __init__(self, program: Path, interface: str, serial: str, size: tuple[int, int], scene: str) -> None:
        self.interface = interface
        self.command = [
            str(program), "--interface", interface, "--serial", serial,
            "--width", str(size[0]), "--height", str(size[1]), "--scene", scene,
        ]  # fmt: skip
        self.start()

    def start(self) -> float:
        """When it was ready, on the monotonic clock."""
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        wait_for_line(self.process, "ready", READY_S)
        return time.monotonic()

    def tell(self, line: str) -> None:
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        wait_for_line(self.process, "done", READY_S)

    def kill(self) -> None:
        """As if its cable were pulled out."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        stop(self.process)


@contextlib.contextmanager
def simulator(*arguments) -> Iterator[Simulator]:
    camera = Simulator(*arguments)
    try:
        yield camera
    finally:
        camera.stop()


def station_of(station: Path, data_dir: Path, serials: list[str], more: str = "") -> None:
    """A station without a cloud to whose stages these cameras are assigned; the first is the one that inspects."""
    data_dir.mkdir(parents=True)
    (data_dir / "station.toml").write_text(
        f"[order]\nstage = {json.dumps(STAGES[0])}\n"
        '[analysis]\nchain = ["screen"]\n'
        '[credentials]\nsource = "environment"\n' + more
    )
    for n, serial in enumerate(serials):
        run([str(station), "--data-dir", str(data_dir), "cameras", "assign", f"camera-{n + 1}",
             "--stage", STAGES[n], "--device", serial])  # fmt: skip


# --- What the cameras sent ------------------------------------------------------------

# Of linux/if_ether.h and asm-generic/socket.h.
_IP, _ATTACH_FILTER = 0x0800, 26
# A leader of GVSP 1 for a picture, with the headers of IP, UDP and GVSP.
_LEADER_BYTES = 20 + 8 + 8 + 36


class SentFrames:
    """Frames that each address began to send, and when, as the kernel sees them: the station has no part in it.

    Only the first packet of a frame, which no other is as long as, comes through the filter, so this costs next to
    nothing.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.last_at: dict[str, float] = {}
        try:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IP))
        except PermissionError as error:
            raise NotMeasured("packets cannot be counted: no right to a packet socket") from error
        # BPF: load the length; keep what is a leader's; drop the rest.
        program = struct.pack(
            "HBBIHBBIHBBIHBBI", 0x80, 0, 0, 0, 0x15, 0, 1, _LEADER_BYTES, 0x06, 0, 0, _LEADER_BYTES, 0x06, 0, 0, 0
        )
        code = ctypes.create_string_buffer(program)
        self.socket.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HL", 4, ctypes.addressof(code)))
        self.socket.bind(("lo", _IP))
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                packet = self.socket.recv(256)
            except OSError:
                return
            now = time.perf_counter()
            # Bound to IP, such a socket sees what comes in, so each packet of the loopback once. The kind of packet
            # follows the status and number of its frame.
            if packet[9] == socket.IPPROTO_UDP and packet[32] == 1:
                sender = socket.inet_ntoa(packet[12:16])
                self.counts[sender] = self.counts.get(sender, 0) + 1
                self.last_at[sender] = now

    def of(self, interface: str) -> int:
        return self.counts.get(interface, 0)


def datagrams_dropped() -> int:
    """By the kernel, in this network, where a socket's buffer was full."""
    lines = Path("/proc/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Udp:"))
    return int(dict(zip(names, values))["RcvbufErrors"])
