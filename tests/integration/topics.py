"""What the program writes to topics, on a real broker; topics.sh says how it is run. Each function marked @case is one case."""

import functools
import subprocess

from cases import case, main
import kafka
from job import BOOTSTRAP, KAFKA, Job

committed_records = functools.partial(kafka.committed_records, BOOTSTRAP)
ACTIONS = ["crash", "crash_after", "error", "reply_lost"]


def all_of(records):
    return [r for partition in sorted(records) for r in records[partition]]


def java_partition(key, partitions):
    """librdkafka's own implementation of the Java client's partitioner, through kcat."""
    topic = f"placed-{partitions}-{abs(hash(key))}"
    KAFKA.create(topic, partitions)
    subprocess.run(["kcat", "-P", "-b", BOOTSTRAP, "-t", topic, "-K", "|", "-X", "topic.partitioner=murmur2_random"],
                   input=f"{key}|x\n", text=True, check=True)
    (partition,) = committed_records(topic)
    KAFKA.delete(topic)
    return partition


def topic_job(name, outputs, select, partitions=2):
    j = Job(name, key="KEY", partitions=partitions, lake="",
            columns="id INT, v STRING", select=select, outputs=outputs.replace("TOPIC", f"{name}-out-{id(outputs)}"))
    j.out = f"{name}-out-{id(outputs)}"
    return j


def send(j, n, first=0):
    """Key k<i mod 5> on the partition of i mod 2."""
    for p in range(2):
        j.produce(*[(f"k{i % 5}", f'{{"id":{i},"v":"x{i}"}}') for i in range(first, first + n) if i % 2 == p], partition=p)


@case
def rows_have_the_keys_values_and_partitions_that_ksqldb_would_give_them():
    j = topic_job("plain", "OUT: { topic: { name: TOPIC, partitions: 5 } }",
                  "CREATE STREAM out AS SELECT k, id + 1 AS next, v FROM input WHERE id >= 10;")
    send(j, 40)
    assert j.run()["topic_rows"] == 30
    seen = committed_records(j.out)
    assert sorted(v for _, v, _ in all_of(seen)) == sorted(f'{{"NEXT":{i + 1},"V":"x{i}"}}'.encode() for i in range(10, 40))
    for partition, records in seen.items():
        for key in {k for k, _, _ in records}:
            assert java_partition(key.decode(), 5) == partition, (key, partition)
    assert j.run()["batches"] == 0
    j.close()


@case
def a_table_sends_every_change_and_tombstones_and_a_windowed_key_ends_with_its_start():
    j = topic_job("tables", "N: { topic: { name: TOPIC-n, partitions: 1, key_format: JSON } }\n      "
                  "W: { topic: { name: TOPIC-w, partitions: 1 } }\n      "
                  "F: { topic: { name: TOPIC-f, partitions: 1 } }",
                  "CREATE TABLE n AS SELECT k, COUNT(*) AS n FROM input GROUP BY k;\n"
                  "CREATE TABLE w AS SELECT k, COUNT(*) AS n FROM input WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY k;\n"
                  "CREATE TABLE f AS SELECT k, n FROM n WHERE n < 2;")
    j.produce(("a", '{"id":1}'), ("b", '{"id":2}'), ("a", '{"id":3}'))
    j.run()
    values = [(k, v) for k, v, _ in all_of(committed_records(j.out + "-n"))]
    assert values == [(b'"a"', b'{"N":1}'), (b'"b"', b'{"N":1}'), (b'"a"', b'{"N":2}')], values
    values = [(k, v) for k, v, _ in all_of(committed_records(j.out + "-f"))]
    assert values == [(b"a", b'{"N":1}'), (b"b", b'{"N":1}'), (b"a", None)], values
    for key, _, time in all_of(committed_records(j.out + "-w")):
        assert key[:1] in (b"a", b"b") and len(key) == 9
        assert int.from_bytes(key[1:], "big") == time - time % 3600000
    j.close()


@case
def a_topic_with_other_partitions_is_refused_and_one_that_was_deleted_is_not_made_anew():
    j = topic_job("checked", "OUT: { topic: { name: TOPIC, partitions: 3 } }", "CREATE STREAM out AS SELECT k, id FROM input;")
    KAFKA.create(j.out, 2)
    send(j, 2)
    j.fails(3, "has 2 partitions, the configuration says 3")
    j.configure("partitions: 3", "partitions: 2")
    assert j.run()["topic_rows"] == 2
    KAFKA.delete(j.out)
    j.fails(1, "does not exist any more")
    j.close()


@case
def whatever_fails_a_reader_of_committed_records_sees_every_row_once():
    select = "CREATE STREAM out AS SELECT k, id, v FROM input;"
    outputs = "OUT: { warehouse: { to: local }, topic: { name: TOPIC, partitions: 2 } }"
    for site in ("topic.fence", "topic.write", "topic.commit", "state.commit", "sqlite.commit"):
        for occurrence in (1, 2):
            j = topic_job(f"crash-{site.replace('.', '-')}-{occurrence}", outputs, select)
            j.configure("group:", "limits: { batch_records: 40 }\n    group:")
            rows = 0
            for action in ACTIONS:
                send(j, 50, rows)
                rows += 50
                p = j.start("job", "run", "j", "--json", fault=f"{site}:{occurrence}:{action}")
                p.communicate(timeout=120)
                seen = [v for _, v, _ in all_of(committed_records(j.out))]
                assert len(seen) == len(set(seen)), f"{site}:{occurrence}:{action}: rows twice"
                j.run()
                seen = sorted(v for _, v, _ in all_of(committed_records(j.out)))
                want = sorted(f'{{"ID":{i},"V":"x{i}"}}'.encode() for i in range(rows))
                assert seen == want, f"{site}:{occurrence}:{action}: {len(seen)} rows instead of {len(want)}"
            j.close()


@case
def a_lost_marker_stops_the_job_until_a_person_says_what_the_topics_hold():
    j = topic_job("marker", "OUT: { topic: { name: TOPIC, partitions: 1 } }", "CREATE STREAM out AS SELECT k, id FROM input;")
    send(j, 10)
    j.run()
    KAFKA.delete_group(f"{j.topic}.commits")
    send(j, 10, 10)
    j.fails(1, "no marker")
    j.sluice("job", "run", "j", "--lost-marker", "sent")
    j.run()
    assert len(all_of(committed_records(j.out))) == 20
    j.close()


if __name__ == "__main__":
    main()
