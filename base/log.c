#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16 * 1024, TEXT_MAX = 4 * 1024 };

struct log {
    int fd;
    enum log_level min;
    enum log_format format;
    struct clock clock;
    pthread_mutex_t lock; // one line at a time, also when a write is cut short
};

struct log *log_new(int fd, enum log_level min, enum log_format format, const struct clock *clock)
{
    assert(fd >= 0 && clock);
    struct log *s = mem_zalloc(sizeof *s);
    s->fd = fd;
    s->min = min;
    s->format = format;
    s->clock = *clock;
    const int rc = pthread_mutex_init(&s->lock, NULL);
    assert(rc == 0);
    return s;
}

void log_free(struct log *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

bool log_enabled(const struct log *s, enum log_level level)
{
    return s && level >= s->min;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        return "info";
    case LOG_WARN:
        return "warn";
    case LOG_ERROR:
        return "error";
    }
    assert(!"no such level");
    return "error";
}

// The escapes of a JSON string; logfmt readers take the same. Bytes that are no UTF-8 become U+FFFD.
static void put_escaped(struct buf *out, struct str v)
{
    size_t i = 0;
    while (i < v.n) {
        uint32_t code = 0;
        const size_t k = utf8_decode(&code, v.p + i, v.n - i);
        if (k == 0)
            buf_text(out, "\xEF\xBF\xBD");
        else if (code == '"' || code == '\\')
            buf_printf(out, "\\%c", (char)code);
        else if (code == '\n')
            buf_text(out, "\\n");
        else if (code < 0x20 || code == 0x7F)
            buf_printf(out, "\\u%04x", code);
        else
            buf_put(out, v.p + i, k);
        i += k ? k : 1;
    }
}

static bool needs_quotes(struct str v)
{
    for (size_t i = 0; i < v.n; i++) {
        const unsigned char c = (unsigned char)v.p[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7F)
            return true;
    }
    return v.n == 0;
}

// A field that does not fit is left out whole, so that the line stays readable by machines.
static void put_field(const struct log *s, struct buf *line, const char *key, struct str value)
{
    const size_t before = line->n;
    const bool json = s->format == LOG_JSON;
    if (json)
        buf_text(line, before ? ",\"" : "{\"");
    else if (before)
        buf_char(line, ' ');
    put_escaped(line, str_from(key));
    buf_text(line, json ? "\":" : "=");
    const bool quotes = json || needs_quotes(value);
    if (quotes)
        buf_char(line, '"');
    put_escaped(line, value);
    if (quotes)
        buf_char(line, '"');
    if (line->failed) {
        line->failed = false;
        line->n = before;
    }
}

static void put_head(const struct log *s, struct buf *line, enum log_level level, const char *event)
{
    const struct civil c = civil_from_ms(s->clock.now_ms(s->clock.arg));
    char ts[64];
    const int n = snprintf(ts, sizeof ts, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ",
                           (long long)c.year, c.month, c.day, c.hour, c.minute, c.second, c.ms);
    assert(n > 0 && (size_t)n < sizeof ts);
    put_field(s, line, "ts", str_from(ts));
    put_field(s, line, "level", str_from(level_name(level)));
    put_field(s, line, "event", str_from(event));
}

static void put_fields(const struct log *s, struct buf *line, const char *const *fields)
{
    for (size_t i = 0; fields && fields[i]; i += 2) {
        assert(fields[i + 1]);
        put_field(s, line, fields[i], str_from(fields[i + 1]));
    }
}

// A log that cannot be written must not stop the work: the bytes are dropped.
static void put_out(struct log *s, struct buf *line)
{
    line->max += 2; // what put_field left free
    if (s->format == LOG_JSON)
        buf_char(line, '}');
    buf_char(line, '\n');
    pthread_mutex_lock(&s->lock);
    size_t at = 0;
    while (at < line->n) {
        const ssize_t k = write(s->fd, line->p + at, line->n - at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            break;
        at += (size_t)k;
    }
    pthread_mutex_unlock(&s->lock);
}

void log_event(struct log *s, enum log_level level, const char *event, const char *const *fields,
               const char *fmt, ...)
{
    assert(event);
    if (!log_enabled(s, level))
        return;
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    put_head(s, &line, level, event);
    put_fields(s, &line, fields);
    if (text[0])
        put_field(s, &line, "msg", str_from(text));
    put_out(s, &line);
    buf_fini(&line);
}

void log_err(struct log *s, const char *event, const char *const *fields, const struct err *e)
{
    assert(event && e);
    if (!log_enabled(s, LOG_ERROR))
        return;
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    put_head(s, &line, LOG_ERROR, event);
    put_fields(s, &line, fields);
    put_field(s, &line, "kind", str_from(err_kind_name(e->kind)));
    if (e->file[0]) {
        char at[sizeof e->file + 32];
        snprintf(at, sizeof at, "%s:%u:%u", e->file, e->line, e->column);
        put_field(s, &line, "at", str_from(at));
    }
    put_field(s, &line, "msg", str_from(e->text));
    if (e->hint[0])
        put_field(s, &line, "hint", str_from(e->hint));
    put_out(s, &line);
    buf_fini(&line);
}
