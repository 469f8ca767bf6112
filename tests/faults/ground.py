"""What every kind of fault stands on: the binary, pictures, what the screen has learnt, real servers."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import parts
from disks import need
from evidence import Tally
from station import SKU, STAGE, Broken, Station

HERE = Path(__file__).resolve().parent
GOOD_PARTS = 12
# For disks that are small: nothing is set aside, and no picture goes before its time.
ROOMY = "[storage]\nreserve_mb = 64\nballast_mb = 0\nlow_disk_gb = 0.07\n"


@dataclasses.dataclass
class Case:
    """One row of the table: what was done, and what came of it."""

    kind: str
    name: str
    tally: Tally
    seconds: float = 0.0
    trouble: str = ""
    skipped: str = ""

    @property
    def kept(self) -> bool:
        """True where every promise held."""
        held = not self.trouble and not self.tally.lost and not self.tally.without_picture
        return held and not self.tally.missing and not self.tally.doubled

    def as_json(self) -> dict:
        return dataclasses.asdict(self) | {"kept": self.kept}

    def line(self) -> str:
        head = f"{self.kind:<12} {self.name:<58}"
        if self.skipped:
            return f"{head} could not run here: {self.skipped}"
        tally = self.tally
        cloud = "" if tally.doubled is None else f"  cloud: missing {tally.missing} doubled {tally.doubled}"
        text = (
            f"{head} times {tally.done:>4}  acknowledged {tally.acknowledged:>6}  decided {tally.decided:>6}"
            f"  lost {len(tally.lost)}  rows without picture {tally.without_picture}{cloud}"
            f"  {self.seconds:.0f} s  {'kept' if self.kept else 'BROKEN'}"
        )
        for note in [*tally.notes, *tally.lost[:5], *([self.trouble] if self.trouble else [])]:
            text += f"\n    {note}"
        return text


class Ground:
    """The binary and everything that was made ready for it, in a folder that goes with the run."""

    def __init__(self, binary: Path, scratch: Path, short: bool, seed: int):
        self.binary, self.scratch, self.short = binary, scratch, short
        self.random = random.Random(seed)
        self.station = Station(binary, scratch)
        self._files: list[Path] = []
        self._shim: Path | None = None
        self.models = scratch / "learnt" / "models"
        good = [parts.drawn(seed) for seed in range(GOOD_PARTS)]
        bad = [parts.drawn(seed, defect=True) for seed in range(100, 104)]
        self._drawn = [*good[:9], *bad[:3]]
        learnt = self.station.run(
            scratch / "learnt",
            ["screen", "learn", "--sku", SKU, "--stage", STAGE, *parts.write(scratch / "good", good, GOOD_PARTS)],
        )
        if learnt.status != 0:
            raise Broken(f"the screen learns nothing from the drawn parts: {learnt.told()}")

    def number(self, full: int, short: int) -> int:
        return short if self.short else full

    def files(self, count: int, first: int = 0) -> list[Path]:
        """Pictures of parts, each a file of its own with a SHA-256 of its own; a quarter have a defect."""
        have = len(self._files)
        if have < first + count:
            self._files += parts.write(self.scratch / "parts", self._drawn, first + count - have, have)
        return self._files[first : first + count]

    def data_dir(self, parent: Path, learnt: bool = True, toml: str = ROOMY) -> Path:
        """An empty station, with what the screen has learnt or without."""
        data = parent / "station"
        data.mkdir(mode=0o700)
        if learnt:
            shutil.copytree(self.models, data / "models")
        if toml:
            (data / "station.toml").write_text(toml)
        # What was there before the fault is on the platter.
        os.sync()
        return data

    def shim(self) -> Path:
        """fail_at.c, built once."""
        if self._shim is None:
            need("cc")
            target = self.scratch / "fail_at.so"
            done = subprocess.run(
                ["cc", "-shared", "-fPIC", "-O1", "-o", target, HERE / "fail_at.c", "-ldl"],
                capture_output=True, text=True,
            )  # fmt: skip
            if done.returncode != 0:
                raise Broken(f"fail_at.c does not build: {done.stderr[-400:]}")
            self._shim = target
        return self._shim

    def failing(self, call: str, at: int, with_: str, path: Path | str) -> dict[str, str]:
        """The environment in which the N-th such call fails."""
        return {
            "LD_PRELOAD": str(self.shim()), "FAIL_CALL": call, "FAIL_AT": str(at), "FAIL_WITH": with_,
            "FAIL_PATH": str(path),
        }  # fmt: skip

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder on a real disk, which goes at the end."""
        path = Path(tempfile.mkdtemp(dir=self.scratch))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def note(text: str) -> None:
    print(f"faults: {text}", file=sys.stderr, flush=True)


def wait_until(holds, timeout_s: float, what: str) -> None:
    until = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > until:
            raise Broken(f"{what} did not come within {timeout_s:.0f} s")
        time.sleep(0.02)
