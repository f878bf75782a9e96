#include "jobs/source/kafka/kafka_client.h"

#include "base/mem.h"

#include <assert.h>

// Broker and transport errors keep librdkafka's own text; anything a new attempt may cure is REMOTE.
bool kafka_err(struct err *e, rd_kafka_resp_err_t code, const char *doing)
{
    assert(code != RD_KAFKA_RESP_ERR_NO_ERROR);
    err_fail(e, ERR_REMOTE, "%s: %s (%s)", doing, rd_kafka_err2str(code), rd_kafka_err2name(code));
    enum err_remedy remedy = REMEDY_RETRY_RUN;
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        remedy = REMEDY_FATAL;
    return err_remedy(e, remedy);
}

bool kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    return err_fail(e, ERR_CONFIG, "kafka property %s: %s", name, why);
}

bool kafka_set_user(rd_kafka_conf_t *conf, const struct str *properties, size_t pairs,
                    struct err *e)
{
    for (size_t i = 0; i < pairs; i++) {
        struct str name = properties[2 * i], value = properties[2 * i + 1];
        char *n = mem_alloc(name.n + value.n + 2);
        memcpy(n, name.p, name.n);
        n[name.n] = 0;
        char *v = n + name.n + 1;
        memcpy(v, value.p, value.n);
        v[value.n] = 0;
        char why[256];
        // A value may be a secret: the message names the property only.
        rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, n, v, why, sizeof why);
        if (res != RD_KAFKA_CONF_OK)
            err_fail(e, ERR_CONFIG, "kafka: %s: %s", n,
                     res == RD_KAFKA_CONF_UNKNOWN ? "librdkafka has no such property"
                                                  : "librdkafka does not accept this value");
        mem_free(n);
        if (res != RD_KAFKA_CONF_OK)
            return false;
    }
    return true;
}
