"""Disks that can lose their power: ext4 images in memory, mounted by loop, copied while nothing runs.

What the kernel has not written to the image is lost with it, exactly as in a power cut: the copy is what the
machine would find when it comes back.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from station import Broken, CannotRun

MEMORY = Path("/dev/shm")


def sh(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Broken(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


def need(*programs: str) -> None:
    """Raises CannotRun where one is missing; names Debian's package where it is called otherwise."""
    package = {"tc": "iproute2", "ip": "iproute2", "mkfs.ext4": "e2fsprogs", "unshare": "util-linux",
               "faketime": "faketime", "tinyproxy": "tinyproxy-bin"}  # fmt: skip
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        wanted = sorted({package.get(program, program) for program in missing})
        raise CannotRun(f"{', '.join(missing)} missing (Debian: apt-get install {' '.join(wanted)})")


def need_root() -> None:
    if os.geteuid() != 0:
        raise CannotRun("needs root")


_loops: str | None = None


def need_loops() -> None:
    """Root, ext4 and loop devices: tried once, since a container may have root and no devices."""
    global _loops
    need_root()
    need("mkfs.ext4", "mount", "umount", "losetup")
    if _loops is None:
        try:
            with disk(32):
                _loops = ""
        except Broken as trouble:
            _loops = f"loop mounts of ext4 do not work here: {trouble}"
    if _loops:
        raise CannotRun(_loops)


def unmount(point: Path) -> None:
    """Until nobody is on it any more; a process that was just killed may still be."""
    until = time.monotonic() + 20
    while True:
        done = subprocess.run(["umount", str(point)], capture_output=True, text=True)
        if done.returncode == 0 or "not mounted" in done.stderr:
            return
        if time.monotonic() > until:
            subprocess.run(["umount", "--lazy", str(point)], capture_output=True)
            raise Broken(f"{point} stays busy: {done.stderr.strip()}")
        time.sleep(0.02)


@contextlib.contextmanager
def mounted(image: Path, options: str = "noinit_itable") -> Iterator[Path]:
    point = Path(tempfile.mkdtemp(prefix="wiko-disk-"))
    try:
        sh("mount", "-o", f"loop,{options}", image, point)
        try:
            yield point
        finally:
            unmount(point)
    finally:
        point.rmdir()


def content(image: Path) -> bytes:
    """A hash of what an image holds; holes and zeros are the same."""
    digest, zeros = hashlib.sha256(), bytes(4096)
    with open(image, "rb") as file:
        size, at = os.fstat(file.fileno()).st_size, 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            at -= at % 4096
            os.lseek(file.fileno(), at, os.SEEK_SET)
            while at < end:
                block = os.read(file.fileno(), 4096)
                if not block:
                    break
                if block != zeros:
                    digest.update(at.to_bytes(8, "big") + block)
                at += len(block)
    return digest.digest()


class Disk:
    """A mounted image."""

    def __init__(self, image: Path, point: Path):
        self.image, self.point = image, point

    @contextlib.contextmanager
    def after_power_cut(self) -> Iterator[Path]:
        """Mounted, the image as it is now: to be entered while the station stands still or is gone."""
        copy = self.image.with_suffix(f".{time.monotonic_ns()}")
        try:
            self.copy_of_one_moment(copy)
            with mounted(copy) as point:
                yield point
        finally:
            copy.unlink(missing_ok=True)

    def copy_of_one_moment(self, copy: Path) -> None:
        """The kernel writes back by itself meanwhile, and half of an old moment with half of a new one is a disk
        that never was. So what was copied is compared with what is there, until nothing has changed in between."""
        for _ in range(50):
            sh("cp", "--sparse=always", self.image, copy)
            if content(self.image) == content(copy):
                return
            time.sleep(0.02)
        raise Broken("the disk is never still for as long as a copy takes")

    def loop_device(self) -> str:
        return sh("losetup", "--noheadings", "--output", "NAME", "--associated", self.image).strip()


@contextlib.contextmanager
def disk(size_mb: int, options: str = "noinit_itable", parent: Path = MEMORY) -> Iterator[Disk]:
    """A fresh, empty disk."""
    folder = Path(tempfile.mkdtemp(prefix="wiko-faults-", dir=parent))
    try:
        image = folder / "disk.img"
        sh("truncate", "-s", f"{size_mb}M", image)
        # Blocks as on a real disk. A small one has four to a page by default, of which SQLite makes sure of one: where
        # the others cannot be had, whoever reads the map of its log is ended by the kernel (SIGBUS).
        sh("mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=1,lazy_journal_init=1", image)
        with mounted(image, options) as point:
            yield Disk(image, point)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def memory_disk(size_mb: int) -> Iterator[Path]:
    """A tmpfs of that size."""
    need_root()
    point = Path(tempfile.mkdtemp(prefix="wiko-tmpfs-"))
    try:
        sh("mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", point)
        try:
            yield point
        finally:
            unmount(point)
    finally:
        point.rmdir()
