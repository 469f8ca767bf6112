"""Pictures of parts: small ones that are drawn here, and the demo's, each file unlike every other."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

WIDTH_PX, HEIGHT_PX = 384, 256


def drawn(seed: int, defect: bool = False) -> bytes:
    """A gray blade with a handle on a dark table, a little noise, and a dark blob where it has a defect."""
    noise = random.Random(seed)
    rows = []
    for y in range(HEIGHT_PX):
        grain = noise.randbytes(WIDTH_PX)
        row = bytearray(1)
        for x in range(WIDTH_PX):
            row.append(shade(x, y, defect) + (grain[x] & 3))
        rows.append(bytes(row))
    body = zlib.compress(b"".join(rows), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH_PX, HEIGHT_PX, 8, 0, 0, 0, 0)) + (
        chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def shade(x: int, y: int, defect: bool) -> int:
    if defect and (x - 180) ** 2 + (y - 120) ** 2 < 15**2:
        return 30
    if 40 <= x < 250 and 90 <= y < 90 + (x - 40) // 4 + 20:  # the blade, wider towards the handle
        return 190 if (x // 24) % 2 else 205
    if 250 <= x < 345 and 105 <= y < 150:  # the handle, with two rivets
        if (x - 275) ** 2 + (y - 127) ** 2 < 36 or (x - 320) ** 2 + (y - 127) ** 2 < 36:
            return 220
        return 110
    return 50


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def numbered(picture: bytes, number: int) -> bytes:
    """The same picture with a remark in it, so that no two files have the same SHA-256."""
    remark = b"part %08d" % number
    if is_png(picture):
        end = len(picture) - 12  # before IEND
        return picture[:end] + chunk(b"tEXt", b"Comment\0" + remark) + picture[end:]
    return picture[:2] + b"\xff\xfe" + struct.pack(">H", len(remark) + 2) + remark + picture[2:]


def write(folder: Path, pictures: list[bytes], count: int, first: int = 0) -> list[Path]:
    """So many files, of the given pictures in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(first, first + count):
        picture = pictures[number % len(pictures)]
        path = folder / f"{number:06}.{'png' if is_png(picture) else 'jpg'}"
        path.write_bytes(numbered(picture, number))
        paths.append(path)
    return paths


def is_png(picture: bytes) -> bool:
    return picture.startswith(b"\x89PNG")


def of_size(picture: bytes, size: int) -> bytes:
    """The same PNG, made larger by a remark that does not compress."""
    end = len(picture) - 12
    room = size - len(picture) - 12 - 12 - 20  # the remark's own frame, and that of `numbered`
    return picture[:end] + chunk(b"teSt", random.Random(size).randbytes(room)) + picture[end:]
