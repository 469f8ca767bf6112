"""Networks of a factory: none, lossy, cut off, slow, without names, behind a proxy that wants a password.

The faults are the kernel's, in a network namespace of this run's own whose only address is its loopback; the
real servers stay outside, behind gates that listen inside.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import disks
from cloud import Servers
from evidence import Tally
from ground import Ground, wait_until
from proxy import Gate
from station import Broken, CannotRun
from upload import waits_then_arrives

CLONE_NEWNET = 0x40000000


class Namespace:
    """A network of its own, with a loopback and nothing else."""

    def __init__(self, name: str):
        self.name = name
        self.before = ["ip", "netns", "exec", name]

    def sh(self, *command: str) -> None:
        disks.sh(*self.before, *command)

    def listener(self) -> socket.socket:
        """A socket that listens inside, for a thread that serves outside."""
        made: list[socket.socket | OSError] = []

        def make() -> None:
            # A thread's namespace is its own, and goes with it.
            try:
                with open(f"/run/netns/{self.name}", "rb") as namespace:
                    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                made.append(socket.create_server(("127.0.0.1", 0), backlog=128))
            except OSError as error:
                made.append(error)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise Broken(f"no socket in the namespace: {made[0]}")
        return made[0]


@contextlib.contextmanager
def namespace() -> Iterator[Namespace]:
    disks.need_root()
    disks.need("ip", "iptables", "tc")
    name = f"wiko-faults-{os.getpid()}"
    try:
        disks.sh("ip", "netns", "add", name)
    except Broken as refused:
        raise CannotRun(f"no network namespace can be made here: {refused}") from None
    try:
        inside = Namespace(name)
        # Packets of the size that a cable carries: the loopback's own would go through any bucket in one piece.
        inside.sh("ip", "link", "set", "lo", "mtu", "1500", "up")
        yield inside
    finally:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True)


@contextlib.contextmanager
def gates(servers: Servers, inside: Namespace) -> Iterator[tuple[Gate, Gate]]:
    with contextlib.ExitStack() as ending:
        made = [Gate(servers.s3, inside.listener()), Gate(servers.dynamodb, inside.listener())]
        for gate in made:
            ending.callback(gate.close)
        yield made[0], made[1]


def none_at_all(ground: Ground, servers: Servers, parts: int) -> Tally:
    """Not even a loopback."""
    disks.need_root()
    disks.need("unshare")
    tally = Tally()
    cloud = servers.cloud("none")
    station = ground.station.with_environment(**cloud.environment())
    with ground.folder() as folder:
        data = ground.data_dir(folder)
        before = ["unshare", "--net", "--"]
        tally.counted(waits_then_arrives(ground, station, cloud, data, parts, tally, lambda: None, before=before))
    return tally


def in_the_kernel(ground: Ground, servers: Servers, rules: list[list[str]], parts: int) -> Tally:
    """With rules of iptables or tc inside; some parts may get through, and the rest do once the rules are gone."""
    tally = Tally()
    with namespace() as inside, gates(servers, inside) as (s3, dynamodb), ground.folder() as folder:
        cloud = servers.cloud("kernel")
        for rule in rules:
            inside.sh(*rule)
        if rules[0][0] == "tc":
            s3.delay_s = dynamodb.delay_s = 0.4
        station = ground.station.with_environment(**cloud.environment(s3.url, dynamodb.url))
        data = ground.data_dir(folder)

        def heal() -> None:
            inside.sh("iptables", "-F")
            if rules[0][0] == "tc":
                inside.sh("tc", "qdisc", "delete", "dev", "lo", "root")
            s3.heal()
            dynamodb.heal()

        said = waits_then_arrives(
            ground, station, cloud, data, parts, tally, heal, some_may_arrive=True, before=inside.before,
            after=inside.before, timeout_s=600,
        )  # fmt: skip
        tally.counted(said)
    return tally


LOSS = [["iptables", "-A", "OUTPUT", "-o", "lo", "-m", "statistic", "--mode", "random", "--probability", ".3", "-j", "DROP"]]
RESETS = [
    ["iptables", "-A", "OUTPUT", "-o", "lo", "-p", "tcp", "-m", "statistic", "--mode", "random", "--probability", ".1",
     "-j", "REJECT", "--reject-with", "tcp-reset"],
]  # fmt: skip
SLOW = [["tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "64kbit", "burst", "4kb", "latency", "400ms"]]


def without_names(ground: Ground, servers: Servers, parts: int) -> Tally:
    """The endpoints have names, and nobody answers for them; then somebody does."""
    disks.need_root()
    disks.need("unshare", "mount")
    tally = Tally()
    cloud = servers.cloud("names")
    with ground.folder() as folder:
        silent, hosts, known = folder / "resolv.conf", folder / "hosts", folder / "hosts-known"
        silent.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        hosts.write_text("127.0.0.1 localhost\n")
        known.write_text("127.0.0.1 localhost s3.faults.test dynamodb.faults.test\n")

        def with_names(file: Path) -> list[str]:
            script = f"mount --bind {silent} /etc/resolv.conf && mount --bind {file} /etc/hosts && exec \"$@\""
            return ["unshare", "--mount", "--", "sh", "-c", script, "sh"]

        station = ground.station.with_environment(
            **cloud.environment(
                servers.s3.replace("127.0.0.1", "s3.faults.test"),
                servers.dynamodb.replace("127.0.0.1", "dynamodb.faults.test"),
            )
        )
        data = ground.data_dir(folder)
        said = waits_then_arrives(
            ground, station, cloud, data, parts, tally, lambda: None, before=with_names(hosts), after=with_names(known),
        )  # fmt: skip
        tally.counted(said)
    return tally


# --- A proxy that wants a password ------------------------------------------------------------------


@contextlib.contextmanager
def tinyproxy(folder: Path, user: str, password: str) -> Iterator[tuple[str, Path]]:
    """Its host and port, and its log."""
    disks.need("tinyproxy")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log, config = folder / "tinyproxy.log", folder / "tinyproxy.conf"
    config.write_text(
        f'Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nBasicAuth {user} {password}\n'
        f'LogFile "{log}"\nLogLevel Connect\n'
    )
    process = subprocess.Popen(
        ["tinyproxy", "-d", "-c", str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: answers(port), 10, "tinyproxy")
        yield f"127.0.0.1:{port}", log
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def behind_a_proxy(ground: Ground, servers: Servers, parts: int) -> Tally:
    """The proxy refuses a wrong password, and lets everything through with the right one."""
    tally = Tally()
    cloud = servers.cloud("proxy")
    with ground.folder() as folder, tinyproxy(folder, "station", "right-one") as (address, log):

        def by(password: str) -> dict[str, str]:
            url = f"http://station:{password}@{address}"
            return {"HTTP_PROXY": url, "http_proxy": url, "HTTPS_PROXY": url, "https_proxy": url}

        wrong = ground.station.with_environment(**cloud.environment(), **by("wrong-one"))
        right = ground.station.with_environment(**cloud.environment(), **by("right-one"))
        data = ground.data_dir(folder)
        said = waits_then_arrives(ground, wrong, cloud, data, parts, tally, lambda: None, healed=right)
        tally.counted(said)
        text = log.read_text(errors="replace")
        if "CONNECT" not in text and "Connect" not in text:
            raise Broken("nothing went through the proxy: this proves nothing")
        for file in [*(data / "logs").glob("*"), *folder.glob("run-*")]:
            shown = file.read_text(errors="replace")
            coded = base64.b64encode(b"station:right-one").decode()
            if "right-one" in shown or "wrong-one" in shown or coded in shown:
                raise Broken(f"the password of the proxy stands in {file.name}")
    return tally

