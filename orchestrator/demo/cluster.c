#include "orchestrator/demo/cluster.h"

#include "base/mem.h"

#include <assert.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

struct demo_cluster {
    rd_kafka_t *rk; // owns the mock cluster's thread and event loop
    rd_kafka_mock_cluster_t *mock;
};

bool demo_cluster_start(struct demo_cluster **out, int brokers, struct err *e)
{
    assert(brokers > 0);
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    // librdkafka announces a mock cluster as a warning on stderr.
    if (rd_kafka_conf_set(conf, "log_level", "3", why, sizeof why) != RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(conf);
        return err_fail(e, ERR_BUG, "embedded broker: %s", why);
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return err_fail(e, ERR_IO, "embedded broker: %s", why);
    }
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(rk, brokers);
    if (!mock) {
        rd_kafka_destroy(rk);
        return err_fail(e, ERR_IO, "embedded broker: cannot listen on 127.0.0.1");
    }
    struct demo_cluster *s = mem_zalloc(sizeof *s);
    s->rk = rk;
    s->mock = mock;
    *out = s;
    return true;
}

void demo_cluster_stop(struct demo_cluster *s)
{
    if (!s)
        return;
    rd_kafka_mock_cluster_destroy(s->mock);
    rd_kafka_destroy(s->rk);
    mem_free(s);
}

const char *demo_cluster_bootstrap(const struct demo_cluster *s)
{
    return rd_kafka_mock_cluster_bootstraps(s->mock);
}

bool demo_cluster_topic(struct demo_cluster *s, const char *topic, int partitions, struct err *e)
{
    assert(partitions > 0);
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(s->mock, topic, partitions, 1);
    if (!code)
        return true;
    return err_fail(e, ERR_REMOTE, "embedded broker: topic %s: %s", topic, rd_kafka_err2str(code));
}

void demo_cluster_broker(struct demo_cluster *s, int broker, enum demo_broker state)
{
    rd_kafka_resp_err_t code = state == DEMO_BROKER_UP
                                   ? rd_kafka_mock_broker_set_up(s->mock, broker)
                                   : rd_kafka_mock_broker_set_down(s->mock, broker);
    assert(!code);
}
