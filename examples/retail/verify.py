"""Computes every output of the example from the records that were produced, by other means, and compares: verify.py FOLDER…

Each folder has files as generate.py writes them, in the order in which they were produced. Read from PostgreSQL (psql) and from the lake
(sluice lake cat). Standard library only.
"""

import csv
import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
SLUICE = os.environ.get("SLUICE_BIN", str(HERE.parents[1] / "sluice"))
CENT = Decimal("0.01")


def records(folders, table):
    """Rows in order; numbers with a fraction as exact decimals."""
    for folder in folders:
        path = Path(folder) / f"table.public.{table}.jsonl"
        if path.exists():
            for line in path.open(encoding="utf-8"):
                yield json.loads(line, parse_float=Decimal)["value"]["payload"]


def int32(value):
    """As INT arithmetic leaves it: 32 bits, two's complement."""
    return (value + 2**31) % 2**32 - 2**31


def over(value, divisor):
    """INT division truncates towards zero."""
    return abs(value) // divisor * (1 if value >= 0 else -1)


def whole(value):
    return None if value is None else int32(int(value))


def text(value):
    return {True: "true", False: "false"}.get(value) if isinstance(value, bool) else value


def facts(folders):
    products = {r["id"]: r for r in records(folders, "tbl_product")}
    promotions = {r["time"]: r for r in records(folders, "tbl_promotions")}
    for s in records(folders, "tbl_sales"):
        if not (s["order_status"] == 2 and s["payment_status"] == 2 and s["shipping_status"] in (2, None)):
            continue
        f = {k: whole(v) if k.endswith("status") else text(v) for k, v in s.items()}
        product, promotion = products[s["product_id"]], promotions.get(s["order_date"][:10])
        f |= {"product_name": product["product_name"], "product_category": product["category"],
              "sub_category_product": product["sub_category"], "price": product["price"],
              "disc": promotion and promotion["disc"], "disc_name": promotion and promotion["event_name"]}
        full = int32(f["price"] * f["quantity"])
        f["amount"] = full if f["disc"] is None else int32(full - over(int32(full * f["disc"]), 100))
        yield f


def ledger(f):
    """The entries of one sale."""
    def entry(kind, description, amount):
        return {"sales_id": f["id"], "type": kind, "branch_id": f["branch_id"], "employee_id": None, "description": description,
                "date": f["order_date"], "amount": amount}
    sold = f"{f['product_name']} sales of {f['quantity']}"
    if f["is_online_transaction"] == "false":
        yield entry("income", sold, f["amount"])
    if f["is_online_transaction"] == "true":
        yield entry("income", sold, int32(f["price"] * f["quantity"]))
    if f["is_free_delivery_fee"] == "true":
        yield entry("outcome", "Outcome Delivery", f["delivery_fee"])
    if f["disc"] is not None:
        discount = (Decimal(f["price"]) * f["quantity"] * f["disc"] / 100).quantize(CENT, ROUND_HALF_UP)
        yield entry("outcome", f"Outcome Discount {f['disc_name']}", int(discount))


def total(rows, key, value, wrap=False):
    sums = defaultdict(int)
    for row in rows:
        sums[key(row)] += value(row)
        if wrap:
            sums[key(row)] = int32(sums[key(row)])
    return dict(sums)


def finance(kind, of_fact, of_entry, sold, entries, profit):
    """The seven tables of one folder: name -> {key: columns}."""
    def money(rows, key, value):
        return {k: Decimal(v).quantize(CENT) for k, v in total(rows, key, value).items()}
    gmv = money(sold, of_fact, lambda f: int32(f["quantity"] * f["price"]))
    gross = money(sold, of_fact, lambda f: int32(over(int32(f["price"] * profit[f["product_id"]]), 100) * f["quantity"]))
    outcome = money([t for t in entries if t["type"] == "outcome"], of_entry, lambda t: t["amount"])
    revenue = money([t for t in entries if t["type"] == "income"], of_entry, lambda t: t["amount"])
    units = total(sold, of_fact, lambda f: f["quantity"], wrap=True)
    keys = outcome if kind == "branch" else gross
    net = {k: None if None in (gross.get(k), outcome.get(k)) else gross[k] - outcome[k] for k in keys}
    parts = {"unit_sold": units, "gmv": gmv, "outcome": outcome, "revenue": revenue, "gross_profit": gross,
             "net_profit" if kind == "branch" else "nett_profit": net}
    if kind == "branch":
        del parts["unit_sold"]
    end, key = f"{kind}_finance_performance", {"branch": "name", "daily": "date", "monthly": "month"}[kind]
    single = {"gmv": gmv, "gross_profit": gross, "outcome": outcome, "net_profit": net, "revenue": revenue}
    tables = {f"{name}_{end}": [{key: k, "amount": v} for k, v in rows.items()] for name, rows in single.items()}
    tables[f"uss_{end}"] = [{key: k, "unit_sold": v} for k, v in units.items()]
    tables[end] = [{key: k} | {name: rows.get(k) for name, rows in parts.items()} for k in units]
    return tables


