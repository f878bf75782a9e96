#!/usr/bin/env python3
"""source.py FILE... : what the text of the sources shows: layers and include paths, sizes, small bans."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FUNCTION_MAX, HEADER_MAX, SOURCE_MAX, TEST_MAX = 70, 119, 600, 1000


def rows(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        for line in f:
            line = line.split("#")[0].strip()
            if line:
                yield line


def load_layers():
    return {left: right.split() for left, right in (row.split(":") for row in rows("layers"))}


LAYERS = load_layers()
SIZES = {p: int(n) for p, n in (row.split()[:2] for row in rows("size.allow"))}


def under(path, prefix):
    return path == prefix or path.startswith(prefix + "/")


def check_include(path, included):
    """None, or why `path` may not include `included`."""
    if not os.path.isfile(included):
        return "is not a path from the root"
    own = max((p for p in LAYERS if under(path, p)), key=len, default=None)
    if own is None:
        return f"stands in no layer of {HERE}/layers"
    allowed = LAYERS[own]
    if "anything" in allowed or included in allowed:
        return None
    if any(under(included, a[1:]) for a in allowed if a.startswith("!")):
        return f"is closed to {own}"
    if under(included, own) or any(under(included, a) for a in allowed if not a.startswith("!")):
        return None
    return f"is not open to {own}"


def check_includes(path, lines):
    ours = []
    for n, line in enumerate(lines, 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not m:
            continue
        kind, name = m.groups()
        if kind == '"':
            ours.append(name)
            why = check_include(path, name)
            if why:
                yield n, f'"{name}" {why}'
        elif name == "cmocka.h" and path != "tests/support/test.h":
            yield n, "only tests/support/test.h includes <cmocka.h>"
    own = path[:-2] + ".h"
    if path.endswith(".c") and own in ours and ours[0] != own:
        yield 1, f'"{own}" comes first'


def check_sizes(path, lines):
    budget = HEADER_MAX if path.endswith(".h") else TEST_MAX if path.startswith("tests/") else SOURCE_MAX
    budget = SIZES.get(path, budget)
    if len(lines) > budget:
        yield len(lines), f"{len(lines)} lines, at most {budget}"
    begin = None
    for n, line in enumerate(lines, 1):
        if line == "{":
            begin = n
        elif line.startswith("}") and begin:
            if n - begin - 1 > FUNCTION_MAX:
                yield begin, f"function of {n - begin - 1} lines, at most {FUNCTION_MAX}"
            begin = None


def check_words(path, lines):
    if path.endswith(".h"):
        if not lines or not lines[0].startswith(("//", "/*")):
            yield 1, "a header opens with a comment: what for, what it hides, threads, ownership"
    if path.endswith(".h") and not path.endswith("_internal.h"):
        code = "\n".join(line.split("//")[0] for line in lines)
        for m in re.finditer(r"[(,]\s*(?:const\s+)?bool\s+\w+\s*(?=[,)])", code):
            yield code.count("\n", 0, m.end()) + 1, "bool parameter: use an enum"
    for n, line in enumerate(lines, 1):
        if re.search(r"\btypedef\s+(struct|union|enum)\b", line):
            yield n, "typedef of a struct, union or enum"
        if re.search(r"\bato(i|l|ll|f)\s*\(", line):  # glibc inlines them: no object shows the call
            yield n, "ato* cannot report an error"
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            yield n, "unfinished work belongs into an issue"


def main():
    bad = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")[:-1]
        for check in (check_includes, check_sizes, check_words):
            for n, text in check(path, lines):
                print(f"{path}:{n}: {text}")
                bad += 1
    return 1 if bad else 0


sys.exit(main())
