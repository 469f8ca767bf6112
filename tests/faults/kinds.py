"""The faults, in the order in which they are made: how often in full, and which of them in short."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import disk
import keyring
import network
import power
import upload
from cloud import Servers
from evidence import Tally
from ground import Ground

KINDS = ("power", "kill", "upload", "service", "disk", "network", "keyring")

Fault = tuple[str, str, Callable[[], Tally]]


def cases(ground: Ground, wanted: list[str], stack: contextlib.ExitStack) -> Iterator[Fault]:
    servers: list[Servers] = []

    def running() -> Servers:
        """Started when the first fault asks for them."""
        if not servers:
            servers.append(Servers(stack))
        return servers[0]

    made = {
        "power": on_power, "kill": on_kills, "upload": on_upload, "service": on_services, "disk": on_disks,
        "network": on_networks, "keyring": on_keyrings,
    }  # fmt: skip
    for kind in KINDS:
        if kind in wanted:
            for name, work in made[kind](ground, running):
                yield kind, name, work


def on_power(ground: Ground, running):
    times = ground.number(60, 2)
    yield "the harness: a station whose fsyncs are left out", lambda: power.of_a_station_that_fsyncs_nothing(ground)
    yield "power cut during capture", lambda: power.during_capture(ground, False, times)
    yield "power cut during analysis", lambda: power.during_capture(ground, True, times)
    if not ground.short:
        yield "power cut during upload", lambda: upload.power_cut(ground, running(), 40)


def on_kills(ground: Ground, _running):
    """The names say what the process was about to do when it was killed and the power went."""
    work, start = "a capture and its decision", "the first start"
    plan = [
        ("fsync", work, 1, 4), ("rename", work, 1, None), ("pwrite64", work, 1, 40), ("write", work, 1, None),
        ("unlink", work, 1, None), ("fsync", start, 1, 14), ("rename", start, 1, None),
        ("pwrite64", start, 1, None), ("write", start, 1, None), ("unlink", start, 1, None),
    ]  # fmt: skip
    for call, during, full, short in plan:
        stride = short if ground.short else full
        if stride is not None:
            yield (
                f"killed, power cut: each {call} of {during}" if stride == 1 else f"killed, power cut: a {call} of {during}",
                lambda call=call, first=during == start, stride=stride: power.at_each_call(ground, call, first, stride=stride),
            )  # fmt: skip
    if not ground.short:
        yield "a pwrite64 torn in half", lambda: power.at_each_call(ground, "pwrite64", False, "tear")


def on_upload(ground: Ground, running):
    parts = ground.number(2000, 40)
    yield (
        f"every 7th reply lost, killed every 2 s, {parts} parts, half corrected after the upload",
        lambda: upload.exactly_once(ground, running(), parts),
    )


def on_services(ground: Ground, running):
    full = ("down", "throttling", "500s", "every other request a 500", "resets")
    for which, name in (("s3", "S3"), ("dynamodb", "DynamoDB"))[: 1 if ground.short else 2]:
        for fault in full[: 1 if ground.short else None]:
            yield (
                f"{name}: {fault}",
                lambda which=which, fault=fault: upload.service_fault(ground, running(), which, fault, ground.number(20, 2)),
            )  # fmt: skip
    if not ground.short:
        yield "nothing answers for six hours", lambda: upload.down_for_hours(ground, running(), 20)
    yield "a clock that is an hour off", lambda: upload.clock_skew(ground, running(), ground.number(10, 2))


def on_disks(ground: Ground, _running):
    times = ground.number
    yield "EIO on an fsync of the write-ahead log", lambda: disk.eio(ground, "fsync", "-wal", times(20, 1))
    yield "EIO on an fsync of a picture or its folder", lambda: disk.eio(ground, "fsync", "/spool", times(20, 1))
    if not ground.short:
        yield "EIO on a write of the write-ahead log", lambda: disk.eio(ground, "pwrite64", "-wal", 10)
    yield "a file system gone read-only", lambda: disk.turned_read_only(ground, times(40, 2))
    size_mb = times(64, 24)
    yield f"an ext4 of {size_mb} MB filled to the last block", lambda: disk.full(ground, disk.NO_FLOOR, size_mb, "ext4")
    if not ground.short:
        yield "an ext4 of 64 MB with a floor and ballast", lambda: disk.full(ground, disk.FLOOR, 64, "ext4")
        yield "a tmpfs of 64 MB filled to the last block", lambda: disk.full(ground, disk.NO_FLOOR, 64, "tmpfs")
    yield "two stations on one data directory", lambda: disk.two_stations(ground, times(20, 1))


def on_networks(ground: Ground, running):
    parts = ground.number(20, 2)
    yield "none at all", lambda: network.none_at_all(ground, running(), parts)
    if not ground.short:
        rules = (("30 % of the packets lost", network.LOSS, parts),
                 ("10 % of the packets answered with a reset", network.RESETS, parts),
                 ("64 kbit/s with 400 ms", network.SLOW, 10))  # fmt: skip
        for name, rule, count in rules:
            yield name, lambda name=name, rule=rule, count=count: network.in_the_kernel(ground, running(), rule, count)
    yield "names that nobody resolves", lambda: network.without_names(ground, running(), parts)
    yield "a proxy with a wrong password, then the right one", lambda: network.behind_a_proxy(ground, running(), parts)


def on_keyrings(ground: Ground, running):
    for how in ("missing",) if ground.short else ("missing", "locked", "late"):
        yield f"a keyring that is {how}", lambda how=how: keyring.away(ground, running(), how, ground.number(10, 2))
