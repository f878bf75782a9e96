#!/bin/bash
# Every heading of the recovery handbook that a hint quotes exists in docs/recovery.md, and the pages' links lead somewhere; tests that
# ARCHITECTURE.md names exist.
set -euo pipefail
cd "$(dirname "$0")/../../.."
python3 - <<'PY'
import pathlib, re, sys

headings = set(re.findall(r"^## (.*)$", pathlib.Path("docs/recovery.md").read_text(), re.M))
quoted, failed = set(), 0
for folder in ("base", "config", "schema", "sql", "lake", "warehouse", "jobs", "orchestrator"):
    for path in pathlib.Path(folder).rglob("*.c"):
        # Adjacent literals are one text.
        text = re.sub(r'"\s*\n?\s*"', "", path.read_text().replace(r"\"", "\0"))
        for name in re.findall("handbook, \0([^\0]*)\0", text):
            quoted.add(name)
            if name not in headings:
                print(f"{path}: no heading \"{name}\" in docs/recovery.md")
                failed += 1
        mentions = text.count("recovery handbook")
        if mentions != len(re.findall("recovery handbook, \0", text)):
            print(f"{path}: a hint mentions the recovery handbook without a heading in quotes")
            failed += 1
if len(quoted) < 5:
    print(f"only {len(quoted)} headings are quoted anywhere: does this test still read hints?")
    failed += 1
pages = sorted(pathlib.Path(".").glob("*.md")) + sorted(pathlib.Path("docs").glob("*.md"))
pages += [p for p in pathlib.Path(".").rglob("README.md") if p not in pages and "build" not in p.parts]
for page in pages:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target) or target.endswith("RESULTS.md"):  # figures come with a bench run
            continue
        file, _, anchor = target.partition("#")
        other = page if not file else page.parent / file
        if not other.exists():
            print(f"{page}: {target} leads nowhere")
            failed += 1
        elif anchor and other.suffix == ".md":
            names = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-")
                     for h in re.findall(r"^#+ (.*)$", other.read_text(), re.M)]
            if anchor not in names:
                print(f"{page}: {target}: no such heading")
                failed += 1
# Names of tests that ARCHITECTURE.md gives ("…" stands for a part left out) are names of tests.
tests = " ".join(n for p in pathlib.Path("tests").rglob("*.c") for n in re.findall(r"^TEST\((\w+)\)", p.read_text(), re.M))
for name in re.findall(r"`([a-z0-9_…]*_[a-z0-9_…]*)`", pathlib.Path("ARCHITECTURE.md").read_text()):
    pieces = [p for p in name.split("…") if p]
    if (name.count("_") >= 4 or "…" in name) and not all(p in tests for p in pieces):
        print(f"ARCHITECTURE.md: no test is called {name}")
        failed += 1
sys.exit(failed > 0)
PY
echo "1 passed, 0 failed, 0 skipped"
