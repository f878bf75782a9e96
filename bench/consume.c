// consume TOPIC: the raw librdkafka consumer that every ratio is taken against: reads all partitions from the start to the end of
// now and looks at nothing. BOOTSTRAP=host:port. Prints records and bytes.
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONSUME_BATCH = 500, CONSUME_WAIT_MS = 20, CONSUME_PARTITIONS_MAX = 64 };

static rd_kafka_t *consume_open(void)
{
    static const char *const settings[][2] = {{"group.id", "bench-raw"},
                                              {"enable.auto.commit", "false"},
                                              {"enable.partition.eof", "true"},
                                              {"auto.offset.reset", "earliest"},
                                              {"fetch.message.max.bytes", "4194304"},
                                              {"queued.max.messages.kbytes", "65536"},
                                              {"fetch.wait.max.ms", "20"},
                                              {"queued.min.messages", "1000000"},
                                              {"check.crcs", "false"}};
    char why[512];
    const char *bootstrap = getenv("BOOTSTRAP");
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap ? bootstrap : "127.0.0.1:9092", why,
                      sizeof why);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why))
            fprintf(stderr, "%s\n", why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk)
        rd_kafka_poll_set_consumer(rk);
    return rk;
}

static int consume_assign(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    if (rd_kafka_metadata(rk, 0, t, &md, 10000))
        return 0;
    int n = md->topic_cnt ? md->topics[0].partition_cnt : 0;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int p = 0; p < n; p++)
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(t);
    return n;
}

int main(int argc, char **argv)
{
    rd_kafka_t *rk = argc == 2 ? consume_open() : NULL;
    int partitions = rk ? consume_assign(rk, argv[1]) : 0;
    if (partitions == 0) {
        fprintf(stderr, "usage: BOOTSTRAP=host:port consume TOPIC\n");
        return 2;
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_message_t *messages[CONSUME_BATCH];
    long records = 0, bytes = 0;
    for (int ended = 0; ended < partitions;) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, CONSUME_WAIT_MS, messages, CONSUME_BATCH);
        for (ssize_t i = 0; i < n; i++) {
            if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                ended++;
            else if (!messages[i]->err)
                records++, bytes += (long)messages[i]->len;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    printf("%ld records, %ld bytes\n", records, bytes);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}
