// Plans as text, ranges as JSON: what heads and lake manifests keep of a record; declared in jobs/run/record.h.
#include "jobs/run/doc.h"
#include "jobs/run/record.h"

void record_plan_text(struct buf *out, const struct batch_record *r)
{
    buf_str(out, r->cluster);
    if (r->slot)
        buf_printf(out, " slot=%llu", (unsigned long long)r->slot);
    for (size_t i = 0; i < r->range_count; i++) {
        const struct batch_range *x = &r->ranges[i];
        buf_printf(out, " %.*s/%d:%lld-%lld", STR_ARG(x->topic), (int)x->partition,
                   (long long)x->start, (long long)x->end);
    }
    for (size_t i = 0; i < r->position_count; i++)
        buf_printf(out, " %.*s/%d@%lld", STR_ARG(r->positions[i].topic),
                   (int)r->positions[i].partition, (long long)r->positions[i].next);
    buf_text(out, " .");
}

// "topic/3" : the last slash divides, topics have none anyway.
static bool plan_place(struct str *topic, int32_t *partition, struct arena *a, struct str text)
{
    struct str number;
    int64_t n;
    if (!str_split_once(topic, &number, text, '/') || !str_to_i64(&n, number) || n < 0 ||
        n > INT32_MAX)
        return false;
    *topic = arena_str(a, *topic);
    *partition = (int32_t)n;
    return true;
}

static bool plan_word(struct batch_record *out, struct arena *a, struct str word)
{
    struct str place, rest, from, to;
    if (str_starts(word, STR("slot=")))
        return str_to_u64(&out->slot, str_slice(word, 5, word.n));
    if (str_split_once(&place, &rest, word, '@')) {
        struct batch_position *p = &out->positions[out->position_count++];
        return plan_place(&p->topic, &p->partition, a, place) && str_to_i64(&p->next, rest);
    }
    struct batch_range *r = &out->ranges[out->range_count++];
    return str_split_once(&place, &rest, word, ':') && str_split_once(&from, &to, rest, '-') &&
           plan_place(&r->topic, &r->partition, a, place) && str_to_i64(&r->start, from) &&
           str_to_i64(&r->end, to) && r->start <= r->end;
}

bool record_read_plan(struct batch_record *out, struct arena *a, struct str text, struct err *e)
{
    if (!str_ends(text, STR(" .")))
        return err_fail(e, ERR_DATA, "the plan \"%.*s\" was cut: it had no room in sluice_heads",
                        STR_ARG(text));
    struct str rest = str_slice(text, 0, text.n - 2), cluster = rest, word;
    bool more = str_split_once(&cluster, &rest, rest, ' ');
    *out = (struct batch_record){.cluster = arena_str(a, cluster)};
    out->ranges = ARENA_ZARRAY(a, struct batch_range, text.n / 2 + 1);
    out->positions = ARENA_ZARRAY(a, struct batch_position, text.n / 2 + 1);
    while (more) {
        word = rest;
        more = str_split_once(&word, &rest, word, ' ');
        if (!plan_word(out, a, word))
            return err_fail(e, ERR_DATA, "\"%.*s\" in the plan \"%.*s\" is not what Sluice writes",
                            STR_ARG(word), STR_ARG(text));
    }
    return true;
}
