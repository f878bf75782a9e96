#!/usr/bin/env python3
"""Checks every output of the transactions example. Standard library only; MariaDB through its client.

The input is not read back from anywhere: the generator's records are made again here, and every stream and table is computed
from them in plain Python. Then the lake, the MariaDB tables and the SQLite tables are compared with that, value by value:
lines of the lake byte for byte (so the text of a DOUBLE is Java's Double.toString), rows by key, no row too many or too few.

    verify.py [--dir DIR] [--self-test] [--newest | --versions K] [--kept-from DAY --masked STREAM --deletions FILE] N...

N... are the sizes of the backlogs, one for each run that was made: 1000 after the first run, 1000 1000 after the second. DIR (default:
work beside this file) has data_lake and warehouse.db; MYSQL_HOST, _PORT, _USER, _PASSWORD say where the database tp3 is, without
MYSQL_HOST it is left out. --self-test then spoils the expected values in turn, every column of one row of each output in each place,
removes a row, adds one and swaps two, and fails unless every time a difference is found just there.

--newest: of each table only the newest version is compared, whatever its number. --versions K: only the newest K are still there. --kept-from DAY: of the
streams but STREAM the days before have expired; FILE is what `lake expire lake --log` printed: it must name just these partitions and versions.
In the lake every _metadata.json must say what is there: partitions, rows, bytes.
"""

import argparse
import datetime
import gzip
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections import namedtuple
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

SEED = 42
PARTITIONS = 4  # record i is on partition i mod 4
BASE_MS = 1761638400000  # 2025-10-28T08:00:00Z
SHOWN_MAX = 10  # differences printed of each comparison

# --- the input -----------------------------------------------------------------------------------------------------------

NAMES = "Smith Johnson Williams Brown Jones Garcia Liam Olivia Noah Emma Sofia Zoey Ethan Nguyen Lee Hall".split()
CURRENCIES = ["USD", "EUR", "GBP", "CAD", "JPY", "AUD"]
TYPES = ["purchase", "refund", "payment", "withdrawal"]
STATUSES = ["completed", "pending", "failed", "processing", "cancelled"]
METHODS = ["credit_card", "paypal", "bank_transfer", "apple_pay", "google_pay", "cryptocurrency"]
CATEGORIES = ["electronics", "clothing", "books", "home_goods", "food"]
SYSTEMS = ["Windows", "MacOS", "Linux", "Android", "iOS"]
BROWSERS = ["Chrome", "Firefox", "Safari", "Edge"]
COUNTRIES = [
    ("USA", ["New York", "Los Angeles", "Chicago", "Houston", "Phoenix"]),
    ("Canada", ["Toronto", "Montreal", "Vancouver", "Calgary", "Ottawa"]),
    ("UK", ["London", "Birmingham", "Manchester", "Glasgow", "Liverpool"]),
    ("Germany", ["Berlin", "Hamburg", "Munich", "Cologne", "Frankfurt"]),
    ("France", ["Paris", "Marseille", "Lyon", "Toulouse", "Nice"]),
    ("Japan", ["Tokyo", "Osaka", "Kyoto", "Yokohama", "Nagoya"]),
    ("Australia", ["Sydney", "Melbourne", "Brisbane", "Perth", "Adelaide"]),
    ("Brazil", ["São Paulo", "Rio de Janeiro", "Brasília", "Salvador", "Fortaleza"]),
    ("India", ["Mumbai", "Delhi", "Bangalore", "Hyderabad", "Chennai"]),
    ("China", ["Shanghai", "Beijing", "Guangzhou", "Shenzhen", "Hangzhou"]),
]
MASK64 = (1 << 64) - 1

Record = namedtuple("Record", "timestamp partition offset value")


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        return z ^ (z >> 31)

    def between(self, low, high):
        return low + self.next() % (high - low + 1)

    def pick(self, values):
        return values[self.between(0, len(values) - 1)]


def utc(ms):
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)


