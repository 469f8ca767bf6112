"""Disks that fail, fill up or turn read-only, and a second station on the same one."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import disks
from evidence import Tally, comes_back, of
from ground import Ground
from station import Acknowledged, Broken, Ran, Station, inspect_arguments

NO_FLOOR = "[storage]\nreserve_mb = 0\nballast_mb = 0\nlow_disk_gb = 0.0\n"
FLOOR = "[storage]\nreserve_mb = 8\nballast_mb = 8\nlow_disk_gb = 0.01\n"


def refused_with(ran: Ran, *words: str) -> None:
    """The command ended with 1 and a sentence that holds one of the words, for a person and for a script."""
    reason = " ".join(line.get("reason", "") for line in ran.events("failed"))
    if ran.status != 1 or not any(word in reason for word in words) or not any(word in ran.stderr for word in words):
        raise Broken(f"it should be refused, with one of {words}: {ran.told()}")


def readable(station: Station, data: Path, said: Acknowledged) -> None:
    """The history lists everything that was acknowledged, and `status` answers."""
    listed: set[str] = set()
    after: list[str] = []
    while True:
        ran = station.run(data, ["history", "--limit", "1000", *after])
        if ran.status != 0:
            raise Broken(f"the history cannot be read: {ran.told()}")
        listed |= {line["id"] for line in ran.events("inspection")}
        more = ran.events("more")
        if not more:
            break
        after = ["--after", str(more[0]["next"])]
    unlisted = set(said.captured) - listed
    if unlisted:
        raise Broken(f"{len(unlisted)} acknowledged parts are not in the history")
    if station.run(data, ["status"]).status != 0:
        raise Broken("status cannot be shown")


# --- EIO ------------------------------------------------------------------------------------------


def eio(ground: Ground, call: str, path: str, times: int) -> Tally:
    """One such call fails once, in the middle of work. What follows would look healthy; the station must not go on."""
    tally = Tally()
    ground.shim()
    at = 1
    while tally.done < times:
        with ground.folder() as folder:
            data = ground.data_dir(folder)
            if ground.station.inspect(data, ground.files(1)).status != 0:
                raise Broken("the part before the fault is refused")
            before = of(data)
            files = ground.files(30, 1)
            running = ground.station.start(data, inspect_arguments(files), more=ground.failing(call, at, "EIO", path))
            ran = running.ended(120)
            said = running.acknowledged()
            if ran.status == 0:
                raise Broken(f"the {at}. {call} of {path} failed, and nobody noticed")
            refused_with(ran, "storage fault")
            if len(said.captured) == len(files):
                raise Broken("everything was captured although the disk failed")
            for id, row in before.rows.items():
                said.captured[id] = row.sha256
            tally.saw(data, said)
            readable(ground.station, data, said)
            refused_with(ground.station.inspect(data, files[-1:]), "storage fault")
            cleared(ground.station, data)
            comes_back(ground.station, data, said, ground.files(1, 1000)[0], tally)
            tally.done += 1
            tally.counted(said)
        at += 1 if times < 8 else ground.random.randint(1, 3)
    return tally


def cleared(station: Station, data: Path) -> None:
    """A latched fault stops capture over a restart too, until a person clears it."""
    ran = station.run(data, ["storage", "clear-fault"])
    if ran.status != 0:
        raise Broken(f"the fault cannot be cleared: {ran.told()}")


def reason(ran: Ran) -> str:
    text = " ".join(line.get("reason", "") for line in ran.events("failed"))
    return f"said: {text[:150]}"


# --- Full -----------------------------------------------------------------------------------------


def full(ground: Ground, toml: str, size_mb: int, kind: str) -> Tally:
    """Filled to the end by captures: refused with the reason, readable, and whole once there is room."""
    tally = Tally()
    place = disks.disk(size_mb) if kind == "ext4" else disks.memory_disk(size_mb)
    disks.need_loops() if kind == "ext4" else disks.need_root()
    with place as where:
        point = where.point if kind == "ext4" else where
        data = ground.data_dir(point, toml=toml)
        said = Acknowledged()
        station = ground.station
        first = 0
        refusals = 0
        while refusals < 3:
            running = station.start(data, inspect_arguments(ground.files(400, first)))
            ran = running.ended(300)
            now = running.acknowledged()
            said.add(now)
            first += len(now.captured)
            tally.saw(data, said)
            if ran.status != 0:
                refused_with(ran, "full", "free", "space")
                refusals += 1
                readable(station, data, said)
            if first > 20_000:
                raise Broken("the disk is never full")
        tally.notes.append(f"{len(said.captured)} parts until it was full; {reason(ran)}")
        if not said.captured:
            raise Broken("nothing was captured before the disk was full: this proves nothing")
        # Somebody fills even the rest.
        hog = point / "hog"
        subprocess.run(["dd", "if=/dev/zero", f"of={hog}", "bs=64k"], capture_output=True)
        readable(station, data, said)
        again = station.inspect(data, ground.files(1, first))
        refused_with(again, "full", "free", "space")
        readable(station, data, said)
        hog.unlink()
        tally.saw(data, said)
        if kind == "ext4":
            # A larger disk: the old one's content goes over.
            with disks.disk(1024) as larger:
                subprocess.run(["cp", "-a", str(data), str(larger.point)], check=True)
                comes_back(station, larger.point / "station", said, ground.files(1, first)[0], tally)
        else:
            disks.sh("mount", "-o", "remount,size=1024m", point)
            comes_back(station, data, said, ground.files(1, first)[0], tally)
        tally.done = refusals + 1
        tally.counted(said)
    return tally


# --- Read-only ------------------------------------------------------------------------------------


def turned_read_only(ground: Ground, times: int) -> Tally:
    """The kernel finds an error in the file system and turns it read-only while parts are captured."""
    disks.need_loops()
    tally = Tally()
    files = ground.files(600)
    for _ in range(times):
        with disks.disk(1024, "noinit_itable,errors=remount-ro") as disk:
            trigger = Path("/sys/fs/ext4") / Path(disk.loop_device()).name / "trigger_fs_error"
            data = ground.data_dir(disk.point)
            running = ground.station.start(data, inspect_arguments(files))
            running.wait_for("captured", 10)
            time.sleep(ground.random.uniform(0, 0.3))
            trigger.write_text("fault")
            ran = running.ended(120)
            said = running.acknowledged()
            refused_with(ran, "read-only", "storage fault")
            tally.notes.append(reason(ran))
            again = ground.station.inspect(data, files[:1])
            refused_with(again, "read-only", "storage fault", "written")
            readable(ground.station, data, said)
            with disk.after_power_cut() as after:
                cleared(ground.station, after / "station")
                comes_back(ground.station, after / "station", said, ground.files(1, 1000)[0], tally)
            tally.done += 1
            tally.counted(said)
    tally.notes = sorted(set(tally.notes))
    return tally


# --- Two at once ----------------------------------------------------------------------------------


def two_stations(ground: Ground, times: int) -> Tally:
    """A second station on the data directory of a running one is refused; one that only reads is not."""
    tally = Tally()
    with ground.folder() as folder:
        data = ground.data_dir(folder)
        first = ground.station.start(data, inspect_arguments(ground.files(1000)))
        try:
            first.wait_for("decided", 5)
            for _ in range(times):
                first.stop()
                try:
                    for arguments in (inspect_arguments(ground.files(1)), ["sync", "--once"]):
                        refused_with(ground.station.run(data, arguments), "another", "already", "in use")
                    readable(ground.station, data, first.acknowledged())
                finally:
                    first.go_on()
                tally.done += 2
                time.sleep(0.05)
        finally:
            first.kill()
        said = first.acknowledged()
        # The lock goes with its holder, however that ends.
        comes_back(ground.station, data, said, ground.files(1, 1000)[0], tally)
        tally.counted(said)
    return tally


