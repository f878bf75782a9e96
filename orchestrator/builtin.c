#include "orchestrator/builtin.h"

#include "jobs/source/kafka/kafka.h"
#include "jobs/topic/kafka/topic_kafka.h"
#include "warehouse/sqlite/sqlite.h"
#if SLUICE_WITH_MYSQL
#include "warehouse/mysql/mysql.h"
#endif
#if SLUICE_WITH_POSTGRES
#include "warehouse/postgres/postgres.h"
#endif

#include <stddef.h>

const struct sink_type *const builtin_sinks[] = {
#if SLUICE_WITH_MYSQL
    &sink_mysql,
#endif
#if SLUICE_WITH_POSTGRES
    &sink_postgres,
#endif
    &sink_sqlite,
    NULL,
};

const struct source_type *const builtin_source = &source_kafka;
const struct topic_type *const builtin_topics = &topic_kafka;
