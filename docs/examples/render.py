"""docs/sql-examples.md from docs/examples/sql.json, to standard output: the examples are tests (`sluice test docs/examples/sql.json`)."""

import json
from pathlib import Path


def shown(v):
    return "*null*" if v is None else f"`{json.dumps(v, ensure_ascii=False)}`"


def table(records):
    timed, windowed = any("timestamp" in r for r in records), any("window" in r for r in records)
    heads = ["topic"] + ["time"] * timed + ["key"] + ["window"] * windowed + ["value"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for r in records:
        cells = [r["topic"]]
        if timed:
            cells.append(str(r.get("timestamp", "")))
        cells.append(shown(r.get("key")))
        if windowed:
            cells.append(f"{r['window']['start']}–{r['window']['end']}" if "window" in r else "")
        print("| " + " | ".join(cells + [shown(r["value"])]) + " |")
    print()


print("""# SQL by example

Every example is a test: `sluice test docs/examples/sql.json` runs them all, and this page is printed from that file. Inputs are the records
of the topics in the order they are read; outputs are every change of the results. In a job's outputs a table shows the last value per key.
""")
for t in json.loads(Path(__file__).with_name("sql.json").read_text(encoding="utf-8"), parse_float=lambda x: type("Number", (float,), {
        "__repr__": lambda self: x})(x))["tests"]:
    print(f"## {t['name']}\n\n{t['comment']}\n\n```sql")
    print("\n".join(t["statements"]))
    print("```\n")
    table(t["inputs"])
    print("gives\n")
    table(t["outputs"])
