// JSON in STRING values: EXTRACTJSONFIELD, JSON_…, IS_JSON_STRING. Malformed JSON fails the row.
#include "sql/exec/fn_internal.h"

#include "schema/text.h"
#include "sql/exec/json_scan.h"

#include <assert.h>

// --- paths -----------------------------------------------------------------------------------------

#define PATH_STEPS_MAX 64

struct path {
    struct str steps[PATH_STEPS_MAX];
    uint32_t n;
};

// The step at *i: .name, ["name"] or [index]; *i moves behind it.
static bool parse_step(struct str *step, size_t *i, struct str s)
{
    size_t from = *i + 1, to = from;
    const char *end = NULL;
    if (s.p[*i] == '.') {
        while (to < s.n && s.p[to] != '.' && s.p[to] != '[')
            to++;
        *i = to;
    } else if (s.p[*i] != '[') {
        return false;
    } else if (from < s.n && (s.p[from] == '"' || s.p[from] == '\'')) {
        end = memchr(s.p + from + 1, s.p[from], s.n - from - 1);
        from++;
        to = end ? (size_t)(end - s.p) : s.n;
        if (to + 1 >= s.n || s.p[to + 1] != ']')
            return false;
        *i = to + 2;
    } else {
        end = memchr(s.p + *i, ']', s.n - *i);
        if (!end)
            return false;
        to = (size_t)(end - s.p);
        *i = to + 1;
    }
    *step = str_slice(s, from, to);
    return from != to;
}

// "$.a[0]['b c'].@type": names and subscripts.
static bool parse_path(struct path *out, struct str s)
{
    out->n = 0;
    if (!s.n || s.p[0] != '$')
        return false;
    for (size_t i = 1; i < s.n;) {
        struct str step;
        if (!parse_step(&step, &i, s) || out->n == PATH_STEPS_MAX)
            return false;
        out->steps[out->n++] = step;
    }
    return true;
}

// One step down; of equal names the last one counts.
static bool step_into(struct json_value *io, struct str step, struct buf *scratch)
{
    const struct json_value of = *io;
    struct json_value item;
    struct str name;
    size_t at = 0;
    int64_t index = -1;
    bool found = false;
    if (of.kind == JSON_KIND_ARRAY && !str_to_i64(&index, step))
        return false;
    if (of.kind != JSON_KIND_ARRAY && of.kind != JSON_KIND_OBJECT)
        return false;
    for (int64_t i = 0; json_next(&name, &item, &of, &at); i++) {
        if (of.kind == JSON_KIND_ARRAY ? i != index : !json_text_is(name, step, scratch))
            continue;
        *io = item;
        found = true;
        if (of.kind == JSON_KIND_ARRAY)
            break;
    }
    return found;
}

// A text without its quotes, anything else as JSON.
static void put_plain(struct buf *out, const struct json_value *v)
{
    if (v->kind == JSON_KIND_STRING)
        json_put_text(out, v->text);
    else
        json_put_value(out, v);
}

static void extract_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct path path = {.n = 0};
    struct str path_text = STR_NONE;
    bool good = false;
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        struct json_value v;
        bool empty;
        if (!path_text.p || !str_eq(path_text, args[1]->str[row])) {
            path_text = args[1]->str[row];
            good = parse_path(&path, path_text);
        }
        if (!good || !json_scan(&v, &empty, args[0]->str[row])) {
            fn_fail(call, out, row);
            continue;
        }
        uint32_t i = 0;
        while (i < path.n && step_into(&v, path.steps[i], &b))
            i++;
        buf_clear(&b);
        if (i < path.n) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        put_plain(&b, &v);
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

// --- arrays ----------------------------------------------------------------------------------------

static uint32_t count_items(const struct json_value *v)
{
    struct str name;
    struct json_value item;
    size_t at = 0;
    uint32_t n = 0;
    while (json_next(&name, &item, v, &at))
        n++;
    return n;
}

// The row's document; false = the row is done: NULL for an empty text or another kind, an exception when malformed.
static bool document(struct json_value *out, const struct fn_call *call, struct column *result,
                     struct str text, uint32_t row, enum json_kind kind)
{
    bool empty;
    if (!json_scan(out, &empty, text)) {
        if (empty)
            column_set_null(result, call->a, row, call->total);
        else
            fn_fail(call, result, row);
        return false;
    }
    if (out->kind == kind)
        return true;
    column_set_null(result, call->a, row, call->total);
    return false;
}

static void length_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    FN_EACH(row, rows)
    {
        struct json_value v;
        if (document(&v, call, out, args[0]->str[row], row, JSON_KIND_ARRAY))
            out->i32[row] = (int32_t)count_items(&v);
    }
}

static bool number_is(struct str lexeme, const struct column *wanted, uint32_t row)
{
    const bool integer = !memchr(lexeme.p, '.', lexeme.n) && !memchr(lexeme.p, 'e', lexeme.n) &&
                         !memchr(lexeme.p, 'E', lexeme.n);
    const enum type_kind kind = wanted->type->kind;
    int64_t i;
    double d;
    if (kind == TYPE_DOUBLE)
        return !integer && text_parse_double(&d, lexeme) && d == wanted->f64[row];
    if (!integer || (kind != TYPE_INTEGER && kind != TYPE_BIGINT) || !str_to_i64(&i, lexeme))
        return false;
    return i == (kind == TYPE_INTEGER ? wanted->i32[row] : wanted->i64[row]);
}