def expected(folders):
    branch = {r["id"]: r["name"] for r in records(folders, "tbl_branch")}
    profit = {r["id"]: r["profit"] for r in records(folders, "tbl_product")}
    sold = list(facts(folders))
    entries = [t for f in sold for t in ledger(f)]

    def month(date):
        return date[:8] + "01"

    def rows(names, key, **sums):
        """GROUP BY key with sums of columns; `wrap` ones are INT."""
        columns = {name: total(sold, key, lambda f, c=column: f[c], wrap) for name, (column, wrap) in sums.items()}
        return [dict(zip(names, k)) | {name: c[k] for name, c in columns.items()} for k in next(iter(columns.values()))]

    tables = {
        "fact_sales": sold, "sum_transactions": entries,
        "fact_employee": [{"id": r["id"], "branch_id": r["branch_id"], "name": r["name"], "salary": whole(r["salary"])}
                          for r in records(folders, "tbl_employee") if r["active"]],
        "product_performance": rows(["product_id", "product_name"], lambda f: (f["product_id"], f["product_name"]), sum=("quantity", True)),
        "monthly_product_performance": rows(["product_id", "product_name", "month"], lambda f: (
            f["product_id"], f["product_name"], month(f["order_date"])), sum=("quantity", True)),
        "branch_performance": rows(["branch_id", "branch_name"], lambda f: (f["branch_id"], branch[f["branch_id"]]),
                                   total_sales=("quantity", True), amount=("amount", False)),
        "monthly_branch_performance": rows(["branch_id", "branch_name", "month"], lambda f: (
            f["branch_id"], branch[f["branch_id"]], month(f["order_date"])), total_sales=("quantity", True), amount=("amount", False))}
    by = {"branch": (lambda f: branch[f["branch_id"]], lambda t: branch[t["branch_id"]]),
          "daily": (lambda f: f["order_date"][:10], lambda t: t["date"][:10]),
          "monthly": (lambda f: month(f["order_date"]), lambda t: month(t["date"]))}
    for kind, (of_fact, of_entry) in by.items():
        tables |= finance(kind, of_fact, of_entry, sold, entries, profit)
    return tables


def canonical(rows):
    """As text, in any order: 12.50 and "12.50" are the same, NULL is not the empty string."""
    return sorted(json.dumps({k.lower(): None if v is None else str(v) for k, v in r.items()}, sort_keys=True) for r in rows)


def in_postgres(table, columns):
    copy = f"COPY (SELECT {', '.join(columns)} FROM {table}) TO STDOUT (FORMAT csv, NULL '\\N')"
    env = dict(os.environ, PGPASSWORD=os.environ["POSTGRES_PASSWORD"])
    out = subprocess.run(["psql", "-X", "-q", "-h", os.environ["POSTGRES_HOST"], "-p", os.environ["POSTGRES_PORT"], "-U",
                          os.environ["POSTGRES_USER"], "-d", "retail", "-c", copy], env=env, check=True, capture_output=True, text=True)
    return [{c: None if v == "\\N" else v for c, v in zip(columns, row)} for row in csv.reader(io.StringIO(out.stdout))]


def in_lake(table, hive):
    """hive: the column that is in the path, not in the rows."""
    out = subprocess.run([SLUICE, "-c", str(HERE / "sluice.yaml"), "lake", "cat", table.upper()], check=True, capture_output=True, text=True)
    rows = [json.loads(line, parse_float=Decimal) for line in out.stdout.splitlines()]
    return [{k: v for k, v in r.items() if k.lower() != hive} for r in rows]


def main():
    wrong = 0
    hive = {"fact_sales": "product_category", "fact_employee": "branch_id", "sum_transactions": "type"}
    tables = expected(sys.argv[1:])
    for table, rows in tables.items():
        columns = list(rows[0])
        found = {"PostgreSQL": (canonical(in_postgres(table, columns)), canonical(rows)),
                 "the lake": (canonical(in_lake(table, hive.get(table))),
                              canonical([{k: v for k, v in r.items() if k != hive.get(table)} for r in rows]))}
        for place, (got, want) in found.items():
            if got != want:
                wrong += 1
                differ = sorted(set(want) ^ set(got))[:4]
                print(f"{table} in {place}: {len(got)} rows, {len(want)} expected; {len(set(want) ^ set(got))} differ, as {differ}")
    wraps = sum(f["amount"] != f["price"] * f["quantity"] - f["price"] * f["quantity"] * (f["disc"] or 0) // 100 for f in tables["fact_sales"])
    print(f"{len(tables)} outputs, {sum(map(len, tables.values()))} rows, {wraps} amounts that INT arithmetic wrapped: "
          f"{'all as expected' if not wrong else f'{wrong} WRONG'}")
    return 1 if wrong else 0


sys.exit(main())
