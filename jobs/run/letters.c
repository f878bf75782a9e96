#include "jobs/run/letters.h"

#include "base/base64.h"
#include "base/durable.h"
#include "base/hash.h"
#include "jobs/run/doc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { LETTERS_FILE_MAX = 512 << 20, LETTERS_NAMED_MAX = 10, LETTERS_POLL_MS = 100 };

// --- the file --------------------------------------------------------------------------------------------------------

struct letters_reader {
    struct doc d;
    const struct job *job;
    const char *path;
    size_t line;
};

static bool letters_topic(uint32_t *out, const struct letters_reader *r, struct str topic,
                          struct err *e)
{
    for (uint32_t i = 0; i < r->job->topic_count; i++) {
        if (str_eq(r->job->topics[i], topic)) {
            *out = i;
            return true;
        }
    }
    err_fail(e, ERR_CONFIG, "%s:%zu: a record of topic %.*s, which job %s does not read", r->path,
             r->line, STR_ARG(topic), r->job->name);
    return err_hint(e, "put the topic back into the SQL, or delete the dead letters");
}

// "key", "key_base64" or "key_xxh64"; none of them: nothing was kept.
static bool letters_payload(struct payload *out, struct letter *l, uint64_t *hash,
                            struct letters_reader *r, const json_t *j, const char *name)
{
    char base64[32], hashed[32];
    struct str bytes;
    (void)snprintf(base64, sizeof base64, "%s_base64", name);
    (void)snprintf(hashed, sizeof hashed, "%s_xxh64", name);
    const json_t *plain = json_object_get(j, name);
    *out = (struct payload){NULL, 0};
    if (json_object_get(j, hashed)) {
        l->payload = LETTER_HASHED;
        *hash = doc_hex(&r->d, j, hashed);
        return true;
    }
    if (json_object_get(j, base64)) {
        if (!base64_decode(&bytes, r->d.a, doc_str(&r->d, j, base64), BASE64_COMPACT))
            return false;
        *out = (struct payload){bytes.p, bytes.n};
        return true;
    }
    if (!plain)
        l->payload = LETTER_BARE;
    if (!plain || json_is_null(plain))
        return true;
    bytes = doc_str(&r->d, j, name);
    *out = (struct payload){bytes.p, bytes.n};
    return true;
}

static bool letters_line(struct letter *out, struct letters_reader *r, struct str line,
                         struct err *e)
{
    json_error_t why;
    json_t *j = json_loadb(line.p, line.n, JSON_ALLOW_NUL, &why);
    if (!j)
        return err_fail(e, ERR_DATA, "%s:%zu: not a dead letter: %s", r->path, r->line, why.text);
    *out = (struct letter){.payload = LETTER_FULL,
                           .partition = (int32_t)doc_i64(&r->d, j, "partition")};
    out->record.offset = doc_i64(&r->d, j, "offset");
    out->record.timestamp = doc_i64(&r->d, j, "timestamp");
    out->reason = doc_str(&r->d, j, "reason");
    bool ok = letters_payload(&out->record.key, out, &out->key_hash, r, j, "key") &&
              letters_payload(&out->record.value, out, &out->value_hash, r, j, "value");
    const struct str topic = doc_str(&r->d, j, "topic");
    json_decref(j);
    if (!ok || r->d.missing)
        return err_fail(e, ERR_DATA, "%s:%zu: not a dead letter: field %s", r->path, r->line,
                        r->d.missing ? r->d.missing : "key_base64 or value_base64");
    return letters_topic(&out->topic, r, topic, e);
}

static int letters_place(const struct letter *x, const struct letter *y)
{
    if (x->topic != y->topic)
        return x->topic < y->topic ? -1 : 1;
    return (x->partition > y->partition) - (x->partition < y->partition);
}

static int letters_order(const void *x, const void *y)
{
    const struct letter *p = x, *q = y;
    int place = letters_place(p, q);
    if (place)
        return place;
    return (p->record.offset > q->record.offset) - (p->record.offset < q->record.offset);
}

