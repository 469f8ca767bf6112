#!/usr/bin/env python3
"""Breaks the station in every way that a factory does, and counts what was lost and what came twice.

    make test-faults                          everything; writes faults.json
    tests/faults/run.py --short               a little of each, as `make test` does
    tests/faults/run.py --only power,disk     some kinds
    tests/faults/run.py --markdown faults.json --into docs/reliability.md
                                              the table of such results; nothing is run

The built binary is driven from outside, with real disks (loop mounts), real servers (tests/services) and a
real network (a namespace). What was acknowledged is what it printed; what is there is read without it.
The exit status is 1 where a promise was broken or a fault could not be made although its tools are here.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import table
from evidence import Tally
from ground import Case, Ground, note
from kinds import KINDS, cases
from station import Broken, CannotRun

ROOT = Path(__file__).resolve().parents[2]


def binary() -> Path:
    given = os.environ.get("WIKO_FAULTS_BINARY")
    if given:
        return Path(given)
    built = Path(os.environ["CARGO_TARGET_DIR"]) / "debug" / "wiko-station"
    if not built.exists():
        sys.exit(f"faults: {built} is not built: run make test-faults, which builds it")
    return built


def run_case(case: Case, work) -> None:
    begin = time.monotonic()
    try:
        case.tally = work() or Tally()
    except CannotRun as lacking:
        case.skipped = str(lacking)
    except Broken as broken:
        case.trouble = str(broken)
    except Exception as error:  # the next fault is made all the same
        case.trouble = f"the harness broke off: {type(error).__name__}: {error}"
    case.seconds = round(time.monotonic() - begin, 1)


def skip_noted(case: Case) -> None:
    """Where the whole run lists what could not run here."""
    file = os.environ.get("WIKO_TEST_SKIPS")
    if file:
        with open(file, "a", encoding="utf-8") as noted:
            noted.write(f"skipped faults: {case.kind}, {case.name}: {case.skipped}\n")


def written(arguments: argparse.Namespace, results: list[Case], seconds: int) -> None:
    taken = {
        "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "short": arguments.short,
        "seed": arguments.seed,
        "seconds": seconds,
        "cases": [case.as_json() for case in results],
    }
    arguments.json.write_text(json.dumps(taken, ensure_ascii=False, indent=1) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="few of each")
    parser.add_argument("--only", default=",".join(KINDS), help=f"kinds, of {', '.join(KINDS)}")
    parser.add_argument("--match", default="", help="only faults whose name holds this")
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="print the table of such results")
    parser.add_argument("--into", type=Path, metavar="DOC", help="put the table between the marks of this document")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="of the random moments")
    parser.add_argument("--keep", action="store_true", help="leave the folder of the run")
    arguments = parser.parse_args()
    if arguments.markdown:
        made = table.markdown(json.loads(arguments.markdown.read_text()))
        if arguments.into:
            arguments.into.write_text(table.put_into(arguments.into.read_text(), made))
        else:
            print(made, end="")
        return 0
    wanted = arguments.only.split(",")
    if set(wanted) - set(KINDS):
        parser.error(f"--only: known are {', '.join(KINDS)}")
    begin = time.monotonic()
    results: list[Case] = []
    with contextlib.ExitStack() as stack:
        scratch = Path(tempfile.mkdtemp(prefix="wiko-faults-"))
        if not arguments.keep:
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        copied = shutil.copy2(binary(), scratch / "wiko-station")  # whoever builds meanwhile changes nothing
        note(f"seed {arguments.seed}{', short' if arguments.short else ''}")
        ground = Ground(Path(copied), scratch, arguments.short, arguments.seed)
        for kind, name, work in cases(ground, wanted, stack):
            if arguments.match not in name:
                continue
            case = Case(kind, name, Tally())
            run_case(case, work)
            if case.skipped:
                skip_noted(case)
            print(case.line(), flush=True)
            results.append(case)
            if arguments.json:
                # After each, so that a run that is broken off has something to show.
                written(arguments, results, round(time.monotonic() - begin))
    broken = [case for case in results if not case.skipped and not case.kept]
    skipped = [case for case in results if case.skipped]
    seconds = round(time.monotonic() - begin)
    kept = len(results) - len(broken) - len(skipped)
    for case in broken:  # once more, where whoever reads the end of a long log finds it
        print(case.line())
    print(f"faults: {kept} passed, {len(broken)} failed, {len(skipped)} skipped in {seconds} s")
    return 1 if broken or not kept else 0


if __name__ == "__main__":
    # Ended from outside, what is mounted and what was started must go too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    sys.exit(main())
