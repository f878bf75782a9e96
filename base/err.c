#include "base/err.h"

#include "base/str.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>

enum { FRAMES_MAX = 8 };

static void frame_add(struct err *e, const char *file, int line)
{
    static_assert(sizeof e->frames / sizeof e->frames[0] == FRAMES_MAX, "frames");
    if (e->frame_count < FRAMES_MAX)
        e->frames[e->frame_count++] = (struct err_frame){file, line};
}

// A text that did not fit ends in "..." instead of in the middle of a character.
static void mark_cut(char *text, size_t size, size_t wanted)
{
    assert(size > 4);
    if (wanted < size)
        return;
    size_t end = size - 4;
    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
        end--;
    memcpy(text + end, "...", 4);
}

static void print_into(char *text, size_t size, const char *fmt, va_list ap) ERR_PRINTF(3, 0);
static void print_into(char *text, size_t size, const char *fmt, va_list ap)
{
    const int n = vsnprintf(text, size, fmt, ap);
    assert(n >= 0);
    mark_cut(text, size, (size_t)n);
}

static enum err_remedy default_remedy(enum err_kind kind)
{
    return kind == ERR_REMOTE ? REMEDY_RETRY_RUN : REMEDY_FATAL;
}

static void start(struct err *e, const char *file, int line, enum err_kind kind, int sys_errno)
{
    assert(e);
    assert(kind != ERR_NONE);
    err_clear(e);
    e->kind = kind;
    e->remedy = default_remedy(kind);
    e->sys_errno = sys_errno;
    frame_add(e, file, line);
}

void err_clear(struct err *e)
{
    assert(e);
    e->kind = ERR_NONE;
    e->remedy = REMEDY_FATAL;
    e->sys_errno = 0;
    e->text[0] = e->hint[0] = e->file[0] = e->excerpt[0] = '\0';
    e->line = e->column = e->caret = 0;
    e->frame_count = 0;
}

bool err_fail_at(struct err *e, const char *file, int line, enum err_kind kind, const char *fmt,
                 ...)
{
    // The arguments may point into *e itself.
    char text[sizeof e->text];
    va_list ap;
    va_start(ap, fmt);
    print_into(text, sizeof text, fmt, ap);
    va_end(ap);
    start(e, file, line, kind, 0);
    memcpy(e->text, text, sizeof text);
    return false;
}

bool err_sys_at(struct err *e, const char *file, int line, enum err_kind kind, int sys_errno,
                const char *fmt, ...)
{
    char text[sizeof e->text / 2 + 128];
    va_list ap;
    va_start(ap, fmt);
    print_into(text, sizeof text, fmt, ap);
    va_end(ap);
    start(e, file, line, kind, sys_errno);
    const char *why = strerrordesc_np(sys_errno);
    const int n = snprintf(e->text, sizeof e->text, "%s: %s", text, why ? why : "unknown error");
    assert(n >= 0);
    mark_cut(e->text, sizeof e->text, (size_t)n);
    return false;
}

bool err_wrap_at(struct err *e, const char *file, int line, const char *fmt, ...)
{
    assert(e);
    assert(e->kind != ERR_NONE);
    char outer[sizeof e->text];
    va_list ap;
    va_start(ap, fmt);
    print_into(outer, sizeof outer, fmt, ap);
    va_end(ap);
    char whole[2 * sizeof e->text + 2];
    const int n = snprintf(whole, sizeof whole, "%s: %s", outer, e->text);
    assert(n >= 0 && (size_t)n < sizeof whole);
    const size_t keep = (size_t)n < sizeof e->text ? (size_t)n + 1 : sizeof e->text - 1;
    memcpy(e->text, whole, keep);
    e->text[sizeof e->text - 1] = '\0';
    mark_cut(e->text, sizeof e->text, (size_t)n);
    frame_add(e, file, line);
    return false;
}

bool err_hint_put(struct err *e, const char *fmt, ...)
{
    assert(e);
    char text[sizeof e->hint];
    va_list ap;
    va_start(ap, fmt);
    print_into(text, sizeof text, fmt, ap);
    va_end(ap);
    memcpy(e->hint, text, sizeof text);
    return false;
}

