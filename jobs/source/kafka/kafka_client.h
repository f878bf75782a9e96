// What every client handle of librdkafka here shares, the source's and the topic writer's: properties and errors. Any thread.
#ifndef JOBS_SOURCE_KAFKA_KAFKA_CLIENT_H
#define JOBS_SOURCE_KAFKA_KAFKA_CLIENT_H

#include "base/err.h"
#include "base/str.h"

#include <librdkafka/rdkafka.h>

bool kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value,
               struct err *e) ERR_CHECKED;
// The properties of `kafka:`, name and value in turn. Values may be secrets: an error names the property only.
bool kafka_set_user(rd_kafka_conf_t *conf, const struct str *properties, size_t pairs,
                    struct err *e) ERR_CHECKED;
// ERR_REMOTE with librdkafka's own text; returns false.
bool kafka_err(struct err *e, rd_kafka_resp_err_t code, const char *doing);

#endif
