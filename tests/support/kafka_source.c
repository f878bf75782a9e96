#include "tests/support/kafka_source.h"

#include "jobs/source/kafka/kafka.h"
#include "tests/support/test.h"
#include "tests/support/tsan_threads.h"

void kafka_case_open(struct kafka_case *c, const char *bootstrap, const char *topic)
{
    tsan_threads_link();
    *c = (struct kafka_case){.durable = durable_new(DURABLE_KILL), .a = arena_new(NULL)};
    c->topic = str_from(arena_strdup(c->a, topic));
    c->properties[0] = STR("bootstrap.servers");
    c->properties[1] = str_from(arena_strdup(c->a, bootstrap));
    c->spec = (struct source_spec){
        .topics = &c->topic,
        .topic_count = 1,
        .properties = c->properties,
        .property_count = 1,
        .group = arena_printf(c->a, "%s-group", topic).p,
        .headers = SOURCE_HEADERS,
        .durable = c->durable,
    };
    assert_ok(source_kafka.open(&c->s, &c->spec, &c->e), &c->e);
}

void kafka_case_close(struct kafka_case *c)
{
    c->s->type->close(c->s);
    durable_free(c->durable);
    arena_free(c->a);
}

void kafka_case_plan(struct kafka_case *c)
{
    assert_ok(c->s->type->plan(c->s, c->a, &c->partitions, &c->count, &c->e), &c->e);
}

struct source_range kafka_case_range(const struct kafka_case *c, size_t partition)
{
    assert_true(partition < c->count);
    const struct source_partition *p = &c->partitions[partition];
    return (struct source_range){p->topic, p->partition, p->log_start, p->end, p->log_start};
}