def records(count):
    """The draws are made in exactly this order."""
    random, ids = Random(SEED), []
    for i in range(count):
        if i % 10 == 9:
            number = ids[random.next() % len(ids)]
        else:
            number = random.next() >> 32
            ids.append(number)
        back_s, micros = random.next() % 2592001, random.next() % 1000000
        event = utc(BASE_MS - back_s * 1000) + datetime.timedelta(microseconds=micros)
        user, name = random.between(1000, 9999), random.pick(NAMES)
        product, cents = random.between(100, 999), random.between(1000, 100000)
        currency, kind, status = random.pick(CURRENCIES), random.pick(TYPES), random.pick(STATUSES)
        country, cities = random.pick(COUNTRIES)
        city = random.pick(cities)
        method, category, quantity = random.pick(METHODS), random.pick(CATEGORIES), random.between(1, 10)
        street, zip_code = random.between(100, 999), random.between(10000, 99999)
        system, browser = random.pick(SYSTEMS), random.pick(BROWSERS)
        ip = ".".join(str(random.between(1, 255)) for _ in range(4))
        rating, rated = random.between(1, 5), random.next() & 1
        discount, discounted = random.between(100, 999), random.next() & 1
        per_mille = random.between(50, 200)
        yield Record(BASE_MS + 1800 * i, i % PARTITIONS, i // PARTITIONS, {
            "transaction_id": f"TXN-{number:08x}",
            "timestamp": event.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "user_id": f"USER-{user}",
            "user_name": name,
            "product_id": f"PROD-{product}",
            "amount": cents / 100,
            "currency": currency,
            "transaction_type": kind,
            "status": status,
            "location": {"city": city, "country": country},
            "payment_method": method,
            "product_category": category,
            "quantity": quantity,
            "shipping_address": {"street": f"{street} Main St", "zip": str(zip_code), "city": city, "country": country},
            "device_info": {"os": system, "browser": browser, "ip_address": ip},
            "customer_rating": rating if rated else None,
            "discount_code": f"DISCOUNT-{discount}" if discounted else None,
            "tax_amount": cents * per_mille // 1000 / 100 if status == "completed" else 0.0,
        })


# --- what the SQL says of it ---------------------------------------------------------------------------------------------

BLACKLIST = {("Glasgow", "UK"), ("Shenzhen", "China"), ("Berlin", "Germany")}
RATES = {"EUR": 1.08, "CAD": 0.75, "JPY": 0.007, "AUD": 0.66, "GBP": 1.25}
PROCESSED = """TRANSACTION_ID TIMESTAMP USER_ID USER_NAME PRODUCT_ID AMOUNT_USD CURRENCY TRANSACTION_TYPE STATUS
    LOCATION_CITY LOCATION_COUNTRY PAYMENT_METHOD PRODUCT_CATEGORY QUANTITY SHIPPING_STREET SHIPPING_ZIP SHIPPING_CITY
    SHIPPING_COUNTRY DEVICE_OS DEVICE_BROWSER DEVICE_IP CUSTOMER_RATING DISCOUNT_CODE""".split()
MASKED = {"USER_ID", "USER_NAME", "SHIPPING_STREET", "SHIPPING_ZIP", "DEVICE_IP"}
NESTED = {
    "location": {"city": "LOCATION_CITY", "country": "LOCATION_COUNTRY"},
    "shipping_address": {"street": "SHIPPING_STREET", "zip": "SHIPPING_ZIP", "city": "SHIPPING_CITY",
                         "country": "SHIPPING_COUNTRY"},
    "device_info": {"os": "DEVICE_OS", "browser": "DEVICE_BROWSER", "ip_address": "DEVICE_IP"},
}
SIZE_MS, ADVANCE_MS, GRACE_MS = 300000, 60000, 86400000 - 300000  # ksqlDB's default grace: 24 h less the size

STREAMS = ["TRANSACTIONS_FLAT", "TRANSACTIONS_BLACKLISTED", "TRANSACTIONS_PROCESSED"] + [
    "TRANSACTIONS_" + s.upper() for s in STATUSES]