bool err_remedy(struct err *e, enum err_remedy remedy)
{
    assert(e);
    e->remedy = remedy;
    return false;
}

// The line's text up to its end, cut on both sides so that the column stays visible. Control bytes
// become blanks: the caret below must line up and nothing may reach the terminal.
static void set_excerpt(struct err *e, const char *line, size_t n)
{
    const char *end = n ? memchr(line, '\n', n) : NULL;
    if (end)
        n = (size_t)(end - line);
    const struct str s = {line, n};
    const size_t room = sizeof e->excerpt - 1;
    unsigned first = 0; // characters cut on the left
    if (n > room && e->column > 40)
        first = e->column - 40;
    const size_t from = n ? utf8_offset(s, first) : 0;
    size_t take = n - from < room ? n - from : room;
    while (take > 0 && from + take < n && ((unsigned char)line[from + take] & 0xC0) == 0x80)
        take--;
    for (size_t i = 0; i < take; i++) {
        const unsigned char c = (unsigned char)line[from + i];
        e->excerpt[i] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
    }
    while (take > 0 && e->excerpt[take - 1] == ' ')
        take--;
    e->excerpt[take] = '\0';
    e->caret = e->column - first;
}

bool err_position(struct err *e, const char *file, unsigned line, unsigned column,
                  const char *excerpt, size_t excerpt_len)
{
    assert(e);
    assert(excerpt || excerpt_len == 0);
    const int n = snprintf(e->file, sizeof e->file, "%s", file ? file : "");
    assert(n >= 0);
    mark_cut(e->file, sizeof e->file, (size_t)n);
    e->line = line;
    e->column = column;
    set_excerpt(e, excerpt, excerpt_len);
    return false;
}

const char *err_kind_name(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
        return "none";
    case ERR_USAGE:
        return "usage";
    case ERR_CONFIG:
        return "config";
    case ERR_SQL:
        return "sql";
    case ERR_DATA:
        return "data";
    case ERR_LIMIT:
        return "limit";
    case ERR_IO:
        return "io";
    case ERR_REMOTE:
        return "remote";
    case ERR_FENCED:
        return "fenced";
    case ERR_BEHIND:
        return "behind";
    case ERR_CANCELLED:
        return "cancelled";
    case ERR_BUG:
        return "bug";
    }
    assert(!"no such kind");
    return "none";
}

int err_exit_code(const struct err *e)
{
    assert(e);
    if (e->kind == ERR_NONE)
        return 0;
    if (e->kind == ERR_USAGE)
        return 2;
    if (e->kind == ERR_CONFIG || e->kind == ERR_SQL)
        return 3;
    if (e->kind == ERR_REMOTE && e->remedy != REMEDY_FATAL)
        return 4;
    return 1;
}

// Appends like snprintf: counts what did not fit.
static void append(char *out, size_t size, size_t *n, const char *fmt, ...) ERR_PRINTF(4, 5);
static void append(char *out, size_t size, size_t *n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const size_t at = *n < size ? *n : size;
    const int k = vsnprintf(at < size ? out + at : NULL, size - at, fmt, ap);
    va_end(ap);
    assert(k >= 0);
    *n += (size_t)k;
}

size_t err_format(const struct err *e, char *out, size_t size)
{
    assert(e);
    assert(out || size == 0);
    size_t n = 0;
    if (size)
        out[0] = '\0';
    if (e->file[0])
        append(out, size, &n, "%s:", e->file);
    if (e->line && e->column)
        append(out, size, &n, "%u:%u: ", e->line, e->column);
    else if (e->line)
        append(out, size, &n, "%u: ", e->line);
    else if (e->file[0])
        append(out, size, &n, " ");
    append(out, size, &n, "%s", e->text);
    if (e->excerpt[0] && e->caret)
        append(out, size, &n, "\n    %s\n    %*s^", e->excerpt, (int)e->caret - 1, "");
    if (e->hint[0])
        append(out, size, &n, "\nhint: %s", e->hint);
    return n;
}