static bool item_is(const struct json_value *item, const struct column *wanted, uint32_t row,
                    struct buf *scratch)
{
    if (!column_is_valid(wanted, row))
        return item->kind == JSON_KIND_NULL;
    switch (item->kind) {
    case JSON_KIND_STRING:
        return wanted->type->kind == TYPE_STRING &&
               json_text_is(item->text, wanted->str[row], scratch);
    case JSON_KIND_BOOLEAN:
        return wanted->type->kind == TYPE_BOOLEAN && wanted->u8[row] == (item->text.p[0] == 't');
    case JSON_KIND_NUMBER:
        return number_is(item->text, wanted, row);
    case JSON_KIND_NULL:
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT:
        return false;
    }
    return false;
}

static void contains_eval(const struct fn_call *call, struct column *out,
                          const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        struct json_value v, item;
        struct str name;
        bool empty;
        size_t at = 0;
        if (!column_is_valid(args[0], row) || !json_scan(&v, &empty, args[0]->str[row])) {
            out->u8[row] = 0;
            continue;
        }
        bool found = false;
        while (v.kind == JSON_KIND_ARRAY && !found && json_next(&name, &item, &v, &at))
            found = item_is(&item, args[1], row, &b);
        out->u8[row] = found;
    }
    (void)call;
    buf_fini(&b);
}

static struct str own_text(const struct fn_call *call, struct buf *b)
{
    const struct str s = arena_str(call->a, buf_view(b));
    buf_clear(b);
    return s;
}

static void items_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        struct json_value v, item;
        struct str name;
        size_t at = 0;
        out->offsets[row] = out->offsets[row + 1] = out->child_rows;
        if (!document(&v, call, out, args[0]->str[row], row, JSON_KIND_ARRAY))
            continue;
        while (json_next(&name, &item, &v, &at)) {
            json_put_value(&b, &item);
            const uint32_t i = column_append_items(out, call->a, 1);
            out->children[0].str[i] = own_text(call, &b);
        }
        out->offsets[row + 1] = out->child_rows;
    }
    buf_fini(&b);
}

// --- objects ---------------------------------------------------------------------------------------

static void records_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        struct json_value v, member;
        struct str name;
        size_t at = 0;
        out->offsets[row] = out->offsets[row + 1] = out->child_rows;
        if (!document(&v, call, out, args[0]->str[row], row, JSON_KIND_OBJECT))
            continue;
        while (json_next(&name, &member, &v, &at)) {
            const uint32_t i = column_append_items(out, call->a, 1);
            json_put_text(&b, name);
            out->children[0].str[i] = own_text(call, &b);
            put_plain(&b, &member);
            out->children[1].str[i] = own_text(call, &b);
        }
        out->offsets[row + 1] = out->child_rows;
    }
    buf_fini(&b);
    column_sort_maps(out, call->a, call->total);
}

// Names in their order, each once.
static void add_keys(const struct fn_call *call, struct column *out, const struct json_value *v,
                     struct buf *b)
{
    struct json_value member;
    struct str name;
    size_t at = 0;
    const uint32_t first = out->child_rows;
    while (json_next(&name, &member, v, &at)) {
        bool seen = false;
        json_put_text(b, name);
        for (uint32_t i = first; i < out->child_rows && !seen; i++)
            seen = str_eq(out->children[0].str[i], buf_view(b));
        if (!seen) {
            const uint32_t i = column_append_items(out, call->a, 1);
            out->children[0].str[i] = own_text(call, b);
        }
        buf_clear(b);
    }
}

static void keys_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        struct json_value v;
        out->offsets[row] = out->offsets[row + 1] = out->child_rows;
        if (document(&v, call, out, args[0]->str[row], row, JSON_KIND_OBJECT))
            add_keys(call, out, &v, &b);
        out->offsets[row + 1] = out->child_rows;
    }
    buf_fini(&b);
}

static struct str inside(const struct json_value *v)
{
    return str_trim(str_slice(v->text, 1, v->text.n - 1));
}

// x and y as one document: two objects merged, otherwise one array (what is no array is one item).
static void concat_two(struct buf *out, const struct json_value *x, const struct json_value *y)
{
    const struct json_value *both[2] = {x, y};
    const bool objects = x->kind == JSON_KIND_OBJECT && y->kind == JSON_KIND_OBJECT;
    bool first = true;
    buf_char(out, objects ? '{' : '[');
    for (int i = 0; i < 2; i++) {
        const bool open = objects || both[i]->kind == JSON_KIND_ARRAY;
        const struct str part = open ? inside(both[i]) : both[i]->text;
        if (!part.n)
            continue;
        if (!first)
            buf_char(out, ',');
        buf_str(out, part);
        first = false;
    }
    buf_char(out, objects ? '}' : ']');
}