KEYS = {
    "TOTAL_PAR_TRANSACTION_TYPE": ["TRANSACTION_TYPE"],
    "TOTAL_DEPENSE_PAR_USER_TYPE": ["USER_ID", "TRANSACTION_TYPE"],
    "TRANSACTION_LIFECYCLE": ["TRANSACTION_ID"],
    "PRODUCT_PURCHASE_COUNTS": ["PRODUCT_ID"],
    "TOTAL_PAR_TYPE_5MIN_SLIDING": ["TRANSACTION_TYPE", "WINDOWSTART"],
}


def mask(text):
    classes = [("[A-Z]", "X"), ("[a-z]", "x"), ("[0-9]", "n"), (".", "-")]
    return "".join(next(to for pattern, to in classes if re.fullmatch(pattern, c, re.DOTALL)) for c in text)


def flatten(value):
    row = {}
    for name, field in value.items():
        if name in NESTED:
            row.update((NESTED[name][inner], x) for inner, x in field.items())
        else:
            row[name.upper()] = field
    return row


def processed_of(flat):
    row = {}
    for name in PROCESSED:
        if name == "AMOUNT_USD":
            currency = flat["CURRENCY"]
            row[name] = flat["AMOUNT"] if currency == "USD" else flat["AMOUNT"] * RATES[currency]
        else:
            row[name] = mask(flat[name]) if name in MASKED else flat[name]
    return row


class Model:
    """All streams and tables after the records fed so far. streams: name -> [(timestamp, row)]; tables: name -> {key: row}."""

    def __init__(self):
        self.streams = {name: [] for name in STREAMS}
        self.tables = {name: {} for name in KEYS}
        self.stream_time = 0

    def group(self, table, key, **start):
        rows = self.tables[table]
        if key not in rows:
            rows[key] = dict(zip(KEYS[table], key), **start)
        return rows[key]

    def feed(self, backlog):
        # The merge of the partitions; DOUBLE sums depend on it.
        for record in sorted(backlog, key=lambda r: (r.timestamp, r.partition, r.offset)):
            flat = flatten(record.value)
            self.streams["TRANSACTIONS_FLAT"].append((record.timestamp, flat))
            self.flat_tables(flat)
            if (flat["LOCATION_CITY"], flat["LOCATION_COUNTRY"]) in BLACKLIST:
                self.streams["TRANSACTIONS_BLACKLISTED"].append((record.timestamp, flat))
                continue
            row = processed_of(flat)
            self.streams["TRANSACTIONS_PROCESSED"].append((record.timestamp, row))
            self.streams["TRANSACTIONS_" + row["STATUS"].upper()].append((record.timestamp, row))
            self.processed_tables(row)
            self.windows(record.timestamp, row)

    def flat_tables(self, flat):
        kind = flat["TRANSACTION_TYPE"]
        self.group("TOTAL_PAR_TRANSACTION_TYPE", (kind,), TOTAL_AMOUNT=0.0)["TOTAL_AMOUNT"] += flat["AMOUNT"]
        cycle = self.group("TRANSACTION_LIFECYCLE", (flat["TRANSACTION_ID"],), STATUS_HISTORY=[])
        cycle["STATUS_HISTORY"] = cycle["STATUS_HISTORY"] + [flat["STATUS"]]
        cycle["LAST_UPDATE_TIME"] = flat["TIMESTAMP"]

    def processed_tables(self, row):
        kind = row["TRANSACTION_TYPE"]
        total = self.group("TOTAL_DEPENSE_PAR_USER_TYPE", (row["USER_ID"], kind), TOTAL_DEPENSE_USD=0.0)
        total["TOTAL_DEPENSE_USD"] += row["AMOUNT_USD"]
        if kind == "purchase":
            self.group("PRODUCT_PURCHASE_COUNTS", (row["PRODUCT_ID"],), PURCHASE_COUNT=0)["PURCHASE_COUNT"] += 1

    def windows(self, timestamp, row):
        self.stream_time = max(self.stream_time, timestamp)
        first = max(0, timestamp - SIZE_MS + ADVANCE_MS) // ADVANCE_MS * ADVANCE_MS
        for start in range(first, timestamp + 1, ADVANCE_MS):
            if start + SIZE_MS <= self.stream_time - GRACE_MS:
                continue  # late
            window = self.group("TOTAL_PAR_TYPE_5MIN_SLIDING", (row["TRANSACTION_TYPE"], start),
                                WINDOWEND=start + SIZE_MS, TOTAL_AMOUNT_5MIN=0.0)
            window["TOTAL_AMOUNT_5MIN"] += row["AMOUNT_USD"]

    def snapshot(self, table):
        return {key: dict(row) for key, row in self.tables[table].items()}


