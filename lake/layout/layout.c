#include "lake/layout/layout.h"

#include "base/hash.h"

#include <assert.h>

static const char hex_digits[] = "0123456789ABCDEF";

static void put_escaped(struct buf *out, uint8_t c)
{
    const char text[3] = {'%', hex_digits[c >> 4], hex_digits[c & 15]};
    buf_put(out, text, sizeof text);
}

static bool is_special(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f || strchr("\"#%'*/:=?\\[]^{}", c) != NULL;
}

// Bytes of the character at p that may stay as they are: 0 = escape this byte. C1 control characters and line and paragraph
// separators are escaped too: they break terminals and listings.
static size_t plain_bytes(const char *p, size_t n)
{
    if ((unsigned char)*p < 0x80)
        return is_special(*p) ? 0 : 1;
    uint32_t code = 0;
    size_t taken = utf8_decode(&code, p, n);
    bool control = (code >= 0x80 && code < 0xa0) || code == 0x2028 || code == 0x2029;
    return control ? 0 : taken;
}

void layout_escape(struct buf *out, struct str value)
{
    for (size_t i = 0; i < value.n;) {
        size_t plain = plain_bytes(value.p + i, value.n - i);
        if (plain == 0)
            put_escaped(out, (uint8_t)value.p[i++]);
        else
            buf_put(out, value.p + i, plain);
        i += plain;
    }
}

// Longest beginning of s that fits into max bytes and cuts neither a character nor a %XX.
static size_t fitting(struct str s, size_t max)
{
    size_t n = s.n < max ? s.n : max;
    while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    for (size_t back = 1; back <= 2 && back <= n && n < s.n; back++)
        if (s.p[n - back] == '%')
            return n - back;
    return n;
}

// Escapes the value behind what was appended since `from`; all of that together takes at most `max` bytes: when it would
// not fit, it is its beginning, "~" and the hash of the original. However long the value is, little of it is looked at twice.
static void put_limited(struct buf *out, size_t from, size_t max, struct str value,
                        struct str original)
{
    assert(max > 17);
    layout_escape(out, str_slice(value, 0, max + 4));
    if (out->failed || (value.n <= max + 4 && out->n - from <= max))
        return;
    char hex[17];
    hash_hex(hex, hash_str(original));
    out->n = from + fitting((struct str){out->p + from, out->n - from}, max - 17);
    buf_char(out, '~');
    buf_text(out, hex);
}

static void put_name(struct buf *out, struct str name, size_t max)
{
    size_t from = out->n;
    if (name.n == 0) {
        buf_text(out, "%");
        return;
    }
    size_t head = name.p[0] == '.' || name.p[0] == '_';
    if (head)
        put_escaped(out, (uint8_t)name.p[0]);
    put_limited(out, from, max, str_slice(name, head, name.n), name);
}

void layout_name(struct buf *out, struct str name)
{
    put_name(out, name, LAYOUT_NAME_MAX);
}

void layout_partition(struct buf *out, struct str column, struct str value, size_t max)
{
    assert(max >= LAYOUT_PART_MIN && max <= LAYOUT_NAME_MAX);
    size_t from = out->n;
    put_name(out, column, max / 2 - 1);
    buf_char(out, '=');
    if (!value.p || value.n == 0) {
        buf_text(out, LAYOUT_NULL);
        return;
    }
    size_t start = out->n;
    const struct str original = value;
    if (str_eq(value, STR(LAYOUT_NULL))) { // the text, not the absence
        put_escaped(out, '_');
        value = str_slice(value, 1, value.n);
    }
    put_limited(out, start, max - (start - from), value, original);
}

void layout_output(struct buf *out, enum lake_kind kind, struct str name)
{
    buf_text(out, kind == LAKE_STREAM ? "streams/" : "tables/");
    layout_name(out, name);
}

void layout_task(struct buf *out, struct str job, unsigned task)
{
    buf_text(out, LAYOUT_HIDDEN "/");
    layout_name(out, job);
    buf_printf(out, "/%u", task);
}

void layout_file(struct buf *out, uint64_t slot, uint64_t n)
{
    buf_printf(out, "%012llu-%llu", (unsigned long long)slot, (unsigned long long)n);
}

bool layout_read_file(uint64_t *slot, uint64_t *n, struct str path)
{
    struct str head, tail, number, rest;
    while (str_split_once(&head, &tail, path, '/'))
        path = tail;
    return str_split_once(&head, &tail, path, '-') && str_to_u64(slot, head) &&
           str_split_once(&number, &rest, tail, '.') && str_to_u64(n, number);
}

static bool component_safe(struct str c)
{
    if (c.n == 0 || c.n > 255 || str_eq(c, STR(".")) || str_eq(c, STR("..")))
        return false;
    for (size_t i = 0; i < c.n; i++)
        if ((unsigned char)c.p[i] < 0x20 || c.p[i] == 0x7f)
            return false;
    return true;
}

bool layout_path_safe(struct str path)
{
    if (path.n == 0 || path.n > LAYOUT_PATH_MAX)
        return false;
    for (size_t from = 0, i = 0; i <= path.n; i++) {
        if (i < path.n && path.p[i] != '/')
            continue;
        if (!component_safe(str_slice(path, from, i)))
            return false;
        from = i + 1;
    }
    return true;
}
