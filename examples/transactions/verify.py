#!/usr/bin/env python3
"""verify.py COUNT [DIR] : are all outputs of the example what they must be after the first COUNT records?

Makes the input again from its definition (SplitMix64, seed 42), computes every stream and table with nothing but the Python
standard library, and compares with the lake and SQLite below DIR (default: work beside this file) and, when MYSQL_HOST is set,
with MariaDB through its client. Prints differences; exit status 1 when there is one.
"""
import collections
import datetime
import decimal
import gzip
import json
import os
import re
import sqlite3
import subprocess
import sys

MASK64 = (1 << 64) - 1
START = 1761638400000  # 2025-10-28T08:00:00Z
EPOCH = datetime.datetime(1970, 1, 1)
NAMES = "Smith Johnson Williams Brown Jones Garcia Liam Olivia Noah Emma Sofia Zoey Ethan Nguyen Lee Hall".split()
CURRENCIES = "USD EUR GBP CAD JPY AUD".split()
TYPES = "purchase refund payment withdrawal".split()
STATUSES = "completed pending failed processing cancelled".split()
METHODS = "credit_card paypal bank_transfer apple_pay google_pay cryptocurrency".split()
CATEGORIES = "electronics clothing books home_goods food".split()
SYSTEMS = "Windows MacOS Linux Android iOS".split()
BROWSERS = "Chrome Firefox Safari Edge".split()
PLACES = [
    ("USA", "New York,Los Angeles,Chicago,Houston,Phoenix"),
    ("Canada", "Toronto,Montreal,Vancouver,Calgary,Ottawa"),
    ("UK", "London,Birmingham,Manchester,Glasgow,Liverpool"),
    ("Germany", "Berlin,Hamburg,Munich,Cologne,Frankfurt"),
    ("France", "Paris,Marseille,Lyon,Toulouse,Nice"),
    ("Japan", "Tokyo,Osaka,Kyoto,Yokohama,Nagoya"),
    ("Australia", "Sydney,Melbourne,Brisbane,Perth,Adelaide"),
    ("Brazil", "São Paulo,Rio de Janeiro,Brasília,Salvador,Fortaleza"),
    ("India", "Mumbai,Delhi,Bangalore,Hyderabad,Chennai"),
    ("China", "Shanghai,Beijing,Guangzhou,Shenzhen,Hangzhou"),
]
RATES = {"USD": 1.0, "EUR": 1.08, "CAD": 0.75, "JPY": 0.007, "AUD": 0.66, "GBP": 1.25}
BLACKLIST = {("Glasgow", "UK"), ("Shenzhen", "China"), ("Berlin", "Germany")}
MASKED = ("USER_ID", "USER_NAME", "SHIPPING_STREET", "SHIPPING_ZIP", "DEVICE_IP")


def random64(seed):
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & MASK64
        z = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        yield z ^ (z >> 31)