// Each step makes a text of everything so far; the last one is printed compactly.
static bool concat_row(struct buf *out, struct buf work[2], const struct column *const *args,
                       uint32_t n, uint32_t row)
{
    struct json_value so_far = {.kind = JSON_KIND_NULL};
    struct json_value next;
    bool empty;
    for (uint32_t i = 0; i < n; i++) {
        if (!column_is_valid(args[i], row) || !json_scan(&next, &empty, args[i]->str[row]))
            return false;
        if (i == 0) {
            so_far = next;
            continue;
        }
        buf_clear(&work[i % 2]);
        concat_two(&work[i % 2], &so_far, &next);
        if (work[i % 2].failed || !json_scan(&so_far, &empty, buf_view(&work[i % 2])))
            return false;
    }
    json_put_value(out, &so_far);
    return true;
}

static void concat_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    struct buf b;
    struct buf work[2];
    buf_init(&b, FN_TEXT_MAX);
    buf_init(&work[0], FN_TEXT_MAX);
    buf_init(&work[1], FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        if (n && concat_row(&b, work, args, n, row))
            fn_put_text(call, out, row, &b);
        else
            column_set_null(out, call->a, row, call->total);
    }
    buf_fini(&work[0]);
    buf_fini(&work[1]);
    buf_fini(&b);
}

static void is_json_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1);
    FN_EACH(row, rows)
    {
        struct json_value v;
        bool empty;
        out->u8[row] = column_is_valid(args[0], row) && json_scan(&v, &empty, args[0]->str[row]);
    }
}

static const struct fn fns[] = {
    {
        .name = "EXTRACTJSONFIELD",
        .signatures = "EXTRACTJSONFIELD(json STRING, path STRING) -> STRING",
        .help =
            "The value at a path ('$.a[0].b', names also as ['x']), texts without quotes, numbers "
            "as written; NULL when it is not there. What follows the document is ignored.",
        .example = "EXTRACTJSONFIELD('{\"a\": [1.50]}', '$.a[0]')",
        .gives = "1.50",
        .eval = extract_eval,
    },
    {
        .name = "JSON_ARRAY_CONTAINS",
        .signatures = "JSON_ARRAY_CONTAINS(json STRING, value T) -> BOOLEAN",
        .help = "Whether a JSON array has an element of the value's kind that equals it; false "
                "when the text is no array.",
        .example = "JSON_ARRAY_CONTAINS('[1, 2]', 2)",
        .gives = "true",
        .nulls = FN_SEES_NULLS,
        .eval = contains_eval,
    },
    {
        .name = "JSON_ARRAY_LENGTH",
        .signatures = "JSON_ARRAY_LENGTH(json STRING) -> INTEGER",
        .help = "The number of elements of a JSON array; NULL for other JSON.",
        .example = "JSON_ARRAY_LENGTH('[1, [2, 3]]')",
        .gives = "2",
        .eval = length_eval,
    },
    {
        .name = "JSON_ITEMS",
        .signatures = "JSON_ITEMS(json STRING) -> ARRAY<STRING>",
        .help = "The elements of a JSON array, each as JSON text; NULL for other JSON.",
        .example = "JSON_ITEMS('[1, {\"a\": 2}]')",
        .gives = "[1, {\"a\":2}]",
        .eval = items_eval,
    },
    {
        .name = "JSON_KEYS",
        .signatures = "JSON_KEYS(json STRING) -> ARRAY<STRING>",
        .help = "The names of a JSON object's members in their order; NULL for other JSON.",
        .example = "JSON_KEYS('{\"b\": 1, \"a\": 2}')",
        .gives = "[b, a]",
        .eval = keys_eval,
    },
    {
        .name = "JSON_RECORDS",
        .signatures = "JSON_RECORDS(json STRING) -> MAP<STRING, STRING>",
        .help = "The members of a JSON object, texts without quotes, other values as JSON text; "
                "NULL for other JSON.",
        .example = "JSON_RECORDS('{\"a\": 1, \"b\": \"x\"}')",
        .gives = "{a=1, b=x}",
        .eval = records_eval,
    },
    {
        .name = "JSON_CONCAT",
        .signatures = "JSON_CONCAT(json STRING, STRING...) -> STRING",
        .help = "Objects merged (of equal names the later value), arrays one behind the other; a "
                "value that is neither counts as an array of itself. NULL when one is no JSON.",
        .example = "JSON_CONCAT('{\"a\": 1}', '{\"b\": 2}')",
        .gives = "{\"a\":1,\"b\":2}",
        .nulls = FN_SEES_NULLS,
        .eval = concat_eval,
    },
    {
        .name = "IS_JSON_STRING",
        .signatures = "IS_JSON_STRING(STRING) -> BOOLEAN",
        .help = "Whether the text begins with a whole JSON value; false for NULL.",
        .example = "IS_JSON_STRING('[1, 2')",
        .gives = "false",
        .nulls = FN_SEES_NULLS,
        .eval = is_json_eval,
    },
};
FN_FAMILY(json, "JSON");
