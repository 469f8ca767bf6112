"""Yardstick of a durable capture, in plain Python: hash, file, fsync, rename, directory fsync, row.

    python3 durable_enqueue.py DIR COUNT BYTES

The least that keeps a picture through a power cut: the file and its name are on
disk before the row, and the row (WAL, synchronous FULL) before the answer.
"""

import hashlib
import os
import sqlite3
import sys
import time


def main() -> None:
    folder, count, size_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.makedirs(folder)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    rows = sqlite3.connect(os.path.join(folder, "rows.db"), isolation_level=None)
    (mode,) = rows.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        sys.exit(f"the journal is {mode}, not WAL")
    rows.execute("PRAGMA synchronous = FULL")
    rows.execute(
        "CREATE TABLE queue (id INTEGER PRIMARY KEY, at_ms INTEGER, file TEXT UNIQUE, sha256 BLOB, state INTEGER)"
    )
    picture = os.urandom(size_bytes)
    took_ms = []
    for n in range(count):
        begin = time.perf_counter()
        digest = hashlib.sha256(picture).digest()
        final = os.path.join(folder, f"{n:08}.jpg")
        part = final + ".part"
        file = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            left = memoryview(picture)
            while left:
                left = left[os.write(file, left):]
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(part, final)
        os.fsync(directory)
        rows.execute(
            "INSERT INTO queue (at_ms, file, sha256, state) VALUES (?, ?, ?, 0)",
            (time.time_ns() // 1_000_000, final, digest),
        )
        took_ms.append((time.perf_counter() - begin) * 1e3)
    took_ms.sort()
    p50, p95, p99 = (took_ms[int(len(took_ms) * share)] for share in (0.5, 0.95, 0.99))
    print(f"p50 {p50:.2f} p95 {p95:.2f} p99 {p99:.2f} ms over {count} × {size_bytes} bytes")


if __name__ == "__main__":
    main()
