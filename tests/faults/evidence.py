"""What a data directory proves, read without the station: rows by SQLite, pictures by their SHA-256.

The station's own `verify` is asked as well, but a program is no witness in its own case.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

from station import Acknowledged, Broken, Station

DATABASE = "wiko.sqlite3"


@dataclasses.dataclass
class Row:
    sha256: str
    verdict: str
    revision: int
    uploaded_revision: int | None
    calls: int


@dataclasses.dataclass
class Evidence:
    rows: dict[str, Row]
    pictures: dict[str, str]  # id → SHA-256 of the file under its name
    unfinished: int
    quarantined: list[str]

    def without_picture(self) -> list[str]:
        return [id for id, row in self.rows.items() if self.pictures.get(id) != row.sha256]

    def lost(self, said: Acknowledged) -> list[str]:
        """What was acknowledged and is not there, or not as it was said."""
        lost = []
        for id, sha256 in said.captured.items():
            row = self.rows.get(id)
            if row is None:
                lost.append(f"{id} has no record")
            elif row.sha256 != sha256 or self.pictures.get(id) != sha256:
                lost.append(f"the picture of {id} is not the one acknowledged")
        for id, verdict in said.decided.items():
            row = self.rows.get(id)
            if row is not None and row.verdict != verdict:
                lost.append(f"{id} was {verdict} and is {row.verdict}")
        return lost


def of(data_dir: Path) -> Evidence:
    """Reads a copy, so that looking changes nothing: the last reader of a database clears its log."""
    with tempfile.TemporaryDirectory(prefix="wiko-evidence-") as folder:
        copy = Path(folder) / DATABASE
        for ending in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{data_dir / DATABASE}{ending}", f"{copy}{ending}")
        rows: dict[str, Row] = {}
        if copy.exists() and copy.stat().st_size + size_of(f"{copy}-wal") > 0:
            rows = rows_of(copy)
    pictures, unfinished = {}, 0
    for path in (data_dir / "spool").glob("*/*"):
        if path.name.startswith("."):
            unfinished += 1
        else:
            pictures[path.stem] = hashlib.sha256(path.read_bytes()).hexdigest()
    quarantine = data_dir / "quarantine"
    held = sorted(path.name for path in quarantine.iterdir()) if quarantine.is_dir() else []
    return Evidence(rows, pictures, unfinished, held)


def size_of(path: str) -> int:
    with contextlib.suppress(FileNotFoundError):
        return Path(path).stat().st_size
    return 0


def rows_of(database: Path) -> dict[str, Row]:
    connection = sqlite3.connect(database)
    try:
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        if sound != "ok":
            raise Broken(f"the database is damaged: {sound}")
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'inspection'").fetchone():
            return {}
        found = connection.execute(
            "SELECT id, image_sha256, verdict, revision, uploaded_revision,"
            " (SELECT count(*) FROM operator_decision WHERE inspection = inspection.sequence) FROM inspection"
        )
        return {id: Row(*rest) for id, *rest in found}
    finally:
        connection.close()


@dataclasses.dataclass
class Tally:
    """What one kind of fault came to."""

    done: int = 0
    acknowledged: int = 0
    decided: int = 0
    lost: list[str] = dataclasses.field(default_factory=list)
    without_picture: int = 0
    missing: int | None = None  # in the cloud
    doubled: int | None = None
    notes: list[str] = dataclasses.field(default_factory=list)

    def saw(self, data_dir: Path, said: Acknowledged) -> Evidence:
        """Holds a data directory against what was acknowledged."""
        found = of(data_dir)
        self.lost += found.lost(said)
        self.without_picture += len(found.without_picture())
        return found

    def counted(self, said: Acknowledged) -> None:
        self.acknowledged += len(said.captured)
        self.decided += len(said.decided)


def comes_back(station: Station, data_dir: Path, said: Acknowledged, picture: Path, tally: Tally) -> None:
    """After a fault: `verify` is clean or names what is set aside, and the station goes on as if nothing was."""
    before = tally.saw(data_dir, said)
    listed = station.run(data_dir, ["history", "--limit", "10000"])
    if listed.status != 0:
        raise Broken(f"the history cannot be read: {listed.told()}")
    verified(station, data_dir, before)
    ran = station.inspect(data_dir, [picture])
    captured = ran.events("captured")
    if ran.status != 0 or len(captured) != 1:
        raise Broken(f"after the fault the station takes no part: {ran.told()}")
    after = of(data_dir)
    tally.lost += after.lost(said)
    if after.unfinished:
        raise Broken(f"{after.unfinished} unfinished files are still in the spool after a start")
    strays = set(after.pictures) - set(after.rows)
    if strays:
        raise Broken(f"pictures without a row are still in the spool after a start: {sorted(strays)}")
    verified(station, data_dir, after)


def verified(station: Station, data_dir: Path, found: Evidence) -> None:
    """The station's own check of everything: clean, or it names each file that has no record."""
    if not found.rows and not (data_dir / DATABASE).exists():
        return
    ran = station.run(data_dir, ["verify"])
    said = "\n".join(str(line) for line in ran.lines)
    unnamed = [name for name in found.quarantined if name not in said]
    if ran.status != 0 or unnamed:
        raise Broken(f"verify finds fault{f' and does not name {unnamed}' if unnamed else ''}: {ran.told()}")
