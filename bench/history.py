"""Each question of the History page against the same SQL in the sqlite3 shell, in turns."""

import json
import os
import shutil
import statistics
import subprocess
from pathlib import Path

from measure import Figure, NotMeasured, cargo_build, note, run

ROUNDS, TIMES = 5, 31
MOST_MS, LIMIT = 50, 1.2
# What the shell does for one figure of one round, so that a clock of milliseconds will do.
SHELL_MS = 250
BYTES_A_PART = 1200
MOST_PARTS = {"release": 10_000_000, "dev": 1_000_000}


def parts_for(profile: str, scratch: Path, wanted: int | None) -> int:
    """As many as were asked for, or as half of the free space allows."""
    room = shutil.disk_usage(scratch).free // 2 // BYTES_A_PART
    parts = wanted or min(MOST_PARTS[profile], room)
    if parts > room or parts < 1000:
        raise NotMeasured(f"{parts} parts need {parts * BYTES_A_PART * 2 / 1e9:.0f} GB of free space; --parts takes fewer")
    return parts


def in_the_shell(database: Path, questions: list[dict]) -> list[float]:
    """Milliseconds that the shell takes for each question, its result formatted and thrown away."""
    script = []
    for question in questions:
        times = max(10, min(400, round(SHELL_MS / max(question["p50_ms"], 0.2))))
        question["times"] = times
        all_of_it = ";\n".join(question["sql"]) + ";"
        stamp = ".output stdout\nSELECT julianday('now') * 86400000;\n.output /dev/null"
        script += [".output /dev/null", all_of_it, stamp, *[all_of_it] * times, stamp]
    try:
        done = subprocess.run(
            ["sqlite3", "-readonly", "-batch", "-bail", str(database)],
            input="\n".join(script), text=True, capture_output=True, timeout=900,
        )
    except OSError as error:
        raise NotMeasured(f"sqlite3: {error.strerror}; run scripts/setup bench") from error
    if done.returncode != 0:
        raise NotMeasured(f"sqlite3: {done.stderr.strip()[:300]}")
    stamps = [float(line) for line in done.stdout.split()]
    pairs = zip(stamps[::2], stamps[1::2], strict=True)
    return [(end - begin) / question["times"] for question, (begin, end) in zip(questions, pairs, strict=True)]


def measure(profile: str, scratch: Path, wanted: int | None = None) -> list[Figure]:
    ours = cargo_build(profile, ["--workspace", "--example", "history_queries"]) / "examples/history_queries"
    parts = parts_for(profile, scratch, wanted)
    # A history that is there is measured as it is: ten million parts take ten minutes to make.
    kept = os.environ.get("WIKO_BENCH_HISTORY")
    folder = Path(kept) if kept else scratch / "history"
    try:
        if not (folder / "wiko.sqlite3").exists():
            note(f"making up {parts} parts")
            run([str(ours), str(folder), "--fill", str(parts), "10"], timeout_s=7200)
        return figures(str(ours), folder)
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


def figures(ours: str, folder: Path) -> list[Figure]:
    rounds: list[list[tuple[dict, float]]] = []
    parts = 0
    for n in range(ROUNDS):
        note(f"round {n + 1} of {ROUNDS}")
        lines = run([ours, str(folder), str(TIMES)], timeout_s=900).stdout.splitlines()
        parts, asked = json.loads(lines[0])["parts"], [json.loads(line) for line in lines[1:]]
        rounds.append(list(zip(asked, in_the_shell(folder / "wiko.sqlite3", asked), strict=True)))
    lines, slowest, worst = [], (0.0, ""), (0.0, 0.0, 0.0, "")
    for of_question in zip(*rounds, strict=True):
        name, rows = of_question[0][0]["name"], of_question[0][0]["rows"]
        p50 = statistics.median(own["p50_ms"] for own, _ in of_question)
        mean = statistics.median(own["mean_ms"] for own, _ in of_question)
        shell = statistics.median(other for _, other in of_question)
        ratio = statistics.median(own["mean_ms"] / max(other, 1e-3) for own, other in of_question)
        slowest = max(slowest, (p50, name))
        worst = max(worst, (ratio, mean, shell, name))
        lines.append(f"{name:<34} {rows:>9} rows  median {p50:7.2f} ms  mean {mean:7.2f}  shell {shell:7.2f}  ratio {ratio:5.2f}x")
    detail = ("\n" + " " * 25).join(["", *lines])
    return [
        Figure("history, slowest", slowest[0], None, "ms", slowest[0], MOST_MS, f"<= {MOST_MS} ms",
               f"{slowest[1]}, of {len(lines)} questions to {parts} parts"),
        Figure("history, worst ratio", worst[1], worst[2], "ms", worst[0], LIMIT, f"<= {LIMIT}x", f"{worst[3]}; all:{detail}", worst[0]),
    ]
