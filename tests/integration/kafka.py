"""What integration tests need of Kafka beside the program: topics, any bytes as keys and values, deleted records.

librdkafka through ctypes, and kcat; standard library only. Every function waits for the broker's answer.
"""

import ctypes as c
import ctypes.util
import subprocess

LIB = c.CDLL(ctypes.util.find_library("rdkafka") or "librdkafka.so.1")
PRODUCER, CONSUMER, CONF_OK, MSG_COPY, QUEUE_FULL, NO_CONSUMER_CLOSE, TIMEOUT_MS = 0, 1, 0, 2, -184, 8, 30000

for _name, _result in {"rd_kafka_conf_new": c.c_void_p, "rd_kafka_new": c.c_void_p, "rd_kafka_topic_new": c.c_void_p,
                       "rd_kafka_queue_new": c.c_void_p, "rd_kafka_queue_poll": c.c_void_p,
                       "rd_kafka_NewTopic_new": c.c_void_p, "rd_kafka_DeleteGroup_new": c.c_void_p, "rd_kafka_DeleteTopic_new": c.c_void_p,
                       "rd_kafka_NewPartitions_new": c.c_void_p, "rd_kafka_DeleteRecords_new": c.c_void_p,
                       "rd_kafka_topic_partition_list_new": c.c_void_p, "rd_kafka_topic_partition_list_add": c.c_void_p,
                       "rd_kafka_topic_partition_list_find": c.c_void_p,
                       "rd_kafka_event_error_string": c.c_char_p, "rd_kafka_err2str": c.c_char_p}.items():
    getattr(LIB, _name).restype = _result
for _name in ("CreateTopics", "DeleteTopics", "CreatePartitions"):
    getattr(LIB, f"rd_kafka_{_name}_result_topics").restype = c.POINTER(c.c_void_p)


class Partition(c.Structure):
    """rd_kafka_topic_partition_t."""
    _fields_ = [("topic", c.c_char_p), ("partition", c.c_int32), ("offset", c.c_int64), ("metadata", c.c_void_p),
                ("metadata_size", c.c_size_t), ("opaque", c.c_void_p), ("err", c.c_int), ("private", c.c_void_p)]


def client(kind, settings):
    why = c.create_string_buffer(512)
    conf = c.c_void_p(LIB.rd_kafka_conf_new())
    for name, value in settings.items():
        if LIB.rd_kafka_conf_set(conf, name.encode(), value.encode(), why, c.c_size_t(len(why))) != CONF_OK:
            raise RuntimeError(why.value.decode())
    return c.c_void_p(LIB.rd_kafka_new(kind, conf, why, c.c_size_t(len(why))))


def committed(bootstrap, group, topic, partitions):
    """The group's offsets; -1001 = none."""
    handle = client(CONSUMER, {"bootstrap.servers": bootstrap, "log_level": "0", "group.id": group})
    offsets = c.c_void_p(LIB.rd_kafka_topic_partition_list_new(partitions))
    for partition in range(partitions):
        LIB.rd_kafka_topic_partition_list_add(offsets, topic.encode(), partition)
    code = LIB.rd_kafka_committed(handle, offsets, TIMEOUT_MS)
    found = [c.cast(LIB.rd_kafka_topic_partition_list_find(offsets, topic.encode(), p), c.POINTER(Partition))
             .contents.offset for p in range(partitions)]
    LIB.rd_kafka_topic_partition_list_destroy(offsets)
    LIB.rd_kafka_destroy_flags(handle, NO_CONSUMER_CLOSE)
    if code:
        raise RuntimeError(LIB.rd_kafka_err2str(code).decode())
    return found


def committed_records(bootstrap, topic):
    """What a consumer of committed records sees, by partition: (key, value, timestamp) as bytes, None for null."""
    out = subprocess.run(["kcat", "-C", "-q", "-b", bootstrap, "-t", topic, "-o", "beginning", "-e",
                          "-X", "isolation.level=read_committed", "-f", "%p %T %K %S\n%k%s\n"],
                         check=True, capture_output=True).stdout
    found, at = {}, 0
    while at < len(out):
        end = out.index(b"\n", at)
        partition, time, key_n, value_n = (int(x) for x in out[at:end].split())
        at = end + 1
        key = out[at:at + key_n] if key_n >= 0 else None
        at += max(key_n, 0)
        value = out[at:at + value_n] if value_n >= 0 else None
        at += max(value_n, 0) + 1
        found.setdefault(partition, []).append((key, value, time))
    return found


