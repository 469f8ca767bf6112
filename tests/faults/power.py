"""Power cuts: the disk as it is at some moment of work, and a kill at each call that writes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import time

import disks
from evidence import Tally, comes_back, of
from ground import ROOMY, Ground
from station import Acknowledged, Broken, inspect_arguments

DISK_MB = 1024  # sparse: it takes what is written


def during_capture(ground: Ground, learnt: bool, cuts: int) -> Tally:
    """The power goes at random moments while part after part is captured, and decided where the screen knows it."""
    disks.need_loops()
    tally = Tally()
    files = ground.files(1000)
    extra = ground.files(1, 1000)[0]
    while tally.done < cuts:
        with disks.disk(DISK_MB) as disk:
            data = ground.data_dir(disk.point, learnt, ROOMY if learnt else "")
            running = ground.station.start(data, inspect_arguments(files))
            with contextlib.ExitStack() as ending:
                ending.callback(running.kill)
                # The first cuts of a run fall into its start: an empty disk, a schema half made.
                for _ in range(min(12, cuts - tally.done)):
                    if tally.done == cuts - 1 and not (tally.decided if learnt else tally.acknowledged):
                        # However slow the machine is, one cut falls into the middle of the work.
                        running.wait_for("decided" if learnt else "captured")
                    time.sleep(ground.random.uniform(0.02, 0.35))
                    running.stop()
                    said = running.acknowledged()
                    over = running.process.poll() is not None
                    with disk.after_power_cut() as after:
                        running.go_on() if not over else None
                        comes_back(ground.station, after / "station", said, extra, tally)
                    tally.done += 1
                    tally.counted(said)
                    if over:
                        break
    if not tally.acknowledged or (learnt and not tally.decided):
        raise Broken("nothing was acknowledged before the cuts: they prove nothing")
    return tally


def at_each_call(ground: Ground, call: str, first_start: bool, how: str = "kill", stride: int = 1) -> Tally:
    """Killed at the first, second, ... such call of one inspection, and the power goes at that moment."""
    disks.need_loops()
    ground.shim()
    tally = Tally()
    extra = ground.files(1, 1000)[0]
    before = Acknowledged()
    if not first_start:
        with ground.folder() as folder:
            made = ground.data_dir(folder)
            ran = ground.station.inspect(made, ground.files(2))
            if ran.status != 0:
                raise Broken(f"the parts before the fault are refused: {ran.told()}")
            before.read("".join(f"{line}\n" for line in map(json.dumps, ran.lines)))
            used = ground.scratch / f"used-{call}-{how}"
            shutil.copytree(made, used)
    at = 1
    while True:
        with disks.disk(DISK_MB) as disk:
            if first_start:
                data = ground.data_dir(disk.point)
            else:
                data = disk.point / "station"
                shutil.copytree(used, data)
                os.sync()
            picture = ground.files(1, 2)[0]
            failing = ground.failing(call, at, how, data)
            running = ground.station.start(data, inspect_arguments([picture]), more=failing)
            running.process.wait(60)
            said = running.acknowledged()
            if running.process.returncode != -9:
                if running.process.returncode != 0:
                    raise Broken(f"{call} {at}: {running.ended().told()}")
                break
            said.add(before)
            # The process alone dies: what the kernel holds is still there.
            tally.saw(data, said)
            with disk.after_power_cut() as after:
                comes_back(ground.station, after / "station", said, extra, tally)
            tally.done += 1
            tally.counted(said)
        at += stride
    return tally



def of_a_station_that_fsyncs_nothing(ground: Ground) -> Tally:
    """The harness itself: a station whose every fsync is left out must be found to lose parts."""
    disks.need_loops()
    tally = Tally()
    with disks.disk(DISK_MB) as disk:
        data = ground.data_dir(disk.point)
        careless = ground.failing("fsync", 1, "skip", data)
        running = ground.station.start(data, inspect_arguments(ground.files(200)), more=careless)
        try:
            running.wait_for("captured", 30)
            running.stop()
            said = running.acknowledged()
            with disk.after_power_cut() as after:
                try:
                    lost = of(after / "station").lost(said)
                except (Broken, sqlite3.DatabaseError):
                    lost = list(said.captured)
        finally:
            running.kill()
    if not lost:
        raise Broken("a station that fsyncs nothing lost nothing: the power cuts prove nothing")
    tally.done, tally.acknowledged = 1, len(said.captured)
    tally.notes.append(f"it lost {len(lost)} of {len(said.captured)}, as it must: such a station is found out")
    return tally
