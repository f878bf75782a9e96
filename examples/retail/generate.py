"""The shop's change data, made from a seed: generate.py DIR [--sales FIRST COUNT].

Writes one file a topic, one record a line: {"key": text, "value": {"payload": row}}. Without --sales everything, with it only
COUNT more sales from id FIRST on, for a shop that goes on selling. Standard library only.
"""

import argparse
import json
import random
from datetime import datetime, timedelta
from pathlib import Path

PRODUCTS = [("Phone A", "Electronics", "Smartphones", 15000000, 5), ("Phone B", "Electronics", "Smartphones", 20000000, 5),
            ("Laptop", "Electronics", "Computers", 150000000, 7), ("Refrigerator", "Home", "Kitchen", 8999999, 12),
            ("Rice cooker", "Home", "Kitchen", 700000, 15), ("Sofa", "Home", "Furniture", 12500000, 20),
            ("Shoes", "Fashion", "Footwear", 1250000, 30), ("Jacket", "Fashion", "Clothing", 990001, 33)]
PROMOTIONS = [("2025-01-01", "New Year", 5), ("2025-02-14", "Valentine's Day", 7), ("2025-03-31", "Lebaran", 15),
              ("2025-05-01", "Labour Day", 3), ("2025-08-17", "Independence Day", 17), ("2025-11-11", "11.11", 11),
              ("2025-12-12", "12.12", 12), ("2025-12-25", "Christmas", 10)]
BRANCHES, CUSTOMERS, EMPLOYEES, SALES = 12, 40, 60, 3000
SECONDS = 365 * 86400


def text(when):
    return when.strftime("%Y-%m-%d %H:%M:%S")


def sale(number):
    """The sale with this id, whatever else was made before it."""
    r = random.Random(f"sale {number}")
    promotion = r.random() < 0.2
    when = (datetime.fromisoformat(r.choice(PROMOTIONS)[0]) + timedelta(seconds=r.randrange(86400)) if promotion
            else datetime(2025, 1, 1) + timedelta(seconds=r.randrange(SECONDS)))
    online, done = r.random() < 0.5, r.random() < 0.9
    payment = r.choices([1, 2, 3], [5, 90, 5])[0] if done else None
    shipping = r.choices([1, 2, 3], [5, 90, 5])[0] if payment == 2 and online else None
    fee = r.randint(12002, 49985) if online else 0
    return {"id": number, "product_id": r.randint(1, len(PRODUCTS)), "customer_id": r.randint(1, CUSTOMERS),
            "branch_id": r.randint(1, BRANCHES), "quantity": r.randint(1, 10), "payment_method": r.randint(1, 4),
            "order_date": text(when), "order_status": 2 if done else 1,
            "payment_status": payment and float(payment), "shipping_status": shipping and float(shipping),
            "is_online_transaction": online, "delivery_fee": fee, "is_free_delivery_fee": r.random() < 0.3 if online else None,
            "created_at": text(when), "modified_at": None}


def dimensions():
    r = random.Random("retail")
    made = "2025-03-03 01:39:25"
    yield "tbl_product", "id", [
        {"id": i, "product_name": name, "category": category, "sub_category": sub, "price": price, "profit": profit, "stock": r.randint(1, 50),
         "created_time": made, "modified_time": None} for i, (name, category, sub, price, profit) in enumerate(PRODUCTS, 1)]
    yield "tbl_promotions", "id", [{"id": i, "event_name": f"{name} ({day})", "disc": disc, "time": day, "created_at": made}
                                   for i, (day, name, disc) in enumerate(PROMOTIONS, 1)]
    yield "tbl_branch", "id", [
        {"id": i, "name": f"Branch {chr(64 + i)} \"{i}\"", "location": "City", "address": f"{i} Main Street\nCity, {10000 + i}",
         "email": f"b{i}@example.net", "phone": f"+62-{i:04}", "created_time": made, "modified_time": None} for i in range(1, BRANCHES + 1)]
    yield "tbl_customers", "id", [
        {"id": i, "name": f"Customer {i}", "address": "", "phone": f"({i})", "email": None, "created_at": made, "modified_at": made}
        for i in range(1, CUSTOMERS + 1)]
    yield "tbl_employee", "id", [
        {"id": i, "branch_id": r.randint(1, BRANCHES), "name": f"Employee {i}", "salary": r.randint(300000000, 5000000000) / 100,
         "active": r.random() < 0.8, "address": f"Street {i}\nCity", "email": f"e{i}@example.org", "created_at": made}
        for i in range(1, EMPLOYEES + 1)]


def write(folder, table, key, rows, mode):
    with open(Path(folder) / f"table.public.{table}.jsonl", mode, encoding="utf-8") as out:
        for row in rows:
            print(json.dumps({"key": str(row[key]), "value": {"payload": row}}, ensure_ascii=False), file=out)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("folder")
    options.add_argument("--sales", nargs=2, type=int, metavar=("FIRST", "COUNT"))
    given = options.parse_args()
    Path(given.folder).mkdir(parents=True, exist_ok=True)
    first, count = given.sales or (1, SALES)
    if not given.sales:
        for table, key, rows in dimensions():
            write(given.folder, table, key, rows, "w")
    write(given.folder, "tbl_sales", "id", [sale(n) for n in range(first, first + count)], "w")


main()
