// What `config show` prints of settings whose default depends on others.
#include "jobs/spec/spec_internal.h"

#include "base/buf.h"
#include "config/units.h"

struct show {
    struct conf_reader *r;
    struct str under;
};

static void show_value(const struct show *x, const char *key,
                       void (*print)(struct buf *out, uint64_t value), uint64_t value,
                       uint64_t otherwise)
{
    struct buf text;
    buf_init(&text, 64);
    print(&text, value);
    conf_note(x->r, x->under, key, buf_view(&text), value == otherwise ? "default" : "limits");
    buf_fini(&text);
}

static void show_number(struct buf *out, uint64_t value)
{
    buf_printf(out, "%llu", (unsigned long long)value);
}

static void show_duration(struct buf *out, uint64_t value)
{
    units_print_duration(out, (int64_t)value);
}

void spec_show_limits(struct conf_reader *r, struct str under, const struct limits_spec *written,
                      const struct limits_spec *s, const struct limits_spec *otherwise)
{
    const struct show x = {r, under};
    if (written->batch_records < 0)
        show_value(&x, "limits.batch_records", show_number, (uint64_t)s->batch_records,
                   (uint64_t)otherwise->batch_records);
    if (written->batch_bytes == UINT64_MAX)
        show_value(&x, "limits.batch_bytes", units_print_bytes, s->batch_bytes,
                   otherwise->batch_bytes);
    if (written->batch_ms < 0)
        show_value(&x, "limits.batch_time", show_duration, (uint64_t)s->batch_ms,
                   (uint64_t)otherwise->batch_ms);
    if (written->dirty_state_max == UINT64_MAX)
        show_value(&x, "limits.dirty_state_max", units_print_bytes, s->dirty_state_max,
                   otherwise->dirty_state_max);
    if (written->open_partitions_max < 0)
        show_value(&x, "limits.open_partitions_max", show_number, (uint64_t)s->open_partitions_max,
                   (uint64_t)otherwise->open_partitions_max);
    if (written->memory == UINT64_MAX)
        show_value(&x, "limits.memory", units_print_bytes, s->memory, otherwise->memory);
}

void spec_show_job(struct conf_reader *r, struct arena *a, const struct job_spec *j)
{
    const struct output_spec *outputs = j->outputs.v;
    struct str under = arena_printf(a, "jobs.%.*s.", STR_ARG(j->name));
    const struct show dead = {r, arena_printf(a, "%.*sdead_letters.", STR_ARG(under))};
    uint64_t most = (uint64_t)j->dead_letters.max.count;
    if (j->dead_letters.max.at.line == 0)
        show_value(&dead, "max", show_number, most, most);
    for (size_t i = 0; i < j->outputs.n; i++)
        if (outputs[i].lake.snapshot)
            conf_unnote(r, arena_printf(a, "%.*soutputs.%.*s.lake.partition_by", STR_ARG(under),
                                        STR_ARG(outputs[i].name)));
}
