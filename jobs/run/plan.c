#include "jobs/run/session.h"

#include <assert.h>

// Positions of partitions we have never read, by the job's start policy; afterwards they are in control.
static bool plan_start_offsets(struct session *s, struct source_offset *o, size_t n, struct err *e)
{
    struct source *source = s->source;
    for (size_t i = 0; i < n; i++)
        o[i] = (struct source_offset){s->partitions[i].topic, s->partitions[i].partition,
                                      s->partitions[i].log_start};
    switch (s->job->start) {
    case JOB_EARLIEST:
        return true;
    case JOB_LATEST:
        for (size_t i = 0; i < n; i++)
            o[i].offset = s->partitions[i].end;
        return true;
    case JOB_GROUP:
        if (!source->type->group_read(source, o, n, e))
            return err_wrap(e, "start: group");
        for (size_t i = 0; i < n; i++)
            if (o[i].offset < 0)
                o[i].offset = s->partitions[i].log_start;
        return true;
    case JOB_TIME:
        return source->type->offsets_for_time(source, s->job->start_ms, o, n, e) ||
               err_wrap(e, "start: time");
    }
    return err_fail(e, ERR_BUG, "unknown start policy");
}

// Table sources are always read from the earliest record (DESIGN section 2, "Positions").
static bool plan_topic_is_table(const struct session *s, struct str topic)
{
    for (size_t i = 0; i < program_source_count(s->job->program); i++) {
        const struct program_source *p = program_source(s->job->program, i);
        if (p->table && str_eq(p->topic, topic))
            return true;
    }
    return false;
}

static bool plan_topic_known(struct session *s, struct str topic)
{
    for (size_t i = 0; i < s->control.position_count; i++)
        if (str_eq(s->control.positions[i].topic, topic))
            return true;
    return false;
}

// New partitions of a known topic start at their log start; a topic read for the first time by the start policy.
static bool plan_positions(struct session *s, struct err *e)
{
    struct source_offset *o =
        ARENA_ZARRAY(s->planned, struct source_offset, s->partition_count + 1);
    bool *by_policy = ARENA_ZARRAY(s->planned, bool, s->partition_count + 1);
    bool any = false;
    for (size_t i = 0; i < s->partition_count; i++) {
        struct str topic = s->job->topics[s->partitions[i].topic];
        by_policy[i] = !plan_topic_known(s, topic) && !plan_topic_is_table(s, topic);
        any = any || by_policy[i];
    }
    if (any && !plan_start_offsets(s, o, s->partition_count, e))
        return false;
    bool added = false;
    for (size_t i = 0; i < s->partition_count; i++) {
        const struct source_partition *p = &s->partitions[i];
        struct str topic = s->job->topics[p->topic];
        if (control_position(&s->control, topic, p->partition))
            continue;
        struct control_position *at = control_position_add(&s->control, topic, p->partition);
        at->next = at->rolled = by_policy[i] ? o[i].offset : p->log_start;
        added = true;
    }
    // A start that is not the log's own must survive runs that read nothing: `latest` is decided once.
    if (!added || s->job->start == JOB_EARLIEST)
        return true;
    s->control.cluster = s->cluster;
    struct kv_txn *t;
    if (!kv_begin_write(&t, s->kv, e))
        return false;
    if (!control_store(&s->control, t, e)) {
        kv_abort(t);
        return false;
    }
    return kv_commit(t, e);
}

// Also when there is nothing new: a topic recreated, and still shorter than what was read, must not look idle.
static bool plan_ends(struct session *s, struct err *e)
{
    for (size_t i = 0; i < s->partition_count; i++) {
        const struct source_partition *p = &s->partitions[i];
        struct str topic = s->job->topics[p->topic];
        const struct control_position *at = control_position(&s->control, topic, p->partition);
        assert(at);
        if (p->end >= at->next)
            continue;
        err_fail(e, ERR_BEHIND, "%.*s/%d ends at offset %lld, below our position %lld",
                 STR_ARG(topic), (int)p->partition, (long long)p->end, (long long)at->next);
        return err_hint(e, "the topic was recreated or truncated: see the recovery handbook, \"end "
                           "below the position\"");
    }
    return true;
}

