#!/usr/bin/env python3
"""Runs the tests of cameras against a real kernel's: boots one under qemu, with the virtual cameras of `vivid`.

    tests/kernel/run.py                        builds the tests, boots, runs all of them
    tests/kernel/run.py -- unplug --nocapture  arguments of the test binary
    tests/kernel/run.py -- --ignored --nocapture     measures what a frame costs, what is lost, how soon one is back
    tests/kernel/run.py --shell 'ls /dev'      runs a command of busybox in their place

The machine's own kernel is left alone: it needs no modules, no root and no camera. Debian's kernel is fetched once
into ${WIKO_CACHE:-~/.cache/wiko-station}/kernel and booted with a file system that holds busybox, the modules and the
test binary with its libraries. `v4l2loopback`, for cameras of MJPEG, is no part of Debian's kernel: it is built once from
Debian's source, against the headers of that kernel; its tests load it, and the modules of a USB camera of software. Where
any of that cannot be done here, one line says why and nothing fails. The test binary's exit status is ours.

Only the standard library of Python 3.11 is used here.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QEMU = "qemu-system-x86_64"
# Two cameras that give frames; the second has metadata too, whose node must not be taken for a camera.
CAMERAS = "n_devs=2 node_types=0x1,0x20001 num_inputs=1,1 input_types=0,0 num_outputs=0,0"
MODULE = "vivid"
LOOPBACK = "v4l2loopback"
# A USB camera made of software: the tests load these and are both ends of its cable.
USB = ["usbip-vudc", "vhci-hcd", "usb_f_uvc", "uvcvideo"]
# A busy machine boots six times slower than an idle one.
WITHIN_S = 240
MEMORY_MB = 768

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
while read module; do
  case $module in
    {module}.ko) insmod /modules/$module {cameras} ;;
    *) insmod /modules/$module ;;
  esac
done </modules/order
echo "guest: up after $(cut -d' ' -f1 /proc/uptime) s"
{command}
echo "guest: status $?"
[ -f /tmp/skips ] && sed 's/^/guest: /' /tmp/skips
echo "guest: done after $(cut -d' ' -f1 /proc/uptime) s"
poweroff -f
"""


class CannotRun(Exception):
    """Something that not every machine has."""


def say(what: str) -> None:
    print(f"kernel: {what}", flush=True)


def cache_dir() -> Path:
    return Path(os.environ.get("WIKO_CACHE") or Path.home() / ".cache" / "wiko-station")


def need(program: str, package: str) -> str:
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise CannotRun(f"{program} is missing (Debian, Ubuntu: apt-get install {package})")
    return found


def run(command: list, **options) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise CannotRun(f"{shlex.join(map(str, command))} failed with {done.returncode}")
    return done.stdout


# --- the kernel -----------------------------------------------------------------------------------


def fetch_kernel(cache: Path) -> Path:
    """A folder with `vmlinuz` and `modules/`, these in the order of their loading in `modules/order`. Any that is there
    is taken: a newer one is fetched where the folder is removed."""
    for known in sorted(cache.glob("linux-image-*")):
        if (known / "complete").exists():
            return known
    depends = run(["apt-cache", "depends", "linux-image-amd64"], stderr=subprocess.DEVNULL)
    named = re.search(r"Depends: (linux-image-(\S+))", depends)
    if not named:
        raise CannotRun("no Debian kernel (linux-image-amd64) is to be had from this machine's package lists")
    package, version = named.groups()
    say(f"fetching {package} (once, 70 MB)")
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        tree = unpack_kernel(Path(scratch), package)
        kept = Path(scratch) / "kept"
        keep_modules(tree, version, [MODULE], kept / "modules")
        keep_modules(tree, version, USB, kept / "usb")
        shutil.copy(tree / "boot" / f"vmlinuz-{version}", kept / "vmlinuz")
        (kept / "complete").touch()
        kept.rename(cache / package)
    return cache / package


def unpack_kernel(scratch: Path, package: str) -> Path:
    apt, dpkg, depmod = need("apt-get", "apt"), need("dpkg-deb", "dpkg"), need("depmod", "kmod")
    run([apt, "download", "-q", package], cwd=scratch, stderr=subprocess.DEVNULL)
    tree = scratch / "tree"
    run([dpkg, "-x", str(next(scratch.glob("*.deb"))), str(tree)])
    run([depmod, "-b", str(tree), package.removeprefix("linux-image-")])
    return tree


