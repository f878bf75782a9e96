#include "orchestrator/demo/generate.h"
#include "tests/support/test.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

enum { RECORDS = 4000, PRODUCE_REQUEST = 0 };

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "log_level", "3", why, sizeof why), 0);
    if (brokers)
        assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why), 0);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    assert_non_null(rk);
    return rk;
}

// The timestamps of the only partition, which must count up by offset.
static void expect_order(const char *brokers, const char *topic)
{
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, brokers);
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    assert_int_equal(rd_kafka_consume_start(t, 0, RD_KAFKA_OFFSET_BEGINNING), 0);
    for (int64_t i = 0; i < RECORDS; i++) {
        rd_kafka_message_t *m = rd_kafka_consume(t, 0, 10000);
        assert_non_null(m);
        assert_int_equal(m->err, 0);
        assert_int_equal(m->offset, i);
        assert_int_equal(rd_kafka_message_timestamp(m, NULL), 1761638400000 + 1800 * i);
        rd_kafka_message_destroy(m);
    }
    rd_kafka_consume_stop(t, 0);
    rd_kafka_topic_destroy(t);
    rd_kafka_destroy(rk);
}

TEST(records_keep_their_order_when_the_broker_refuses_a_batch_and_takes_the_next)
{
    rd_kafka_t *owner = client(RD_KAFKA_PRODUCER, NULL);
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(owner, 1);
    assert_int_equal(rd_kafka_mock_topic_create(mock, "t", 1, 1), 0);
    // The next batches are sent before the first one's answer is back.
    assert_int_equal(rd_kafka_mock_broker_set_rtt(mock, 1, 30), 0);
    rd_kafka_mock_push_request_errors(mock, PRODUCE_REQUEST, 1,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    const struct generate_spec spec = {.brokers = rd_kafka_mock_cluster_bootstraps(mock),
                                       .topic = "t",
                                       .seed = GENERATE_SEED,
                                       .count = RECORDS,
                                       .partitions = 1};
    struct err e;
    assert_true(generate_produce(&spec, &e));
    expect_order(spec.brokers, "t");
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(owner);
}

TEST_MAIN(T(records_keep_their_order_when_the_broker_refuses_a_batch_and_takes_the_next))
