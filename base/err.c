#include "base/err.h"

#include "base/str.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char ellipsis[] = "...";

// Formats into a fixed field; text that does not fit ends in "...".
ERR_PRINTF(3, 0)
static void err_vformat(char *out, size_t size, const char *fmt, va_list args)
{
    int n = vsnprintf(out, size, fmt, args);
    assert(n >= 0);
    if ((size_t)n >= size)
        memcpy(out + size - sizeof ellipsis, ellipsis, sizeof ellipsis);
}

static void err_push_frame(struct err *e, const char *file, int line)
{
    unsigned max = sizeof e->frames / sizeof e->frames[0];
    if (e->frame_count < max)
        e->frames[e->frame_count++] = (struct err_frame){file, line};
}

void err_clear(struct err *e)
{
    memset(e, 0, sizeof *e);
}

bool err_fail_at(struct err *e, const char *file, int line, enum err_kind kind, const char *fmt,
                 ...)
{
    assert(e && kind != ERR_NONE);
    err_clear(e);
    e->kind = kind;
    va_list args;
    va_start(args, fmt);
    err_vformat(e->text, sizeof e->text, fmt, args);
    va_end(args);
    err_push_frame(e, file, line);
    return false;
}

bool err_wrap_at(struct err *e, const char *file, int line, const char *fmt, ...)
{
    assert(e && e->kind != ERR_NONE);
    char outer[sizeof e->text];
    va_list args;
    va_start(args, fmt);
    err_vformat(outer, sizeof outer, fmt, args);
    va_end(args);
    size_t n = strlen(outer), max = sizeof e->text;
    size_t inner = strlen(e->text);
    // "outer: inner"; the cause (inner) is kept whole as long as possible.
    size_t room = max - 1 > inner + 2 ? max - 1 - inner - 2 : 0;
    if (n > room)
        n = room;
    if (n > 0) {
        memmove(e->text + n + 2, e->text, inner + 1);
        memcpy(e->text, outer, n);
        memcpy(e->text + n, ": ", 2);
    }
    err_push_frame(e, file, line);
    return false;
}

bool err_sys_at(struct err *e, const char *file, int line, enum err_kind kind, int sys_errno,
                const char *fmt, ...)
{
    assert(e);
    err_clear(e);
    e->kind = kind;
    e->sys_errno = sys_errno;
    va_list args;
    va_start(args, fmt);
    err_vformat(e->text, sizeof e->text, fmt, args);
    va_end(args);
    size_t n = strlen(e->text);
    char why[128];
    snprintf(e->text + n, sizeof e->text - n, ": %s", strerror_r(sys_errno, why, sizeof why));
    err_push_frame(e, file, line);
    return false;
}

bool err_hint(struct err *e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    err_vformat(e->hint, sizeof e->hint, fmt, args);
    va_end(args);
    return false;
}

bool err_remedy(struct err *e, enum err_remedy remedy)
{
    e->remedy = remedy;
    return false;
}

bool err_position(struct err *e, const char *file, unsigned line, unsigned column,
                  const char *excerpt, size_t excerpt_len)
{
    snprintf(e->file, sizeof e->file, "%s", file ? file : "");
    e->line = line;
    e->column = column;
    size_t n = excerpt_len < sizeof e->excerpt - 1 ? excerpt_len : sizeof e->excerpt - 1;
    if (excerpt)
        memcpy(e->excerpt, excerpt, n);
    e->excerpt[excerpt ? n : 0] = 0;
    return false;
}

const char *err_kind_name(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
        return "none";
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
    return "unknown";
}

int err_exit_code(const struct err *e)
{
    switch (e->kind) {
    case ERR_NONE:
        return 0;
    case ERR_CONFIG:
    case ERR_SQL:
        return 3;
    case ERR_REMOTE:
        return e->remedy == REMEDY_FATAL ? 1 : 4;
    case ERR_DATA:
    case ERR_LIMIT:
    case ERR_IO:
    case ERR_FENCED:
    case ERR_BEHIND:
    case ERR_CANCELLED:
    case ERR_BUG:
        return 1;
    }
    return 1;
}

// The source line and a caret under the column; columns count characters, tabs keep their width.
static size_t err_format_excerpt(const struct err *e, char *out, size_t size)
{
    if (!e->excerpt[0] || e->column == 0)
        return 0;
    struct str line = str_from(e->excerpt);
    size_t upto = utf8_offset(line, e->column - 1);
    char pad[sizeof e->excerpt + 1];
    size_t n = 0;
    for (size_t i = 0; i < upto; i++) {
        if (((unsigned char)line.p[i] & 0xC0) != 0x80)
            pad[n++] = line.p[i] == '\t' ? '\t' : ' ';
    }
    pad[n] = 0;
    return (size_t)snprintf(out, size, "\n    %s\n    %s^", e->excerpt, pad);
}

size_t err_format(const struct err *e, char *out, size_t size)
{
    assert(size > 0);
    char excerpt[2 * sizeof e->excerpt + 16] = "";
    err_format_excerpt(e, excerpt, sizeof excerpt);
    char where[sizeof e->file + 32] = "";
    if (e->file[0] && e->line)
        snprintf(where, sizeof where, "%s:%u:%u: ", e->file, e->line, e->column);
    else if (e->file[0])
        snprintf(where, sizeof where, "%s: ", e->file);
    int n = snprintf(out, size, "%s%s%s%s%s", where, e->text, excerpt, e->hint[0] ? "\nhint: " : "",
                     e->hint);
    assert(n >= 0);
    return (size_t)n;
}