def keep_modules(tree: Path, version: str, modules: list, folder: Path) -> None:
    """Copies modules and what they need, and writes the order of their loading down."""
    modprobe = need("modprobe", "kmod")
    folder.mkdir(parents=True)
    order: dict = {}
    for module in modules:
        needed = run([modprobe, "-d", str(tree), "-S", version, "--show-depends", module])
        for path in re.findall(r"^insmod (\S+)", needed, re.MULTILINE):
            shutil.copy(path, folder)
            order[Path(path).name] = None
    (folder / "order").write_text("\n".join(order) + "\n")


def fetch_usb(kernel: Path) -> Path:
    """The modules of a USB camera; a kernel that was fetched without them is fetched again for them."""
    folder = kernel / "usb"
    if not folder.exists():
        say(f"fetching {kernel.name} for its USB modules (once, 70 MB)")
        with tempfile.TemporaryDirectory(dir=kernel) as scratch:
            tree = unpack_kernel(Path(scratch), kernel.name)
            keep_modules(tree, kernel.name.removeprefix("linux-image-"), USB, Path(scratch) / "usb")
            (Path(scratch) / "usb").rename(folder)
    return folder


def fetch_loopback(kernel: Path) -> Path:
    """The module that gives what a program writes as a camera's frames, built for this kernel."""
    module = kernel / f"{LOOPBACK}.ko"
    if module.exists():
        return module
    apt, dpkg, make = need("apt-get", "apt"), need("dpkg-deb", "dpkg"), need("make", "make")
    headers = kernel.name.replace("linux-image-", "linux-headers-", 1)
    depends = run(["apt-cache", "depends", headers], stderr=subprocess.DEVNULL)
    # The compiler that it depends on too is this machine's own.
    parts = re.findall(r"Depends: (linux-(?:headers|kbuild)-\S+)", depends)
    if len(parts) < 2:
        raise CannotRun(f"{headers} is not to be had; a newer kernel is fetched where {kernel} is removed")
    packages = [headers, *parts, f"{LOOPBACK}-dkms"]
    say(f"fetching {' '.join(packages)} and building the module (once, 15 MB)")
    with tempfile.TemporaryDirectory(dir=kernel) as scratch:
        tree = Path(scratch) / "tree"
        run([apt, "download", "-q", *packages], cwd=scratch, stderr=subprocess.DEVNULL)
        for archive in Path(scratch).glob("*.deb"):
            run([dpkg, "-x", str(archive), str(tree)])
        sources = tree / "usr" / "src"
        makefile = sources / headers / "Makefile"
        # It names the other package by where that is installed.
        makefile.write_text(makefile.read_text().replace("/usr/src/", f"{sources}/"))
        source = next(sources.glob(f"{LOOPBACK}-*"))
        command = [make, "-C", str(makefile.parent), f"M={source}", "modules"]
        if not shutil.which("gcc-12"):
            command.append(f"CC={need('gcc', 'gcc')}")
        with open(kernel / f"{LOOPBACK}.log", "w", encoding="utf-8") as log:
            built = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if built.returncode != 0:
            raise CannotRun(f"{LOOPBACK} does not build here, see {log.name}")
        (source / module.name).rename(module)
    return module


# --- the guest's files ----------------------------------------------------------------------------


def build_tests() -> Path:
    """The test binary. Of the whole workspace, so that no dependency is built again with other features;
    WIKO_KERNEL_PACKAGE=wiko-camera builds less where nothing else is built."""
    command = ["cargo", "test", "--workspace", "--locked", "--test", "kernel", "--no-run", "--message-format=json"]
    if package := os.environ.get("WIKO_KERNEL_PACKAGE"):
        command[2:3] = ["-p", package]
    env = {"CARGO_TARGET_DIR": str(cache_dir() / "target"), **os.environ}
    done = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("kernel: the tests do not build, see above")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "kernel":
            return Path(message["executable"])
    sys.exit("kernel: cargo named no test binary")


def add_program(root: Path, program: str, name: str) -> None:
    """A program and the libraries that it is linked to."""
    target = root / "bin" / name
    target.parent.mkdir(exist_ok=True)
    shutil.copy(program, target)
    linked = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for library in re.findall(r"(?:=> |^\s)(/\S+)", linked.stdout, re.MULTILINE):
        place = root / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)


