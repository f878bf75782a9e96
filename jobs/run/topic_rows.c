#include "jobs/run/topic_rows.h"

#include "schema/serde/window_key.h"

#include <assert.h>

enum { TOPIC_ROW_MAX = 128 << 20 };

struct topic_rows {
    const struct job_topic *topic;
    int32_t partitions;
    struct spool *spool;
    struct buf key, value, row;
};

void topic_rows_abandon(struct topic_rows *s)
{
    if (!s)
        return;
    spool_abandon(s->spool);
    buf_fini(&s->key);
    buf_fini(&s->value);
    buf_fini(&s->row);
    mem_free(s);
}

bool topic_rows_open(struct topic_rows **out, const struct job_topic *topic, int32_t partitions,
                     struct durable *d, const char *path, struct err *e)
{
    assert(partitions > 0);
    struct topic_rows *s = mem_zalloc(sizeof *s);
    s->topic = topic;
    s->partitions = partitions;
    buf_init(&s->key, TOPIC_ROW_MAX);
    buf_init(&s->value, TOPIC_ROW_MAX);
    buf_init(&s->row, 2 * (size_t)TOPIC_ROW_MAX + 32);
    if (!spool_create(&s->spool, d, path, e)) {
        topic_rows_abandon(s);
        return false;
    }
    *out = s;
    return true;
}

static void rows_payload(struct buf *out, struct payload p)
{
    buf_varint(out, p.p ? p.n + 1 : 0);
    if (p.p)
        buf_put(out, p.p, p.n);
}

// Kafka's null: no key columns, or the one there is is NULL.
static bool rows_key(struct payload *out, struct topic_rows *s, const struct block *b, uint32_t row,
                     struct err *e)
{
    *out = (struct payload){NULL, 0};
    buf_clear(&s->key);
    bool null =
        !s->topic->key || (b->schema->key_count == 1 && !column_is_valid(&b->columns[0], row));
    if (null)
        return true;
    buf_room(&s->key, 1); // an empty key is not null
    if (!encoder_write(s->topic->key, &s->key, b->columns, row, e))
        return err_wrap(e, "key of topic %.*s", STR_ARG(s->topic->want.name));
    if (b->window_start)
        window_key_put(&s->key,
                       s->topic->window == WINDOW_SESSION ? WINDOW_KEY_SESSION : WINDOW_KEY_TIME,
                       b->window_start[row], b->window_end[row]);
    *out = (struct payload){s->key.p, s->key.n};
    return buf_ok(&s->key, "a row's key", e);
}

static bool rows_value(struct payload *out, struct topic_rows *s, const struct block *b,
                       uint32_t row, struct err *e)
{
    const enum row_op op = b->op ? (enum row_op)b->op[row] : OP_INSERT;
    *out = (struct payload){NULL, 0};
    assert(op != OP_UPDATE_BEFORE); // outputs never see what a key had before
    const struct column *values = b->columns + b->schema->key_count;
    buf_clear(&s->value);
    bool null = op == OP_DELETE || (b->null_value && b->null_value[row]) ||
                // The KAFKA format has no other way to say NULL.
                ((s->topic->value_format == SERDE_KAFKA || s->topic->bare_value) &&
                 !column_is_valid(values, row));
    if (null)
        return true;
    buf_room(&s->value, 1);
    if (!encoder_write(s->topic->value, &s->value, values, row, e))
        return err_wrap(e, "value of topic %.*s", STR_ARG(s->topic->want.name));
    *out = (struct payload){s->value.p, s->value.n};
    return true;
}

static int32_t rows_partition(const struct topic_rows *s, struct payload key, uint64_t seq)
{
    return key.p ? topic_partition((struct str){key.p, key.n}, s->partitions)
                 : (int32_t)(seq % (uint64_t)s->partitions);
}

bool topic_rows_add(struct topic_rows *s, const struct block *b, struct err *e)
{
    for (uint32_t row = 0; row < b->rows; row++) {
        struct payload key, value;
        if (!rows_key(&key, s, b, row, e) || !rows_value(&value, s, b, row, e))
            return false;
        buf_clear(&s->row);
        buf_le32(&s->row, (uint32_t)rows_partition(s, key, b->seq[row]));
        buf_le64(&s->row, (uint64_t)b->rowtime[row]);
        rows_payload(&s->row, key);
        rows_payload(&s->row, value);
        if (!buf_ok(&s->row, "a topic row", e) ||
            !spool_add_bytes(s->spool, buf_view(&s->row), value.p ? OP_INSERT : OP_DELETE, e))
            return false;
    }
    return true;
}

bool topic_rows_seal(struct topic_rows *s, struct spool_info *out, struct err *e)
{
    struct spool *spool = s->spool;
    s->spool = NULL;
    bool ok = spool_seal(spool, out, e);
    topic_rows_abandon(s);
    return ok;
}

static bool rows_read_payload(struct payload *out, struct cursor *in)
{
    uint64_t n;
    const uint8_t *p = NULL;
    if (!cur_varint(in, &n) || (n > 0 && !cur_bytes(in, &p, n - 1)))
        return false;
    *out = (struct payload){(const char *)p, n ? n - 1 : 0};
    return true;
}

bool topic_rows_read(struct topic_record *out, struct str row, struct err *e)
{
    struct cursor in = {(const uint8_t *)row.p, (const uint8_t *)row.p + row.n};
    uint32_t partition;
    uint64_t timestamp;
    if (!cur_le32(&in, &partition) || !cur_le64(&in, &timestamp) ||
        !rows_read_payload(&out->key, &in) || !rows_read_payload(&out->value, &in) ||
        in.p != in.end)
        return err_fail(e, ERR_DATA, "a spooled topic row of %zu bytes is malformed", row.n);
    out->partition = (int32_t)partition;
    out->timestamp = (int64_t)timestamp;
    return true;
}