class Kafka:
    def __init__(self, bootstrap):
        self.handle = client(PRODUCER, {"bootstrap.servers": bootstrap, "message.max.bytes": "2000000", "log_level": "0",
                                        "topic.metadata.refresh.interval.ms": "200"})

    def admin(self, name, item):
        """One of the calls that take an array of one and answer through a queue."""
        call = getattr(LIB, "rd_kafka_" + name)
        queue = c.c_void_p(LIB.rd_kafka_queue_new(self.handle))
        items = (c.c_void_p * 1)(item)
        call(self.handle, items, c.c_size_t(1), None, queue)
        event = c.c_void_p(LIB.rd_kafka_queue_poll(queue, TIMEOUT_MS))
        if not event or LIB.rd_kafka_event_error(event):
            raise RuntimeError(LIB.rd_kafka_event_error_string(event).decode() if event else "no answer")
        if name != "DeleteRecords":
            n = c.c_size_t()
            results = getattr(LIB, f"rd_kafka_{name}_result_topics")(event, c.byref(n))
            code = LIB.rd_kafka_topic_result_error(c.c_void_p(results[0]))
            if code:
                raise RuntimeError(LIB.rd_kafka_err2str(code).decode())
        LIB.rd_kafka_event_destroy(event)
        LIB.rd_kafka_queue_destroy(queue)

    def create(self, topic, partitions=1):
        why = c.create_string_buffer(512)
        self.admin("CreateTopics",
                   LIB.rd_kafka_NewTopic_new(topic.encode(), partitions, 1, why, c.c_size_t(len(why))))

    def delete(self, topic):
        self.admin("DeleteTopics", LIB.rd_kafka_DeleteTopic_new(topic.encode()))

    def grow(self, topic, partitions):
        why = c.create_string_buffer(512)
        self.admin("CreatePartitions", LIB.rd_kafka_NewPartitions_new(
            topic.encode(), c.c_size_t(partitions), why, c.c_size_t(len(why))))

    def delete_records(self, topic, partition, before):
        offsets = c.c_void_p(LIB.rd_kafka_topic_partition_list_new(1))
        added = LIB.rd_kafka_topic_partition_list_add(offsets, topic.encode(), partition)
        c.cast(added, c.POINTER(Partition)).contents.offset = before
        self.admin("DeleteRecords", LIB.rd_kafka_DeleteRecords_new(offsets))

    def delete_group(self, group):
        call = LIB.rd_kafka_DeleteGroups
        queue = c.c_void_p(LIB.rd_kafka_queue_new(self.handle))
        items = (c.c_void_p * 1)(LIB.rd_kafka_DeleteGroup_new(group.encode()))
        call(self.handle, items, c.c_size_t(1), None, queue)
        event = c.c_void_p(LIB.rd_kafka_queue_poll(queue, TIMEOUT_MS))
        if not event or LIB.rd_kafka_event_error(event):
            raise RuntimeError("the group was not deleted")
        LIB.rd_kafka_event_destroy(event)
        LIB.rd_kafka_queue_destroy(queue)

    def end(self, topic, partition=0):
        low, high = c.c_int64(), c.c_int64()
        code = LIB.rd_kafka_query_watermark_offsets(self.handle, topic.encode(), partition, c.byref(low), c.byref(high), TIMEOUT_MS)
        if code:
            raise RuntimeError(LIB.rd_kafka_err2str(code).decode())
        return high.value

    def produce(self, topic, records, partition=0):
        """records: values, or (key, value) pairs; bytes, text or None."""
        to = c.c_void_p(LIB.rd_kafka_topic_new(self.handle, topic.encode(), None))
        for record in records:
            key, value = record if isinstance(record, tuple) else (None, record)
            key, value = (x.encode() if isinstance(x, str) else x for x in (key, value))
            while LIB.rd_kafka_produce(to, partition, MSG_COPY, value, c.c_size_t(len(value or b"")), key,
                                       c.c_size_t(len(key or b"")), None):
                code = LIB.rd_kafka_last_error()
                if code != QUEUE_FULL:
                    raise RuntimeError(LIB.rd_kafka_err2str(code).decode())
                LIB.rd_kafka_poll(self.handle, 100)
        if LIB.rd_kafka_flush(self.handle, TIMEOUT_MS):
            raise RuntimeError("records were not acknowledged")
        LIB.rd_kafka_topic_destroy(to)
