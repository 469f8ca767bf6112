"""Start and memory of the real window against a bare WebKitGTK window, under Xvfb."""

import subprocess
import time
from pathlib import Path

from measure import ROOT, Figure, NotMeasured, display, pss_mb, ratio_figure, stop, tree, wait_for_line

ROUNDS = 5
START_TIMEOUT_S = 60
START_LIMIT = 1.3
IDLE_S = 20
PSS_LIMIT_MB = 260


def build_yardstick(scratch: Path) -> Path:
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "webkit2gtk-4.1"], stdout=subprocess.PIPE, text=True
    ).stdout.split()
    program = scratch / "bare_window"
    source = ROOT / "bench/yardsticks/bare_window.c"
    if subprocess.run(["cc", "-O2", str(source), "-o", str(program), *flags]).returncode != 0:
        raise NotMeasured("the bare window does not compile, see above")
    return program


def start(command: list[str], environment: dict[str, str]) -> subprocess.Popen:
    return subprocess.Popen(
        command, env=environment, cwd=environment["XDG_RUNTIME_DIR"], start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )


def measure(station: Path, data_dir: Path, scratch: Path) -> list[Figure]:
    commands = {
        "ours": ([str(station), "--data-dir", str(data_dir), "--report-ready"], "window_ready"),
        "yardstick": ([str(build_yardstick(scratch))], "ready"),
    }
    starts_ms: dict[str, list[float]] = {who: [] for who in commands}
    pss: dict[str, float] = {}
    processes: dict[str, int] = {}
    with display() as environment:
        for n in range(ROUNDS + 1):
            for who, (command, word) in commands.items():
                begin = time.monotonic()
                process = start(command, environment)
                try:
                    wait_for_line(process, word, START_TIMEOUT_S)
                    took_ms = (time.monotonic() - begin) * 1e3
                    if n > 0:  # the first fills the caches
                        starts_ms[who].append(took_ms)
                    if n == ROUNDS:
                        time.sleep(IDLE_S)
                        pids = tree(process.pid)
                        pss[who], processes[who] = pss_mb(pids), len(pids)
                finally:
                    stop(process)
    rounds = list(zip(starts_ms["ours"], starts_ms["yardstick"]))
    return [
        ratio_figure("start to window", "ms", rounds, START_LIMIT, "warm; spawn to second frame, ours with its data"),
        Figure(
            "PSS idle", pss["ours"], pss["yardstick"], "MB", pss["ours"], PSS_LIMIT_MB, f"<= {PSS_LIMIT_MB} MB",
            f"after {IDLE_S} s with the live picture on; {processes['ours']} and {processes['yardstick']} processes",
        ),
    ]