void letters_sort(struct letters *l)
{
    if (l->n > 0)
        qsort(l->v, l->n, sizeof *l->v, letters_order);
}

static bool letters_parse(struct letters *out, struct arena *a, const struct job *job,
                          const char *path, struct str text, struct err *e)
{
    struct str line, rest;
    struct letters_reader r = {.d = {.a = a, .what = path}, .job = job, .path = path};
    *out = (struct letters){NULL, 0};
    size_t lines = 1;
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    out->v = ARENA_ZARRAY(a, struct letter, lines);
    for (rest = text; rest.n > 0;) {
        if (!str_split_once(&line, &rest, rest, '\n')) {
            line = rest;
            rest = STR("");
        }
        r.line++;
        if (line.n > 0 && !letters_line(&out->v[out->n++], &r, line, e))
            return false;
    }
    letters_sort(out);
    return true;
}

bool letters_read(struct letters *out, struct arena *a, const struct job *job, const char *path,
                  struct err *e)
{
    struct str text;
    return file_read(&text, a, path, LETTERS_FILE_MAX, e) &&
           letters_parse(out, a, job, path, text, e);
}

const char *letters_path(struct arena *a, const struct session *s, uint64_t slot)
{
    const struct job *job = s->job;
    unsigned long long id = slot;
    if (s->lake)
        return arena_printf(a, "%s/_dead_letters/%s/%llu.jsonl", job->lake_root, job->name, id).p;
    return arena_printf(a, "%s/dead_letters/%llu.jsonl", job->state_dir, id).p;
}

bool letters_stay(struct arena *a, const struct session *s, uint64_t slot, struct str text,
                  struct err *e)
{
    struct letters then, now;
    const char *path = letters_path(a, s, slot);
    if (!file_exists(path))
        return true;
    if (!letters_read(&then, a, s->job, path, e) || !letters_parse(&now, a, s->job, path, text, e))
        return false;
    for (size_t i = 0; i < then.n; i++) {
        const struct letter *l = &then.v[i];
        if (letters_find(&now, l->topic, l->partition, l->record.offset))
            continue;
        err_fail(e, ERR_CONFIG,
                 "%.*s/%d offset %lld would be no dead letter any more: outputs that are not named "
                 "would never get it",
                 STR_ARG(s->job->topics[l->topic]), (int)l->partition, (long long)l->record.offset);
        return err_hint(e, "sluice dlq replay %s --batch %llu brings it to all outputs; then again",
                        s->job->name, (unsigned long long)slot);
    }
    return true;
}

const struct letter *letters_find(const struct letters *l, uint32_t topic, int32_t partition,
                                  int64_t offset)
{
    const struct letter key = {
        .topic = topic, .partition = partition, .record = {.offset = offset}};
    return l->n ? bsearch(&key, l->v, l->n, sizeof *l->v, letters_order) : NULL;
}

// --- what was not kept -----------------------------------------------------------------------------------------------

struct letters_fetch {
    struct session *s;
    struct arena *a;
    struct letter *v; // of one partition
    size_t n, at;     // at: the first that was not found yet
    struct buf *missing;
    size_t missing_count;
};

static void letters_miss(struct letters_fetch *f, const struct letter *l, const char *why)
{
    if (f->missing_count++ < LETTERS_NAMED_MAX)
        buf_printf(f->missing, "%s%.*s/%d offset %lld (%s)", f->missing_count > 1 ? ", " : "",
                   STR_ARG(f->s->job->topics[l->topic]), (int)l->partition,
                   (long long)l->record.offset, why);
}

static struct payload letters_keep(struct arena *a, struct payload v)
{
    if (!v.p)
        return v;
    const struct str copy = arena_str(a, (struct str){v.p, v.n});
    return (struct payload){copy.p, copy.n};
}

static bool letters_same(const struct letter *l, const struct source_record *r)
{
    return r->timestamp == l->record.timestamp &&
           (l->payload != LETTER_HASHED ||
            (hash_bytes(r->key.p, r->key.n, 0) == l->key_hash &&
             hash_bytes(r->value.p, r->value.n, 0) == l->value_hash));
}