def generate(count, seed=42):
    """(record timestamp, row of TRANSACTIONS_FLAT) of records 0 … count-1: the topic in the order of its timestamps."""
    draw = random64(seed)

    def between(low, high):
        return low + next(draw) % (high - low + 1)

    def pick(values):
        return values[between(0, len(values) - 1)]

    ids = []
    for i in range(count):
        u = next(draw)
        if i % 10 == 9:
            transaction = ids[u % len(ids)]
        else:
            transaction = f"TXN-{u >> 32:08x}"
            ids.append(transaction)
        back, micros = between(0, 2592000), next(draw) % 10**6
        at = EPOCH + datetime.timedelta(milliseconds=START - back * 1000, microseconds=micros)
        r = {"TRANSACTION_ID": transaction, "TIMESTAMP": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        r["USER_ID"] = f"USER-{between(1000, 9999)}"
        r["USER_NAME"] = pick(NAMES)
        r["PRODUCT_ID"] = f"PROD-{between(100, 999)}"
        cents = between(1000, 100000)
        r["AMOUNT"] = cents / 100
        r["CURRENCY"] = pick(CURRENCIES)
        r["TRANSACTION_TYPE"] = pick(TYPES)
        r["STATUS"] = pick(STATUSES)
        country, cities = pick(PLACES)
        city = pick(cities.split(","))
        r["LOCATION_CITY"], r["LOCATION_COUNTRY"] = city, country
        r["PAYMENT_METHOD"] = pick(METHODS)
        r["PRODUCT_CATEGORY"] = pick(CATEGORIES)
        r["QUANTITY"] = between(1, 10)
        r["SHIPPING_STREET"] = f"{between(100, 999)} Main St"
        r["SHIPPING_ZIP"] = str(between(10000, 99999))
        r["SHIPPING_CITY"], r["SHIPPING_COUNTRY"] = city, country
        r["DEVICE_OS"] = pick(SYSTEMS)
        r["DEVICE_BROWSER"] = pick(BROWSERS)
        r["DEVICE_IP"] = ".".join(str(between(1, 255)) for _ in range(4))
        rating, keep = between(1, 5), next(draw) & 1
        r["CUSTOMER_RATING"] = rating if keep else None
        discount, keep = between(100, 999), next(draw) & 1
        r["DISCOUNT_CODE"] = f"DISCOUNT-{discount}" if keep else None
        permille = between(50, 200)
        r["TAX_AMOUNT"] = cents * permille // 1000 / 100 if r["STATUS"] == "completed" else 0.0
        yield START + 1800 * i, r


def mask(text):
    return re.sub("[^Xxn]", "-", re.sub("[0-9]", "n", re.sub("[a-z]", "x", re.sub("[A-Z]", "X", text))))


def process(row):
    out = {}
    for name, value in row.items():
        if name == "AMOUNT":
            out["AMOUNT_USD"] = value * RATES[row["CURRENCY"]]
        elif name != "TAX_AMOUNT":
            out[name] = mask(value) if name in MASKED else value
    return out


def expected(count):
    """Streams: name -> [(day, row)]; tables: name -> {key columns: row}."""
    streams, tables = collections.defaultdict(list), collections.defaultdict(dict)

    def add(table, key, column, amount):
        row = tables[table].setdefault(tuple(key.values()), {**key, column: 0})
        row[column] = row[column] + amount

    for timestamp, flat in generate(count):
        day = (EPOCH + datetime.timedelta(milliseconds=timestamp)).strftime("year=%Y/month=%m/day=%d")
        kind = {"TRANSACTION_TYPE": flat["TRANSACTION_TYPE"]}
        streams["TRANSACTIONS_FLAT"].append((day, flat))
        add("TOTAL_PAR_TRANSACTION_TYPE", kind, "TOTAL_AMOUNT", flat["AMOUNT"])
        life = tables["TRANSACTION_LIFECYCLE"].setdefault(
            (flat["TRANSACTION_ID"],), {"TRANSACTION_ID": flat["TRANSACTION_ID"], "STATUS_HISTORY": []})
        life["STATUS_HISTORY"].append(flat["STATUS"])
        life["LAST_UPDATE_TIME"] = flat["TIMESTAMP"]
        if (flat["LOCATION_CITY"], flat["LOCATION_COUNTRY"]) in BLACKLIST:
            streams["TRANSACTIONS_BLACKLISTED"].append((day, flat))
            continue
        row = process(flat)
        streams["TRANSACTIONS_PROCESSED"].append((day, row))
        streams["TRANSACTIONS_" + row["STATUS"].upper()].append((day, row))
        add("TOTAL_DEPENSE_PAR_USER_TYPE", {"USER_ID": row["USER_ID"], **kind}, "TOTAL_DEPENSE_USD", row["AMOUNT_USD"])
        if row["TRANSACTION_TYPE"] == "purchase":
            add("PRODUCT_PURCHASE_COUNTS", {"PRODUCT_ID": row["PRODUCT_ID"]}, "PURCHASE_COUNT", 1)
        # Every window of 5 minutes, one beginning each minute of the epoch, that holds this timestamp.
        for start in range(timestamp // 60000 * 60000, timestamp - 300000, -60000):
            key = {**kind, "WINDOWSTART": start, "WINDOWEND": start + 300000}
            add("TOTAL_PAR_TYPE_5MIN_SLIDING", key, "TOTAL_AMOUNT_5MIN", row["AMOUNT_USD"])
    return streams, tables


class Report:
    def __init__(self):
        self.checks = self.differences = 0

    def compare(self, what, got, want):
        """Lists of rows; equal in order, names, order of names, types and values."""
        self.checks += 1
        if [list(r.items()) for r in got] == [list(r.items()) for r in want]:
            print(f"ok   {what}: {len(want)} rows")
            return
        self.differences += 1
        print(f"DIFF {what}: {len(got)} rows, expected {len(want)}")
        for i in range(max(len(got), len(want))):
            g, w = (x[i] if i < len(x) else None for x in (got, want))
            if g is None or w is None or list(g.items()) != list(w.items()):
                print(f"     first difference at row {i}\n       got      {g}\n       expected {w}")
                return


def read_rows(folder):
    rows = []
    for name in sorted(os.listdir(folder)):
        if name[0] not in "._":
            with gzip.open(os.path.join(folder, name), "rt", encoding="utf-8") as f:
                rows += [json.loads(line) for line in f]
    return rows


def check_lake(report, root, streams, tables):
    for name, rows in sorted(streams.items()):
        base, days = os.path.join(root, "streams", name), collections.defaultdict(list)
        for day, row in rows:
            days[day].append(row)
        found = {os.path.relpath(path, base) for path, _, files in os.walk(base)
                 if any(f[0] not in "._" for f in files)}
        for day in sorted(found | set(days)):
            path = os.path.join(base, day)
            report.compare(f"lake {name}/{day}", read_rows(path) if os.path.isdir(path) else [], days[day])
    for name, rows in sorted(tables.items()):
        base = os.path.join(root, "tables", name)
        versions = [d for d in os.listdir(base) if d.startswith("version=")] if os.path.isdir(base) else []
        got = []
        if versions:
            newest = max(versions, key=lambda d: int(d.split("=")[1]))
            got = sorted(read_rows(os.path.join(base, newest)), key=lambda r: json.dumps(r, sort_keys=True))
        report.compare(f"lake {name} newest version", got,
                       sorted(rows.values(), key=lambda r: json.dumps(r, sort_keys=True)))


def cents(value):
    """A DOUBLE in a DECIMAL(15,2) column: rounded half up."""
    return str(decimal.Decimal(repr(value)).quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_UP))


def time_text(milliseconds):
    return (EPOCH + datetime.timedelta(milliseconds=milliseconds)).strftime("%Y-%m-%d %H:%M:%S")


def warehouse_rows(table, row):
    """The row as the columns of the MariaDB table hold it."""
    r = {name.lower(): value for name, value in row.items()}
    if table == "TOTAL_PAR_TYPE_5MIN_SLIDING":
        r = {"window_start_time": time_text(r["windowstart"]), "transaction_type": r["transaction_type"],
             "total_amount_5min": cents(r["total_amount_5min"])}
    elif table == "TOTAL_DEPENSE_PAR_USER_TYPE":
        r["total_depense_usd"] = cents(r["total_depense_usd"])
    elif table == "PRODUCT_PURCHASE_COUNTS":
        r["purchase_count"] = str(r["purchase_count"])
    elif table == "TRANSACTION_LIFECYCLE":
        r["last_update_time"] = r["last_update_time"].rstrip("Z").replace("T", " ")
    return r


def mariadb(query):
    env = {**os.environ, "MYSQL_PWD": os.environ["MYSQL_PASSWORD"]}
    out = subprocess.run(
        ["mariadb", "--no-defaults", "-N", "-B", "--raw", "-h", os.environ["MYSQL_HOST"], "-P", os.environ["MYSQL_PORT"],
         "-u", os.environ["MYSQL_USER"], "--default-character-set=utf8mb4", "tp3", "-e", "SET time_zone = '+00:00'; " + query],
        env=env, check=True, capture_output=True, text=True, encoding="utf-8")
    return [line.split("\t") for line in out.stdout.splitlines()]


def check_mariadb(report, tables):
    for name, rows in sorted(tables.items()):
        if name == "TOTAL_PAR_TRANSACTION_TYPE":
            continue  # in the lake only
        want = [warehouse_rows(name, row) for row in rows.values()]
        columns = list(want[0])
        got = [dict(zip(columns, values)) for values in mariadb(f"SELECT {', '.join(columns)} FROM {name.lower()}")]
        for r in got:
            if "status_history" in r:
                r["status_history"] = json.loads(r["status_history"])
        order = {"key": lambda r: json.dumps(r, sort_keys=True)}
        report.compare(f"mariadb {name.lower()}", sorted(got, **order), sorted(want, **order))


def check_sqlite(report, path, tables):
    db = sqlite3.connect(path)
    for name, rows in sorted(tables.items()):
        if name == "TOTAL_PAR_TRANSACTION_TYPE":
            continue
        want = [{column.lower(): value for column, value in row.items()} for row in rows.values()]
        columns = list(want[0])
        got = [dict(zip(columns, values)) for values in db.execute(f"SELECT {', '.join(columns)} FROM {name.lower()}")]
        for r in got:
            if "status_history" in r:
                r["status_history"] = json.loads(r["status_history"])
        order = {"key": lambda r: json.dumps(r, sort_keys=True)}
        report.compare(f"sqlite {name.lower()}", sorted(got, **order), sorted(want, **order))
    db.close()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    work = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "work")
    streams, tables = expected(int(sys.argv[1]))
    report = Report()
    check_lake(report, os.path.join(work, "data_lake"), streams, tables)
    check_sqlite(report, os.path.join(work, "warehouse.db"), tables)
    if os.environ.get("MYSQL_HOST"):
        check_mariadb(report, tables)
    print(f"{report.checks} comparisons, {report.differences} differences")
    sys.exit(report.differences > 0)


if __name__ == "__main__":
    main()
