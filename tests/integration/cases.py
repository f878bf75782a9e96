"""Cases of an integration test: functions marked @case in the script that is run, in their order, one line each and the counts last.
Arguments pick those with a word in their name."""

import sys
import time
import traceback

CASES = []


def case(f):
    """f may return "skipped"."""
    CASES.append(f)
    return f


def main():
    wanted = [c for c in CASES if c.__module__ == "__main__" and
              (not sys.argv[1:] or any(w in c.__name__ for w in sys.argv[1:]))]
    failed = skipped = 0
    for c in wanted:
        start = time.monotonic()
        try:
            skipped += c() == "skipped"
            print(f"ok      {c.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception:  # noqa: BLE001 (every failure is a finding of its case)
            failed += 1
            print(f"FAILED  {c.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(wanted) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not wanted else 0)