static void letters_take(struct letters_fetch *f, struct letter *l, const struct source_record *r)
{
    if (!letters_same(l, r)) {
        letters_miss(f, l, "another record");
        return;
    }
    struct source_header *headers = ARENA_ZARRAY(f->a, struct source_header, r->header_count + 1);
    for (uint32_t i = 0; i < r->header_count; i++)
        headers[i] = (struct source_header){arena_str(f->a, r->headers[i].key),
                                            letters_keep(f->a, r->headers[i].value)};
    l->record.key = letters_keep(f->a, r->key);
    l->record.value = letters_keep(f->a, r->value);
    l->record.headers = headers;
    l->record.header_count = r->header_count;
    l->payload = LETTER_FULL;
}

static void letters_batch(struct letters_fetch *f, const struct source_batch *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        const struct source_record *r = &b->records[i];
        for (; f->at < f->n && f->v[f->at].record.offset < r->offset; f->at++)
            letters_miss(f, &f->v[f->at], "gone");
        if (f->at < f->n && f->v[f->at].record.offset == r->offset)
            letters_take(f, &f->v[f->at++], r);
    }
}

static bool letters_patience(const struct letters_fetch *f, int64_t until, struct err *e)
{
    const struct session *s = f->s;
    if (s->env->cancel && atomic_load(s->env->cancel))
        return err_fail(e, ERR_CANCELLED, "stopped: nothing was decided");
    if (s->env->clock.mono_ms(s->env->clock.arg) < until)
        return true;
    err_fail(e, ERR_REMOTE, "%.*s/%d: no record arrived for %lld s",
             STR_ARG(s->job->topics[f->v->topic]), (int)f->v->partition,
             (long long)(s->job->limits.patience_ms / 1000));
    return err_remedy(e, REMEDY_RETRY_RUN);
}

static bool letters_poll(struct letters_fetch *f, struct err *e)
{
    struct session *s = f->s;
    const struct source_type *type = s->source->type;
    const struct clock *c = &s->env->clock;
    int64_t until = c->mono_ms(c->arg) + s->job->limits.patience_ms;
    for (;;) {
        struct source_batch b;
        switch (type->poll(s->source, 0, LETTERS_POLL_MS, &b, e)) {
        case POLL_BATCH:
            letters_batch(f, &b);
            type->release(s->source, &b);
            until = c->mono_ms(c->arg) + s->job->limits.patience_ms;
            break;
        case POLL_LOST:
            break;
        case POLL_IDLE:
            if (!letters_patience(f, until, e))
                return false;
            break;
        case POLL_END:
            return true;
        case POLL_FAILED:
            return false;
        }
    }
}

// The part of [first, last] that the partition still holds; false: nothing of it.
static bool letters_range(struct source_range *out, const struct letters_fetch *f)
{
    const struct session *s = f->s;
    for (size_t i = 0; i < s->partition_count; i++) {
        const struct source_partition *p = &s->partitions[i];
        if (p->topic != f->v->topic || p->partition != f->v->partition)
            continue;
        int64_t first = f->v->record.offset, end = f->v[f->n - 1].record.offset + 1;
        *out = (struct source_range){.topic = p->topic,
                                     .partition = p->partition,
                                     .start = first > p->log_start ? first : p->log_start,
                                     .end = end < p->end ? end : p->end};
        out->resume = out->start;
        return out->start < out->end;
    }
    return false;
}

// Everything between the first and the last letter of the partition is read: they are few, and close to one another.
static bool letters_partition(struct letters_fetch *f, struct err *e)
{
    struct source_range range;
    struct source *source = f->s->source;
    if (letters_range(&range, f) &&
        (!source->type->assign(source, &range, 1, e) || !letters_poll(f, e)))
        return err_wrap(e, "reading dead letters again from %.*s/%d",
                        STR_ARG(f->s->job->topics[f->v->topic]), (int)f->v->partition);
    for (; f->at < f->n; f->at++)
        letters_miss(f, &f->v[f->at], "gone");
    return true;
}

