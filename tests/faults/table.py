"""The table of docs/reliability.md, out of the results of a run."""

from __future__ import annotations

HEAD = """| fault | times | acknowledged | decided | lost | rows without picture | cloud: missing | doubled | |
|---|---:|---:|---:|---:|---:|---:|---:|---|
"""

KIND = {"network": "network: ", "service": "", "upload": ""}


def markdown(results: dict) -> str:
    lines = [HEAD]
    for case in results["cases"]:
        name = KIND.get(case["kind"], "") + case["name"]
        if case["skipped"]:
            lines.append(f"| {name} | | | | | | | | could not run: {case['skipped']} |\n")
            continue
        tally = case["tally"]
        cloud = ("–", "–") if tally["doubled"] is None else (tally["missing"], tally["doubled"])
        cells = [tally["done"], tally["acknowledged"], tally["decided"], len(tally["lost"]), tally["without_picture"], *cloud]
        shown = " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in cells)
        word = "kept" if case["kept"] else "**broken**"
        if name.startswith("the harness"):
            word = tally["notes"][0]
        lines.append(f"| {name} | {shown} | {word} |\n")
    ran = [case for case in results["cases"] if not case["skipped"]]
    tallies = [case["tally"] for case in ran]
    lines.append(
        f"\n{len(ran)} faults, {sum(tally['done'] for tally in tallies):,} times, "
        f"{sum(tally['acknowledged'] for tally in tallies):,} acknowledgements held against the disk: "
        f"{sum(len(tally['lost']) for tally in tallies)} lost, "
        f"{sum(tally['doubled'] or 0 for tally in tallies)} doubled. "
        f"Taken {results['at'][:10]} in {results['seconds'] // 60} minutes"
        f"{', the short version' if results['short'] else ''}.\n"
    )
    return "".join(lines)


BEGIN, END = "<!-- table:", "<!-- end of the table -->"


def put_into(document: str, table: str) -> str:
    """The document with the table between its marks."""
    head, mark, rest = document.partition(BEGIN)
    command, _, old = rest.partition("\n")
    if not mark or END not in old:
        raise SystemExit(f"the document has no marks: {BEGIN} ... {END}")
    return f"{head}{mark}{command}\n\n{table}\n{END}{old.partition(END)[2]}"
