"""On the way to the cloud: lost replies, kills, power cuts, and services that are down, slow or refuse."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

import disks
from cloud import Cloud, Servers
from evidence import Tally, comes_back, of
from ground import Ground
from proxy import DYNAMODB_INTERNAL, DYNAMODB_THROTTLED, S3_INTERNAL, S3_SLOW_DOWN, Gate
from station import NOWHERE, Acknowledged, Broken, Ran, Station, inspect_arguments

KILL_EVERY_S = 2.0
LOSE_EVERY = 7


def drained(station: Station, data: Path, tries: int = 20, **options) -> Ran:
    """`sync --once` until nothing waits any more."""
    for _ in range(tries):
        ran = station.run(data, ["sync", "--once"], timeout_s=600, **options)
        if ran.status == 0:
            return ran
        time.sleep(0.2)
    raise Broken(f"after {tries} tries parts still wait: {ran.told()}")


def decided_offline(ground: Ground, data: Path, count: int, first: int = 0) -> Acknowledged:
    """So many decided parts that wait for a cloud that was never there."""
    ran = ground.station.start(data, inspect_arguments(ground.files(count, first)))
    ended = ran.ended(300)
    said = ran.acknowledged()
    if ended.status != 0 or len(said.decided) != count:
        raise Broken(f"the parts are not captured and decided: {ended.told()}")
    return said


# --- Power cuts during upload ---------------------------------------------------------------------


def power_cut(ground: Ground, servers: Servers, cuts: int) -> Tally:
    """The power goes while decided parts are sent; the machine comes back and sends the rest."""
    disks.need_loops()
    tally = Tally()
    extra = ground.files(1, 1000)[0]
    while tally.done < cuts:
        cloud = servers.cloud("power")
        station = ground.station.with_environment(**cloud.environment())
        with disks.disk(1024) as disk:
            data = ground.data_dir(disk.point)
            # Half are decided before, half are captured while the others are sent.
            said = decided_offline(ground, data, 20)
            running = station.start(data, inspect_arguments(ground.files(40, 20)))
            with contextlib.ExitStack() as ending:
                ending.callback(running.kill)
                for cut in range(5):
                    time.sleep(ground.random.uniform(0.02, 0.3))
                    running.stop()
                    said.add(running.acknowledged())
                    last = cut == 4 or tally.done + 1 >= cuts or running.process.poll() is not None
                    with disk.after_power_cut() as after:
                        evidence = of(after / "station")
                        cloud.holds(evidence, tally, all_of_them=False)
                        if last:
                            # The one that the power cut ended must not go on sending beside the one that came back.
                            running.kill()
                            comes_back(station, after / "station", said, extra, tally)
                            drained(station, after / "station")
                            cloud.holds(tally.saw(after / "station", said), tally)
                        else:
                            tally.saw(after / "station", said)
                            running.go_on()
                    tally.done += 1
                    tally.counted(said)
                    if last:
                        break
    return tally


# --- Exactly once ---------------------------------------------------------------------------------


def exactly_once(ground: Ground, servers: Servers, parts: int) -> Tally:
    """Each seventh reply of either service is lost and the station is killed every two seconds, until all is there."""
    tally = Tally()
    cloud = servers.cloud("once")
    s3, dynamodb = Gate(cloud.servers.s3), Gate(cloud.servers.dynamodb)
    for gate in (s3, dynamodb):
        gate.lose_every = LOSE_EVERY
    station = ground.station.with_environment(**cloud.environment(s3.url, dynamodb.url))
    files = ground.files(parts)
    kills = 0
    with ground.folder() as folder, contextlib.ExitStack() as ending:
        ending.callback(s3.close)
        ending.callback(dynamodb.close)
        data = ground.data_dir(folder)
        said = Acknowledged()

        def work(arguments) -> int | None:
            """Its exit status; none where it was killed."""
            nonlocal kills
            running = station.start(data, arguments)
            ended = None
            if kills == 0:
                # However fast the machine is, one kill falls into the middle of the work.
                running.wait_for("captured", 10)
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    ended = running.process.wait(KILL_EVERY_S)
            if ended is None:
                running.kill()
                kills += 1
            said.add(running.acknowledged())
            if ended not in (None, 0, 1):
                raise Broken(f"the station ended by itself: {running.ended().told()}")
            return ended

        corrected = False
        until = time.monotonic() + max(600, parts)
        while time.monotonic() < until:
            left = [path for path in files if str(path) not in said.sources]
            if left:
                # Two hundred at a time, so that the arguments are read in no time.
                work(inspect_arguments(left[:200]))
            elif work(["sync", "--once"]) == 0:
                if corrected:
                    break
                while (due := to_correct(data)) and time.monotonic() < until:
                    work(["dev", "correct", *due[:200]])
                corrected = True
        else:
            raise Broken(f"not everything is sent after {kills} kills: {len(said.captured)} of {parts} captured")
        for gate in (s3, dynamodb):
            gate.heal()
        evidence = tally.saw(data, said)
        cloud.holds(evidence, tally)
        tally.done, _ = kills, tally.counted(said)
        lost = s3.lost + dynamodb.lost
        tally.notes.append(
            f"{lost} of {s3.replies + dynamodb.replies} replies lost, {kills} kills, {len(evidence.rows)} parts,"
            f" {sum(1 for row in evidence.rows.values() if row.calls)} of them corrected by a person after the upload"
        )
        if not lost or not kills:
            raise Broken("no reply was lost or nothing was killed: this proves nothing")
    return tally


def to_correct(data: Path) -> list[str]:
    """Every other part of which nobody has said anything yet; all are in the cloud by now."""
    ids = sorted(of(data).rows.items())
    return [id for id, row in ids[::2] if not row.calls]


# --- A service that is down, throttles, fails ------------------------------------------------------


def service_fault(ground: Ground, servers: Servers, which: str, fault: str, parts: int) -> Tally:
    """One service fails while parts are captured; they wait, and all arrive once it is well."""
    tally = Tally()
    cloud = servers.cloud(fault.replace(" ", "-")[:20])
    gates = {"s3": Gate(servers.s3), "dynamodb": Gate(servers.dynamodb)}
    gate = gates[which]
    with ground.folder() as folder, contextlib.ExitStack() as ending:
        for each in gates.values():
            ending.callback(each.close)
        make = {
            "down": lambda: setattr(gate, "down", True),
            "throttling": lambda: setattr(gate, "answer", S3_SLOW_DOWN if which == "s3" else DYNAMODB_THROTTLED),
            "500s": lambda: setattr(gate, "answer", S3_INTERNAL if which == "s3" else DYNAMODB_INTERNAL),
            "every other request a 500": lambda: (
                setattr(gate, "answer", S3_INTERNAL if which == "s3" else DYNAMODB_INTERNAL),
                setattr(gate, "answer_every", 2),
            ),
            "resets": lambda: setattr(gate, "reset_after", 512),
        }
        make[fault]()
        station = ground.station.with_environment(**cloud.environment(gates["s3"].url, gates["dynamodb"].url))
        data = ground.data_dir(folder)
        said = waits_then_arrives(ground, station, cloud, data, parts, tally, heal=gate.heal,
                                  some_may_arrive=fault.startswith("every"))  # fmt: skip
        tally.counted(said)
        if not gate.refused and fault != "down":
            raise Broken("no request met the fault: this proves nothing")
    return tally


def waits_then_arrives(
    ground: Ground, station: Station, cloud: Cloud, data: Path, parts: int, tally: Tally, heal,
    some_may_arrive: bool = False, before=(), after=(), healed: Station | None = None, syncs: int = 1, timeout_s: float = 300,
) -> Acknowledged:  # fmt: skip
    """With the fault: captured, decided, waiting, and said so. Without it: everything is in the cloud, once."""
    running = station.start(data, inspect_arguments(ground.files(parts)), before=before)
    ended = running.ended(timeout_s)
    said = running.acknowledged()
    if ended.status != 0 or len(said.captured) != parts or len(said.decided) != parts:
        raise Broken(f"the fault keeps parts from being captured and decided: {ended.told()}")
    for _ in range(syncs):
        ran = station.run(data, ["sync", "--once"], before=before, timeout_s=timeout_s)
        told = ran.events("synced")
        if not some_may_arrive and (ran.status != 1 or not told or told[0]["uploaded"]):
            raise Broken(f"with the fault `sync --once` must say that parts wait: {ran.told()}")
        tally.done += 1
    evidence = tally.saw(data, said)
    if not some_may_arrive and any(row.uploaded_revision is not None for row in evidence.rows.values()):
        raise Broken("parts count as uploaded although nothing answers")
    heal()
    drained(healed or station, data, before=after)
    cloud.holds(tally.saw(data, said), tally)
    return said


def down_for_hours(ground: Ground, servers: Servers, parts: int) -> Tally:
    """Nothing answers for six simulated hours, tried each hour; then everything does."""
    disks.need("faketime")
    tally = Tally()
    cloud = servers.cloud("hours")
    away = ground.station.with_environment(**cloud.environment(NOWHERE, NOWHERE))
    with ground.folder() as folder:
        data = ground.data_dir(folder)
        said = decided_offline(ground, data, parts)
        for hour in range(1, 7):
            ran = away.run(data, ["sync", "--once"], before=["faketime", "-f", f"+{hour}h"])
            if ran.status != 1:
                raise Broken(f"nothing answers, and `sync --once` says: {ran.told()}")
            tally.done += 1
        # The clock of the station is seven hours ahead of the cloud's, and it goes through all the same.
        back = ground.station.with_environment(**cloud.environment())
        drained(back, data, before=["faketime", "-f", "+7h"])
        cloud.holds(tally.saw(data, said), tally)
        tally.counted(said)
    return tally


def clock_skew(ground: Ground, servers: Servers, parts: int) -> Tally:
    """The station's clock is an hour ahead of the cloud's, then an hour behind."""
    disks.need("faketime")
    tally = Tally()
    for skew in ("+1h", "-1h"):
        cloud = servers.cloud("skew")
        station = ground.station.with_environment(**cloud.environment())
        with ground.folder() as folder:
            data = ground.data_dir(folder)
            fake = ["faketime", "-f", skew]
            running = station.start(data, inspect_arguments(ground.files(parts)), before=fake)
            if running.ended(120).status != 0:
                raise Broken(f"with a skew of {skew} no part is taken: {running.ended().told()}")
            said = running.acknowledged()
            drained(station, data, before=fake)
            # Set right again: what was captured in the future stays what it is.
            drained(station, data)
            cloud.holds(tally.saw(data, said), tally)
            tally.counted(said)
            tally.done += 1
    return tally