# --- how values are written ----------------------------------------------------------------------------------------------

def java_double(x):
    """Double.toString: plain from 10^-3 to below 10^7, else d.dddE±n; at least one digit after the point."""
    sign, digits, exponent = Decimal(repr(x)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    point = len(digits) + exponent  # of 0.text × 10^point
    minus = "-" if sign else ""
    if x == 0:
        return minus + "0.0"
    if not 1e-3 <= abs(x) < 1e7:
        return f"{minus}{text[0]}.{text[1:] or '0'}E{point - 1}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    return f"{minus}{text[:point].ljust(point, '0')}.{text[point:] or '0'}"


def json_text(value):
    if isinstance(value, float):
        return java_double(value)
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def lake_values(row):
    return {name: json_text(value) for name, value in row.items()}


def line_values(line):
    """Column -> the bytes that stand for it in the line; a line that is written in any other way has none."""
    decode, values, at = json.JSONDecoder().raw_decode, {}, 1
    try:
        while line[at - 1] in "{,":
            name, end = decode(line, at)
            value_end = decode(line, end + 1)[1]
            if line[end] != ":" or name in values:
                break
            values[name] = line[end + 1:value_end]
            at = value_end + 1
    except (ValueError, IndexError):
        pass
    made = "{" + ",".join(f"{json.dumps(n)}:{v}" for n, v in values.items()) + "}"
    return values if made == line else {"line": line}


def decimal_2(x):
    return str(Decimal(repr(x)).quantize(Decimal("0.01"), ROUND_HALF_UP))


# --- where outputs are ---------------------------------------------------------------------------------------------------

# expected, found: {key: {column: text}}, in the order that counts when `ordered`.
Check = namedtuple("Check", "output place expected found ordered")


def lake_lines(directory, problems):
    lines = []
    for path in sorted(directory.iterdir()):
        if not re.fullmatch(r"\d{12}-\d+\.jsonl\.gz", path.name):
            problems.append(f"{path}: not a file of the lake's naming")
            continue
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
        if text and not text.endswith("\n"):
            problems.append(f"{path}: the last line has no end")
        lines += text.split("\n")[:-1]
    return lines


def visible(directory):
    return sorted(p.name for p in directory.iterdir() if not p.name.startswith(("_", "."))) if directory.is_dir() else []


def partition_of(timestamp):
    return utc(timestamp).strftime("year=%Y/month=%m/day=%d")


def partition_named(day):
    return day and datetime.date.fromisoformat(day).strftime("year=%Y/month=%m/day=%d")


def stream_check(lake, name, expected_rows, kept_from, problems):
    expected, numbers = {}, {}
    for timestamp, row in expected_rows:
        day = partition_of(timestamp)
        if day < kept_from:
            continue
        numbers[day] = numbers.get(day, -1) + 1
        expected[(day, numbers[day])] = lake_values(row)
    root, found = lake / "streams" / name, {}
    for year in visible(root):
        for month in visible(root / year):
            for day in visible(root / year / month):
                partition = f"{year}/{month}/{day}"
                for i, line in enumerate(lake_lines(root / partition, problems)):
                    found[(partition, i)] = line_values(line)
    # Within a partition the order counts: the number of the row is in the key.
    return Check(name, "lake", expected, found, True)


def snapshot_check(lake, name, version, rows, problems):
    found = {}
    directory = lake / "tables" / name / f"version={version}"
    for line in lake_lines(directory, problems) if directory.is_dir() else []:
        values = line_values(line)
        key = tuple(json.loads(values[k]) if k in values else None for k in KEYS[name])
        if key in found:
            problems.append(f"{directory}: key {key} twice")
        found[key] = values
    expected = {}
    for key, row in rows.items():
        columns = KEYS[name] + [c for c in row if c not in KEYS[name]]
        expected[key] = lake_values({c: row[c] for c in columns})
    return Check(name, f"lake version={version}", expected, found, False)


def metadata_check(output, kind, problems):
    """What _metadata.json says is there, and nothing else."""
    meta = json.loads((output / "_metadata.json").read_text())
    there = {}
    for path in sorted(output.rglob("*.jsonl.gz")):
        if not any(part.startswith(("_", ".")) for part in path.relative_to(output).parts):
            at = there.setdefault(str(path.parent.relative_to(output)), [0, 0])
            at[0] += gzip.decompress(path.read_bytes()).count(b"\n")
            at[1] += path.stat().st_size
    said = {p["path"]: [p["records"], p["bytes"]] for p in meta["partitions"]}
    totals = [sum(p[i] for p in there.values()) for i in (0, 1)]
    if said != there or [meta["total_records"], meta["total_bytes"]] != totals:
        problems.append(f"{output.name}: _metadata.json says {said}, there is {there}")
    if (meta["type"], meta["storage_mode"]) != kind:
        problems.append(f"{output.name}: _metadata.json: {meta['type']}, {meta['storage_mode']} instead of {kind}")


def lake_checks(lake, versions, streams, options, problems):
    for folder, names in (("streams", STREAMS), ("tables", list(KEYS))):
        if visible(lake / folder) != sorted(names):
            problems.append(f"{lake / folder}: expected {sorted(names)}, found {visible(lake / folder)}")
    for name in STREAMS:
        yield stream_check(lake, name, streams[name], options.kept_from if name != options.masked else "", problems)
        metadata_check(lake / "streams" / name, ("stream", "append"), problems)
    numbered = list(enumerate(versions, 1))[-options.versions:]
    for name in KEYS:
        there = sorted(visible(lake / "tables" / name), key=lambda v: int(v.split("=")[1]))
        metadata_check(lake / "tables" / name, ("table", "overwrite"), problems)
        if options.newest:
            yield snapshot_check(lake, name, int(there[-1].split("=")[1]), versions[-1][name], problems)
            continue
        if there != [f"version={n}" for n, _ in numbered]:
            problems.append(f"{name}: expected versions {numbered[0][0]} to {numbered[-1][0]}, found {there}")
        for n, tables in numbered:
            yield snapshot_check(lake, name, n, tables[name], problems)


def deletions_check(text, versions, streams, options, problems):
    """The log of deletions: output, partition, rows and reason of every one, and no other."""
    beyond = f"beyond the newest {options.versions} versions"
    expected = {f"tables/{name}/version={n}": (len(tables[name]), beyond)
                for n, tables in list(enumerate(versions, 1))[:-options.versions] for name in KEYS}
    for name in STREAMS:
        for day in {partition_of(t) for t, _ in streams[name]} if name != options.masked else []:
            if day < options.kept_from:
                expected[f"streams/{name}/{day}"] = (sum(partition_of(t) == day for t, _ in streams[name]), "older than")
    found = {}
    for path, rows, reason in re.findall(r"(\S+)/[\d-]+\.jsonl\.gz +([\d,]+) +\S+ \S+ +(.*)", text):
        found[path] = (int(rows.replace(",", "")), reason if reason == beyond else re.sub(r" \d+d$", "", reason))
    for path in expected.keys() | found.keys():
        if expected.get(path) != found.get(path):
            problems.append(f"the log of deletions: {path}: expected {expected.get(path)}, found {found.get(path)}")


def by_key(rows, columns, keys):
    found = {}
    for row in rows:
        values = {c: "NULL" if v is None else v if isinstance(v, str) else json_text(v) for c, v in zip(columns, row)}
        key = tuple(values[k] for k in keys)
        while key in found:
            key += ("again",)
        found[key] = values
    return found


def mysql_rows(sql):
    env = dict(os.environ, MYSQL_PWD=os.environ["MYSQL_PASSWORD"])
    command = ["mariadb", "--no-defaults", "--batch", "--raw", "-N", "--default-character-set=utf8mb4",
               "-h", os.environ["MYSQL_HOST"], "-P", os.environ["MYSQL_PORT"], "-u", os.environ["MYSQL_USER"], "tp3"]
    out = subprocess.run(command + ["-e", "SET time_zone = '+00:00'; " + sql], env=env, check=True,
                         stdout=subprocess.PIPE, encoding="utf-8").stdout
    return [line.split("\t") for line in out.splitlines()]


def compact(text):
    return json_text(json.loads(text))  # a JSON column may be written with other blanks


def warehouse_tables(tables, sink):
    """What the four tables of a warehouse hold: name -> (keys, rows). sink: mysql | sqlite."""
    mysql = sink == "mysql"
    money = decimal_2 if mysql else java_double

    def rows(name):
        return tables[name].values()

    sliding = []
    for r in rows("TOTAL_PAR_TYPE_5MIN_SLIDING"):
        if mysql:
            window = {"window_start_time": utc(r["WINDOWSTART"]).strftime("%Y-%m-%d %H:%M:%S")}
        else:
            window = {"windowstart": str(r["WINDOWSTART"]), "windowend": str(r["WINDOWEND"])}
        sliding.append({**window, "transaction_type": r["TRANSACTION_TYPE"],
                        "total_amount_5min": money(r["TOTAL_AMOUNT_5MIN"])})
    return {
        "TOTAL_DEPENSE_PAR_USER_TYPE": (["user_id", "transaction_type"], [
            {"user_id": r["USER_ID"], "transaction_type": r["TRANSACTION_TYPE"],
             "total_depense_usd": money(r["TOTAL_DEPENSE_USD"])} for r in rows("TOTAL_DEPENSE_PAR_USER_TYPE")]),
        "TRANSACTION_LIFECYCLE": (["transaction_id"], [
            {"transaction_id": r["TRANSACTION_ID"], "status_history": json_text(r["STATUS_HISTORY"]),
             "last_update_time": r["LAST_UPDATE_TIME"].rstrip("Z").replace("T", " ") if mysql else r["LAST_UPDATE_TIME"]}
            for r in rows("TRANSACTION_LIFECYCLE")]),
        "TOTAL_PAR_TYPE_5MIN_SLIDING": (
            ["window_start_time" if mysql else "windowstart", "transaction_type"], sliding),
        "PRODUCT_PURCHASE_COUNTS": (["product_id"], [
            {"product_id": r["PRODUCT_ID"], "purchase_count": str(r["PURCHASE_COUNT"])}
            for r in rows("PRODUCT_PURCHASE_COUNTS")]),
    }


def warehouse_checks(tables, sink, place, query):
    for name, (keys, rows) in warehouse_tables(tables, sink).items():
        columns = list(rows[0]) if rows else keys
        found = by_key(query(f"SELECT {', '.join(columns)} FROM {name.lower()}"), columns, keys)
        for values in found.values():
            if "status_history" in values:
                values["status_history"] = compact(values["status_history"])
        yield Check(name, place, {tuple(r[k] for k in keys): r for r in rows}, found, False)


# --- comparing -----------------------------------------------------------------------------------------------------------

def differences(check):
    """(key, column, expected, found) of everything that is not equal."""
    for key, row in check.expected.items():
        other = check.found.get(key)
        if other is None:
            yield key, "the row", row, "nothing"
        elif list(row.items()) != list(other.items()):
            columns = [c for c in dict(row, **other) if row.get(c) != other.get(c)]
            for column in columns:
                yield key, column, row.get(column, "no such column"), other.get(column, "no such column")
            if not columns:
                yield key, "the order of the columns", list(row), list(other)
    for key, row in check.found.items():
        if key not in check.expected:
            yield key, "the row", "nothing", row


def report(checks, problems):
    bad = {p.split(":")[0] for p in problems}
    for problem in problems:
        print(problem)
    for check in checks:
        wrong = list(differences(check))
        for key, column, expected, found in wrong[:SHOWN_MAX]:
            print(f"{check.output} ({check.place}), key {key}, {column}: expected {expected}, found {found}")
        if len(wrong) > SHOWN_MAX:
            print(f"{check.output} ({check.place}): {len(wrong)} differences in all")
        if not check.expected:
            print(f"{check.output} ({check.place}): nothing to compare")
        if wrong or not check.expected:
            bad.add(check.output)
    return bad


def summary(checks):
    for name in STREAMS + list(KEYS):
        mine = [c for c in checks if c.output == name]
        print(f"{name:28} " + ", ".join(f"{c.place}: {len(c.expected)}" for c in mine))


# --- the check of the check ----------------------------------------------------------------------------------------------

def spoil(text):
    """Another value of the same look: its last digit or letter is a different one."""
    for i in range(len(text) - 1, -1, -1):
        if text[i].isalnum():
            other = str((int(text[i]) + 1) % 10) if text[i].isdigit() else "b" if text[i] == "a" else "a"
            return text[:i] + other + text[i + 1:]
    return text + "x"


def spoiled(check):
    """Copies of the check with one thing wrong, and the key at which that must be seen."""
    keys = list(check.expected)
    middle = keys[len(keys) // 2]
    row = check.expected[middle]
    for column in row:
        yield middle, column, check._replace(expected={**check.expected, middle: {**row, column: spoil(row[column])}})
    yield middle, "the row", check._replace(expected={k: v for k, v in check.expected.items() if k != middle})
    extra = tuple(middle) + ("extra",)
    yield extra, "the row", check._replace(expected={**check.expected, extra: row})
    other = keys[len(keys) // 2 - 1]
    if check.ordered:
        swapped = {**check.expected, middle: check.expected[other], other: row}
        yield middle, None, check._replace(expected=swapped)


def self_test(checks):
    tried = failed = 0
    for check in checks:
        for key, column, wrong in spoiled(check):
            tried += 1
            seen = [(k, c) for k, c, _, _ in differences(wrong)]
            if column and seen == [(key, column)] or not column and any(k == key for k, _ in seen):
                continue
            failed += 1
            print(f"self-test: {check.output} ({check.place}), key {key}, {column or 'two rows swapped'}: seen {seen[:3]}")
    print(f"self-test: {tried - failed} of {tried} wrong expectations were noticed")
    return failed == 0 and tried > 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dir", type=Path, default=Path(__file__).resolve().parent / "work")
    options.add_argument("--self-test", action="store_true")
    options.add_argument("--newest", action="store_true")
    options.add_argument("--versions", type=int, default=10**9)
    options.add_argument("--kept-from", default="", metavar="DAY", type=partition_named)
    options.add_argument("--masked", default="", metavar="STREAM")
    options.add_argument("--deletions", type=Path, metavar="FILE")
    options.add_argument("backlogs", metavar="N", type=int, nargs="+")
    options = options.parse_args()
    total = sum(options.backlogs)
    if total * 1800 > GRACE_MS or min(options.backlogs) < 1:
        sys.exit("verify.py: the records must lie within a day: older windows expire")

    everything, model, versions = list(records(total)), Model(), []
    for size in options.backlogs:
        model.feed(everything[:size])
        del everything[:size]
        versions.append({name: model.snapshot(name) for name in KEYS})
    sqlite = sqlite3.connect(options.dir / "warehouse.db")
    problems = []
    checks = list(lake_checks(options.dir / "data_lake", versions, model.streams, options, problems))
    if options.deletions:
        deletions_check(options.deletions.read_text(), versions, model.streams, options, problems)
    checks += warehouse_checks(versions[-1], "sqlite", "SQLite", lambda sql: sqlite.execute(sql).fetchall())
    if os.environ.get("MYSQL_HOST"):
        checks += warehouse_checks(versions[-1], "mysql", "MariaDB", mysql_rows)
    else:
        print("MariaDB is left out: MYSQL_HOST is not set")

    summary(checks)
    bad = report(checks, problems)
    if bad:
        sys.exit(f"verify.py: differences in {', '.join(sorted(bad))}")
    if options.self_test and not self_test(checks):
        sys.exit("verify.py: the self-test failed")
    print(f"all {len(STREAMS) + len(KEYS)} outputs agree")


main()
