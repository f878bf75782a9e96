"""Formats with schemas, on a real registry and a real broker; schemas.sh says how it is run. Each function marked @case is one case.

Payloads are made here, byte by byte, from the specifications of Avro and Protobuf.
"""

import json
import os
import struct
import urllib.request

from cases import case, main
from job import KAFKA, LAKE_AND_SQLITE, Job
from tls_front import Front, certificate
from topics import all_of, committed_records

REGISTRY = os.environ["SLUICE_TEST_REGISTRY_URL"]


def register(subject, schema, kind="AVRO", references=()):
    body = {"schema": schema if isinstance(schema, str) else json.dumps(schema), "schemaType": kind,
            "references": list(references)}
    request = urllib.request.Request(f"{REGISTRY}/subjects/{subject}/versions", json.dumps(body).encode(),
                                     {"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def latest(subject):
    with urllib.request.urlopen(f"{REGISTRY}/subjects/{subject}/versions/latest") as answer:
        return json.load(answer)


def framed(schema, body):
    return struct.pack(">bI", 0, schema) + body


def varint(n):
    out = b""
    n &= (1 << 64) - 1
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def zigzag(n):
    return varint((n << 1) ^ (n >> 63))


def text(s):
    return zigzag(len(s.encode())) + s.encode()


def field(number, body):
    """A length-delimited Protobuf field."""
    body = body.encode() if isinstance(body, str) else body
    return varint(number << 3 | 2) + varint(len(body)) + body


def number(n, v):
    return varint(n << 3) + varint(v)


def schema_job(name, create, select, outputs=LAKE_AND_SQLITE, url=REGISTRY, **settings):
    job = Job(name, outputs=outputs, **settings)
    job.sql = create.replace("'TOPIC'", f"'{job.topic}'") + "\n" + select + "\n"
    job.yaml += f"schema_registry: {{ url: \"{url}\", timeout: 5s }}\n"
    job.write()
    return job


def city(name="City"):
    return {"type": "record", "name": name, "fields": [{"name": "name", "type": "string"},
                                                       {"name": "people", "type": ["null", "long"], "default": None}]}


@case
def avro_of_two_writers_becomes_columns_and_bad_bytes_dead_letters():
    job = schema_job("avro", "CREATE STREAM input (k STRING KEY) WITH (KAFKA_TOPIC='TOPIC', VALUE_FORMAT='AVRO');",
                     "CREATE STREAM out AS SELECT k, id, price, seen, place->name AS city, kind FROM input WHERE id > 0;")
    register("city", city())
    reference = [{"name": "City", "subject": "city", "version": 1}]
    fields = [{"name": "id", "type": "int"},
              {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
              {"name": "seen", "type": {"type": "long", "logicalType": "timestamp-millis"}},
              {"name": "place", "type": ["null", "City"], "default": None},
              {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["OLD", "NEW"]}}]
    record = {"type": "record", "name": "Sale", "fields": fields}
    # Second writer: other order, a wider number, a field nobody reads.
    wide = {"type": "record", "name": "Sale", "fields": [
        {"name": "note", "type": {"type": "map", "values": "string"}},
        fields[4], fields[3], {"name": "ID", "type": "int"}, fields[1]]}
    first = register(f"{job.topic}-value", wide, references=reference)
    second = register(f"{job.topic}-value", record, references=reference)
    price = zigzag(2) + (1995).to_bytes(2, "big")
    place = zigzag(1) + text("Oslo") + zigzag(1) + zigzag(700000)
    good = [("a", framed(second, zigzag(7) + price + zigzag(1700000000000) + place + zigzag(1))),
            ("b", framed(second, zigzag(8) + price + zigzag(0) + zigzag(0) + zigzag(0))),
            ("c", framed(first, zigzag(1) + text("x") + text("y") + zigzag(0) + zigzag(0) + place + zigzag(9) + price)),
            ("d", framed(second, zigzag(-1) + price + zigzag(0) + zigzag(0) + zigzag(0)))]
    bad = [b"", b"hello", framed(second, b""), good[0][1][:-1], good[0][1] + b"x", framed(999999, b"\0"),
           framed(second, zigzag(7) + zigzag(-3)), b"\0" + b"\xff" * 40]
    job.produce(*good, *bad)
    done = job.run()
    assert done["dead"] == len(bad), done
    assert job.rows(columns="k, id, price, city, kind", order="k") == [
        ("a", 7, "19.95", "Oslo", "NEW"), ("b", 8, "19.95", None, "OLD"), ("c", 9, "19.95", "Oslo", "OLD")]
    lake = sorted(job.lake(), key=lambda r: r["K"])
    assert [r["ID"] for r in lake] == [7, 8, 9] and lake[0]["SEEN"] == 1700000000000 and lake[2]["SEEN"] is None, lake
    assert [d["reason"] for d in job.dead()][5] == "schema id 999999 is not in the schema registry", job.dead()
    assert all(d["reason"] for d in job.dead())
    job.ranges(1)
    job.close()


@case
def protobuf_with_imports_nested_messages_and_keys():
    job = schema_job("proto", "CREATE STREAM input WITH (KAFKA_TOPIC='TOPIC', FORMAT='PROTOBUF', "
                     "VALUE_SCHEMA_FULL_NAME='Order');",
                     "CREATE STREAM out AS SELECT id, total, lines, labels, seen FROM input;")
    register("line.proto", 'syntax = "proto3"; package shop; message Line { string sku = 1; sint32 n = 2; }', "PROTOBUF")
    register(f"{job.topic}-key", 'syntax = "proto3"; message Key { int64 id = 1; }', "PROTOBUF")
    value = register(f"{job.topic}-value", """syntax = "proto3";
import "line.proto";
import "google/protobuf/timestamp.proto";
message Other { string x = 1; }
message Order {
  double total = 1;
  repeated shop.Line lines = 2;
  map<string, int32> labels = 3;
  google.protobuf.Timestamp seen = 4;
}
""", "PROTOBUF", [{"name": "line.proto", "subject": "line.proto", "version": 1}])
    key = latest(f"{job.topic}-key")["id"]
    second = zigzag(1) + zigzag(1)  # one index: message 1
    body = (varint(1 << 3 | 1) + struct.pack("<d", 12.5) + field(2, field(1, "a") + number(2, 3)) +
            field(99, "unknown") + field(2, field(1, "b")) + field(3, field(1, "k") + number(2, 5)) +
            field(4, number(1, 1700000000) + number(2, 5000000)))
    job.produce((framed(key, b"\0" + number(1, 7)), framed(value, second + body)),
                (framed(key, b"\0"), framed(value, second)),
                (framed(key, b"\0" + number(1, 9)), framed(value, second + b"\x12\x7f")),
                (framed(key, b"\0" + number(1, 9)), framed(value, zigzag(1) + zigzag(5))))
    done = job.run()
    assert done["dead"] == 2, done
    assert sorted(job.lake(), key=lambda r: -r["ID"]) == [
        {"ID": 7, "TOTAL": 12.5, "LINES": [{"SKU": "a", "N": -2}, {"SKU": "b", "N": 0}], "LABELS": {"k": 5},
         "SEEN": 1700000000005},
        {"ID": 0, "TOTAL": 0.0, "LINES": [], "LABELS": {}, "SEEN": None}], job.lake()
    assert job.rows(columns="id, total", order="id") == [(0, 0.0), (7, 12.5)]
    job.close()


@case
def json_with_a_schema_is_read_by_its_text():
    job = schema_job("jsonsr", "CREATE STREAM input WITH (KAFKA_TOPIC='TOPIC', VALUE_FORMAT='JSON_SR');",
                     "CREATE STREAM out AS SELECT id, name FROM input;")
    schema = register(f"{job.topic}-value", {"type": "object", "properties": {
        "id": {"type": "integer", "connect.index": 1}, "name": {"oneOf": [{"type": "null"}, {"type": "string"}],
                                                               "connect.index": 0}}}, "JSON")
    job.produce(framed(schema, b'{"id": 5, "name": "x"}'), framed(schema, b'{"id": '), b'{"id": 5}',
                framed(schema, b'{"id": 6}'))
    assert job.run()["dead"] == 2
    assert job.rows(columns="id, name", order="id") == [(5, "x"), (6, None)]
    job.close()


@case
def a_registry_that_is_down_stops_the_run_and_loses_nothing():
    job = schema_job("down", "CREATE STREAM input (id INT) WITH (KAFKA_TOPIC='TOPIC', VALUE_FORMAT='AVRO');",
                     "CREATE STREAM out AS SELECT id FROM input;", url="http://127.0.0.1:9")
    schema = register(f"{job.topic}-value", {"type": "record", "name": "R", "fields": [{"name": "id", "type": "int"}]})
    job.produce(*(framed(schema, zigzag(i)) for i in range(100)))
    job.fails(4, "schema registry http://127.0.0.1:9", f"topic {job.topic}")
    assert not job.lake()
    job.configure("http://127.0.0.1:9", REGISTRY)
    done = job.run()
    assert done["dead"] == 0 and done["lake_rows"] == 100, done
    assert job.rows(columns="id", order="id") == [(i,) for i in range(100)]
    job.configure("(id INT) ", "")  # columns that only the registry knows
    job.configure(REGISTRY, "http://127.0.0.1:9")
    job.fails(4, "schema registry http://127.0.0.1:9")
    job.close()


@case
def a_registry_behind_tls_gets_certificate_and_password_and_its_own_is_checked():
    job = schema_job("tls", "CREATE STREAM input WITH (KAFKA_TOPIC='TOPIC', VALUE_FORMAT='AVRO');",
                     "CREATE STREAM out AS SELECT id FROM input;")
    schema = register(f"{job.topic}-value", {"type": "record", "name": "R", "fields": [{"name": "id", "type": "int"}]})
    job.produce(*(framed(schema, zigzag(i)) for i in range(10)))
    front = Front(job.dir, REGISTRY, "reader", "pass:word 1")
    certificate(job.dir, "other", subject="/CN=another authority")
    full = ("user: reader, password: \"pass:word 1\", ca_file: ca.pem, cert_file: client.pem, key_file: client.key, "
            "timeout: 5s")
    plain = f"schema_registry: {{ url: \"{REGISTRY}\", timeout: 5s }}"

    def registry(settings, host="127.0.0.1"):
        return f"schema_registry: {{ url: \"https://{host}:{front.port}\", {settings} }}"
    now = plain
    for settings, code, words in (
            (full.replace("ca.pem", "other.pem"), 3, ["certificate"]),
            (full.replace("ca_file: ca.pem, ", ""), 3, ["certificate"]),
            (full.replace("cert_file: client.pem, key_file: client.key, ", ""), 4, [str(front.port)]),
            (full.replace("word 1", "word 2"), 3, ["401"])):
        job.configure(now, now := registry(settings))
        message = job.fails(code, *words)
        assert "pass:word" not in message, message
    job.configure(now, now := registry(full, "localhost"))  # the certificate is 127.0.0.1's
    job.fails(3, "localhost")
    assert not job.lake() and front.refused
    job.configure(now, now := registry(full))
    assert job.run()["records"] == 10
    assert sorted(r["ID"] for r in job.lake()) == list(range(10))
    assert "pass:word" not in job.printed
    job.configure(now, registry(full.replace("ca.pem", "other.pem") + ", verify: false"))
    job.produce(framed(schema, zigzag(10)))
    assert job.run()["records"] == 1
    front.close()
    job.close()


@case
def a_schema_that_does_not_exist_is_told_where_the_statement_stands():
    job = schema_job("none", "CREATE STREAM input WITH (KAFKA_TOPIC='TOPIC', VALUE_FORMAT='AVRO');",
                     "CREATE STREAM out AS SELECT 1 AS x FROM input;")
    job.fails(3, "t.sql:1:15", f"Schema for message values on topic '{job.topic}' does not exist")
    job.close()


@case
def topics_are_written_with_schemas_that_the_registry_takes():
    out = f"out-{os.getpid()}"
    for name, create in (("avro", "VALUE_FORMAT='AVRO'"), ("protobuf", "VALUE_FORMAT='PROTOBUF'"),
                         ("json", "VALUE_FORMAT='JSON_SR'")):
        job = Job("write" + name, columns="id INT, name STRING, price DECIMAL(6,2), tags ARRAY<STRING>", lake="",
                  outputs=f"OUT: {{ topic: {{ name: {out}-{name} }} }}",
                  select=f"CREATE STREAM out WITH ({create}) AS SELECT id, name, price, tags FROM input;")
        job.yaml += f"schema_registry: {{ url: \"{REGISTRY}\" }}\n"
        job.write()
        job.sluice("job", "check", "j")
        job.produce('{"id":1,"name":"x","price":1.50,"tags":["a"]}', '{"id":2}')
        job.run()
        (_, one, _), (_, two, _) = all_of(committed_records(f"{out}-{name}"))
        schema = latest(f"{out}-{name}-value")
        assert one[:5] == two[:5] == struct.pack(">bI", 0, schema["id"]), (one, schema)
        if name == "avro":
            fields = json.loads(schema["schema"])["fields"]
            assert [f["name"] for f in fields] == ["ID", "NAME", "PRICE", "TAGS"], fields
            some = zigzag(1)
            assert one[5:] == (some + zigzag(1) + some + text("x") + some + zigzag(2) + b"\x00\x96" +
                               some + zigzag(1) + some + text("a") + zigzag(0)), one
            assert two[5:] == some + zigzag(2) + zigzag(0) * 3, two
        elif name == "protobuf":
            assert "confluent.type.Decimal PRICE = 3" in schema["schema"], schema
            assert one[5:] == (b"\0" + number(1, 1) + field(2, "x") +
                               field(3, field(1, b"\x00\x96") + number(2, 6) + number(3, 2)) + field(4, "a")), one
            assert two[5:] == b"\0" + number(1, 2), two
        else:
            assert json.loads(one[5:]) == {"ID": 1, "NAME": "x", "PRICE": 1.5, "TAGS": ["a"]}, one
        job.close()


if __name__ == "__main__":
    main()
