#include "jobs/run/dead.h"

#include "base/base64.h"
#include "base/hash.h"

#include <assert.h>

enum { DEAD_TEXT_MAX = 512 << 20 };

void dead_init(struct dead_letters *out, enum job_dead_payload payload)
{
    buf_init(&out->text, DEAD_TEXT_MAX);
    out->count = 0;
    out->payload = payload;
}

void dead_fini(struct dead_letters *s)
{
    buf_fini(&s->text);
}

void dead_string(struct buf *out, struct str s)
{
    static const char hex[] = "0123456789abcdef";
    buf_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            buf_char(out, '\\');
            buf_char(out, (char)c);
        } else if (c < 0x20) {
            buf_text(out, "\\u00");
            buf_char(out, hex[c >> 4]);
            buf_char(out, hex[c & 15]);
        } else {
            buf_char(out, (char)c);
        }
    }
    buf_char(out, '"');
}

// "key":…: text when it is UTF-8, else base64 under another name, so that every byte survives.
static void dead_payload(struct dead_letters *s, const char *name, struct payload v)
{
    char hex[17];
    switch (s->payload) {
    case JOB_DEAD_NONE:
        return;
    case JOB_DEAD_HASH:
        hash_hex(hex, hash_bytes(v.p, v.n, 0));
        buf_printf(&s->text, ",\"%s_xxh64\":\"%s\",\"%s_bytes\":%zu", name, hex, name, v.n);
        return;
    case JOB_DEAD_FULL:
        break;
    }
    if (!v.p) {
        buf_printf(&s->text, ",\"%s\":null", name);
    } else if (utf8_valid(v.p, v.n)) {
        buf_printf(&s->text, ",\"%s\":", name);
        dead_string(&s->text, (struct str){v.p, v.n});
    } else {
        buf_printf(&s->text, ",\"%s_base64\":\"", name);
        base64_encode(&s->text, (struct str){v.p, v.n});
        buf_char(&s->text, '"');
    }
}

bool dead_add(struct dead_letters *s, const struct sequence_range *range,
              const struct scan_record *record, struct str reason, struct err *e)
{
    assert(s && range && record);
    buf_text(&s->text, "{\"topic\":");
    dead_string(&s->text, range->topic_name);
    buf_printf(&s->text, ",\"partition\":%d,\"offset\":%lld,\"timestamp\":%lld,\"reason\":",
               (int)range->partition, (long long)record->offset, (long long)record->timestamp);
    dead_string(&s->text, reason);
    dead_payload(s, "key", record->key);
    dead_payload(s, "value", record->value);
    buf_text(&s->text, "}\n");
    s->count++;
    return buf_ok(&s->text, "the dead letters of one batch", e);
}