static bool letters_headers(const struct program *p)
{
    for (size_t i = 0; i < program_source_count(p); i++)
        if (program_source(p, i)->decl->header_count > 0)
            return true;
    return false;
}

bool letters_complete(struct letters *l, struct session *s, struct arena *a, struct err *e)
{
    bool headers = letters_headers(s->job->program), ok = true;
    struct buf missing;
    buf_init(&missing, 1 << 16);
    struct letters_fetch f = {.s = s, .a = a, .missing = &missing};
    for (size_t from = 0, to; ok && from < l->n; from = to) {
        bool full = true;
        for (to = from; to < l->n && letters_place(&l->v[from], &l->v[to]) == 0; to++)
            full = full && l->v[to].payload == LETTER_FULL;
        if (full && !headers)
            continue;
        f.v = &l->v[from];
        f.n = to - from;
        f.at = 0;
        ok = letters_partition(&f, e);
    }
    if (ok && f.missing_count > 0) {
        ok = err_fail(e, ERR_DATA,
                      "%zu dead letters hold no %s, and the topics have them no more: %.*s%s",
                      f.missing_count, headers ? "headers" : "payload", STR_ARG(buf_view(&missing)),
                      f.missing_count > LETTERS_NAMED_MAX ? ", …" : "");
        err_hint(e, "dead_letters: payload: full keeps key and value; replay other batches with "
                    "--batch");
    }
    buf_fini(&missing);
    return ok;
}

// --- the source ------------------------------------------------------------------------------------------------------

struct letters_handle {
    struct source base;
    struct arena *a;
    struct source_record *records; // as the letters
    const struct letters *letters;
    struct letters_lane {
        size_t from, to;
    } * lanes; // by range
    size_t lane_count;
};

static const struct source_type source_letters;

static struct letters_handle *letters_of(struct source *s)
{
    assert(s->type == &source_letters);
    return (struct letters_handle *)s;
}

static bool letters_assign(struct source *base, const struct source_range *ranges, size_t n,
                           struct err *e)
{
    struct letters_handle *h = letters_of(base);
    assert(e);
    h->lanes = ARENA_ZARRAY(h->a, struct letters_lane, n + 1);
    h->lane_count = n;
    for (size_t i = 0; i < n; i++) {
        const struct letter first = {.topic = ranges[i].topic,
                                     .partition = ranges[i].partition,
                                     .record = {.offset = ranges[i].start}};
        struct letter end = first;
        end.record.offset = ranges[i].end;
        struct letters_lane *lane = &h->lanes[i];
        while (lane->from < h->letters->n && letters_order(&h->letters->v[lane->from], &first) < 0)
            lane->from++;
        for (lane->to = lane->from;
             lane->to < h->letters->n && letters_order(&h->letters->v[lane->to], &end) < 0;)
            lane->to++;
    }
    return true;
}

static enum source_poll letters_give(struct source *base, size_t range, int64_t timeout_ms,
                                     struct source_batch *out, struct err *e)
{
    struct letters_handle *h = letters_of(base);
    assert(e && timeout_ms >= 0 && range < h->lane_count);
    struct letters_lane *lane = &h->lanes[range];
    if (lane->from == lane->to)
        return POLL_END;
    *out = (struct source_batch){.records = &h->records[lane->from],
                                 .n = (uint32_t)(lane->to - lane->from),
                                 .next_offset = h->records[lane->to - 1].offset + 1};
    lane->from = lane->to;
    return POLL_BATCH;
}

static void letters_release(struct source *base, struct source_batch *b)
{
    (void)base;
    b->n = 0; // the arena's
}

static const struct source_type source_letters = {
    .name = "dead letters",
    .assign = letters_assign,
    .poll = letters_give,
    .release = letters_release,
};

struct source *letters_source(struct arena *a, const struct letters *l)
{
    struct letters_handle *h = ARENA_NEW(a, struct letters_handle);
    h->base.type = &source_letters;
    h->a = a;
    h->letters = l;
    h->records = ARENA_ZARRAY(a, struct source_record, l->n + 1);
    for (size_t i = 0; i < l->n; i++)
        h->records[i] = l->v[i].record;
    return &h->base;
}