static bool plan_has(const struct session *s, const struct control_position *at)
{
    for (size_t i = 0; i < s->partition_count; i++)
        if (s->partitions[i].partition == at->partition &&
            str_eq(s->job->topics[s->partitions[i].topic], at->topic))
            return true;
    return false;
}

// Kafka never takes a partition away: the topic is another one, also when nothing was read of the partitions that are left.
static bool plan_gone(struct session *s, struct err *e)
{
    for (size_t i = 0; i < s->control.position_count; i++) {
        const struct control_position *at = &s->control.positions[i];
        bool ours = false;
        for (uint32_t t = 0; t < s->job->topic_count; t++)
            ours = ours || str_eq(s->job->topics[t], at->topic);
        if (!ours || plan_has(s, at))
            continue;
        err_fail(e, ERR_BEHIND, "%.*s/%d does not exist any more, our position there is %lld",
                 STR_ARG(at->topic), (int)at->partition, (long long)at->next);
        return err_hint(e, "the topic was recreated with fewer partitions: see the recovery "
                           "handbook, \"end below the position\"");
    }
    return true;
}

bool plan_freeze(struct session *s, struct err *e)
{
    arena_reset(s->planned);
    if (!s->source->type->plan(s->source, s->planned, &s->partitions, &s->partition_count, e))
        return err_wrap(e, "planning");
    return plan_gone(s, e) && plan_positions(s, e) && plan_ends(s, e);
}

uint64_t plan_remaining(const struct session *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->partition_count; i++) {
        const struct source_partition *p = &s->partitions[i];
        const struct control_position *at =
            control_position(&s->control, s->job->topics[p->topic], p->partition);
        if (at && at->next < p->end)
            n += (uint64_t)(p->end - at->next);
    }
    return n;
}

static bool plan_lost(const struct session *s, struct str topic, const struct source_partition *p,
                      const struct control_position *at, struct err *e)
{
    if (s->job->loss == JOB_ACCEPT_LOSS)
        return true;
    err_fail(e, ERR_DATA, "%.*s/%d: offsets %lld to %lld were deleted before they were read",
             STR_ARG(topic), (int)p->partition, (long long)at->next, (long long)p->log_start - 1);
    return err_hint(
        e, "retention is shorter than the schedule; accept_loss: true goes on without them");
}

static bool plan_range(const struct session *s, struct sequence_range *out,
                       const struct source_partition *p, const struct control_position *at,
                       struct err *e)
{
    struct str topic = s->job->topics[p->topic];
    *out = (struct sequence_range){
        .topic = p->topic,
        .topic_name = topic,
        .partition = p->partition,
        .start = at->next,
        .read_from = at->next,
        .end = p->end,
        .stripe_base = at->rolled,
    };
    if (p->log_start > at->next) {
        if (!plan_lost(s, topic, p, at, e))
            return false;
        out->read_from = p->log_start < p->end ? p->log_start : p->end;
    }
    // An anchor that retention took cannot be compared: unverified, not wrong.
    out->anchored = at->anchored && at->anchor_offset >= p->log_start;
    out->anchor_offset = at->anchor_offset;
    out->anchor_timestamp = at->anchor_timestamp;
    out->anchor_hash = at->anchor_hash;
    return true;
}

void plan_rank(const struct session *s, struct sequence_range *r)
{
    r->side = 1;
    for (size_t i = 0; i < program_source_count(s->job->program); i++) {
        const struct program_source *p = program_source(s->job->program, i);
        if (p->table_side && str_eq(p->topic, r->topic_name))
            r->side = 0;
    }
    r->phase = s->job->input_order == JOB_TABLES_FIRST ? r->side : 0;
}

bool plan_ranges(struct session *s, struct arena *a, struct sequence_range **out, size_t *count,
                 struct err *e)
{
    struct sequence_range *r = ARENA_ZARRAY(a, struct sequence_range, s->partition_count + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->partition_count; i++) {
        const struct source_partition *p = &s->partitions[i];
        struct control_position *at =
            control_position(&s->control, s->job->topics[p->topic], p->partition);
        assert(at);
        if (!plan_range(s, &r[n], p, at, e))
            return false;
        plan_rank(s, &r[n]);
        r[n].place = i;
        n += r[n].start < r[n].end;
    }
    *out = r;
    *count = n;
    return true;
}