def make_initrd(scratch: Path, kernel: Path, more: list, binary: Path | None, command: str) -> Path:
    root = scratch / "root"
    for folder in ("bin", "dev", "proc", "sys", "tmp"):
        (root / folder).mkdir(parents=True)
    add_program(root, need("busybox", "busybox-static"), "busybox")
    if binary:
        add_program(root, str(binary), "tests")
        # Debug information is half of the binary, and all of it is read at the boot.
        subprocess.run(["strip", "--strip-debug", str(root / "bin" / "tests")], check=False)
    shutil.copytree(kernel / "modules", root / "modules")
    for modules in more:
        copy = shutil.copytree if modules.is_dir() else shutil.copy
        copy(modules, root / "modules" / modules.name)
    init = root / "init"
    init.write_text(INIT.format(module=MODULE, cameras=CAMERAS, command=command))
    init.chmod(0o755)
    files = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    initrd = scratch / "initrd"
    with open(initrd, "wb") as out:
        # Not compressed: an emulated processor unpacks slowly.
        packed = subprocess.run(
            [need("cpio", "cpio"), "-o", "-H", "newc", "--quiet"], cwd=root, input=files.encode(), stdout=out
        )
    if packed.returncode != 0:
        raise CannotRun("cpio could not pack the guest's files")
    return initrd


# --- the machine ----------------------------------------------------------------------------------


def die_with_parent() -> None:
    """Asks Linux to end this child when its parent dies, even by SIGKILL."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)


def accelerator(qemu: str) -> list:
    """KVM where a machine starts under it: that /dev/kvm is there does not say so within another machine."""
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        with_kvm = ["-accel", "kvm", "-cpu", "host"]
        command = [qemu, *with_kvm, "-nodefaults", "-display", "none", "-monitor", "stdio"]
        try:
            tried = subprocess.run(
                command, input=b"quit\n", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20
            )
            if tried.returncode == 0:
                return with_kvm
        except subprocess.TimeoutExpired:
            pass
    return ["-accel", "tcg", "-cpu", "max"]


def boot(kernel: Path, initrd: Path) -> tuple[int | None, list]:
    """Boots and shows what the guest prints; answers with its command's status, where it came that far, and its skips."""
    qemu = need(QEMU, "qemu-system-x86 seabios")
    accel = accelerator(qemu)
    say(f"booting {kernel.name} under {accel[1]}")
    machine = subprocess.Popen(
        [
            *(qemu, *accel, "-smp", "2", "-m", str(MEMORY_MB), "-nodefaults", "-no-user-config"),
            *("-display", "none", "-serial", "stdio", "-no-reboot"),
            *("-kernel", str(kernel / "vmlinuz"), "-initrd", str(initrd)),
            # The timer of an emulated machine fails the kernel's check where the real one is busy.
            *("-append", "console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    signal.signal(signal.SIGALRM, lambda *_: machine.kill())
    signal.alarm(WITHIN_S)
    status, skips = None, []
    try:
        for raw in machine.stdout:
            line = raw.decode(errors="replace").rstrip()
            if found := re.fullmatch(r"guest: status (\d+)", line):
                status = int(found[1])
            elif found := re.fullmatch(r"guest: (skipped .*)", line):
                skips.append(found[1])
            else:
                print(line, flush=True)
        machine.wait()
    finally:
        signal.alarm(0)
        machine.kill()
        machine.wait()
    return status, skips


def note_skips(lines: list) -> None:
    for line in lines:
        say(line)
    if file := os.environ.get("WIKO_TEST_SKIPS"):
        with open(file, "a", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shell", help="a command for the guest's shell, in place of the tests")
    parser.add_argument("arguments", nargs="*", help="for the test binary, behind --")
    given = parser.parse_args()
    cache = cache_dir() / "kernel"
    cache.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    try:
        if os.uname().machine != "x86_64":
            raise CannotRun("the kernel that is booted is of x86_64 machines")
        need(QEMU, "qemu-system-x86 seabios")
        kernel = fetch_kernel(cache)
        more = []
        for what, fetch in (("MJPEG", fetch_loopback), ("USB", fetch_usb)):
            try:
                more.append(fetch(kernel))
            except CannotRun as lacking:
                note_skips([f"skipped the {what} cameras of a kernel: {lacking}"])
        binary = None if given.shell else build_tests()
        # One test at a time: a fault that one makes would be the other's too.
        tests = f"WIKO_TEST_SKIPS=/tmp/skips tests --test-threads=1 {shlex.join(given.arguments or ['--skip', 'measure'])}"
        with tempfile.TemporaryDirectory(prefix="wiko-kernel-") as scratch:
            # The file must be there: tests append to it.
            initrd = make_initrd(Path(scratch), kernel, more, binary, given.shell or f": >/tmp/skips; {tests}")
            status, skips = boot(kernel, initrd)
    except CannotRun as lacking:
        note_skips([f"skipped the cameras of a kernel: {lacking}"])
        return 0
    note_skips(skips)
    say(f"{time.monotonic() - begin:.0f} s in all")
    if status is None:
        say(f"FAILED: the guest did not come to its end within {WITHIN_S} s, see above")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
