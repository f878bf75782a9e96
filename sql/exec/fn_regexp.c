// REGEXP_…: Java's regular expressions by PCRE2. What the two dialects read differently (nested classes and && in
// classes) is an error; backtracking has a limit.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "sql/exec/fn_internal.h"

#include "sql/exec/unicode.h"

#include <assert.h>
#include <pcre2.h>

#define BACKTRACK_MAX 10000000u
#define GROUPS_MAX    1000u

struct regexp {
    pcre2_code *code;
    uint32_t groups;
    bool empty; // the pattern is ""
};

// "[a[bc]]", "[a-z&&[^b]]": Java builds sets there.
static bool has_nested_class(struct str s)
{
    assert(s.p || s.n == 0);
    bool inside = false;
    for (size_t i = 0; i < s.n; i++) {
        const char next = i + 1 < s.n ? s.p[i + 1] : 0;
        if (s.p[i] == '\\')
            i++;
        else if (!inside && s.p[i] == '[') {
            inside = true;
            i += next == '^';
            i += i + 1 < s.n && s.p[i + 1] == ']';
        } else if (inside && (s.p[i] == '[' || (s.p[i] == '&' && next == '&')))
            return true;
        else if (s.p[i] == ']')
            inside = false;
    }
    return false;
}

static bool regexp_compile(struct regexp *out, struct str pattern, struct err *e)
{
    int code;
    size_t at;
    unsigned char text[128];
    if (has_nested_class(pattern))
        return err_fail(e, ERR_SQL,
                        "not supported yet: [ and && inside of [] in the regular expression '%.*s'",
                        STR_ARG(pattern));
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_ANY);
    out->code =
        pcre2_compile((PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n,
                      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_ALT_BSUX, &code, &at, context);
    pcre2_compile_context_free(context);
    out->empty = pattern.n == 0;
    if (!out->code) {
        (void)pcre2_get_error_message(code, text, sizeof text);
        return err_fail(e, ERR_SQL, "invalid regular expression '%.*s': %s at offset %zu",
                        STR_ARG(pattern), (const char *)text, at);
    }
    (void)pcre2_pattern_info(out->code, PCRE2_INFO_CAPTURECOUNT, &out->groups);
    return true;
}

static void regexp_free(void *arg)
{
    const struct regexp *r = arg;
    pcre2_code_free(r->code);
}

// A literal pattern is compiled with the statement. A malformed one fails each row, as in ksqlDB; what is Java's alone is
// refused here.
static bool prepare_at(const void **state, struct arena *a, const struct value *const *consts,
                       uint32_t at, struct err *e)
{
    const struct value *v = consts[at];
    if (!v || v->null || !v->type || v->type->kind != TYPE_STRING)
        return true;
    struct regexp *r = ARENA_NEW(a, struct regexp);
    if (!regexp_compile(r, v->column.str[0], e))
        return !has_nested_class(v->column.str[0]);
    arena_on_free(a, regexp_free, r);
    *state = r;
    return true;
}

static bool prepare_first(const void **state, struct arena *a, const struct value *const *consts,
                          uint32_t n, struct err *e)
{
    assert(n >= 2);
    return prepare_at(state, a, consts, 0, e);
}

static bool prepare_second(const void **state, struct arena *a, const struct value *const *consts,
                           uint32_t n, struct err *e)
{
    assert(n >= 2);
    return prepare_at(state, a, consts, 1, e);
}

// The pattern of the row at hand: the prepared one, or the last row's when the text is the same.
struct matcher {
    const struct regexp *regexp; // NULL = the pattern is no good
    struct regexp own;
    struct str text; // of `own`
    bool has_own;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

static void matcher_init(struct matcher *out, const struct fn_call *call)
{
    *out = (struct matcher){.regexp = call->state};
    out->data =
        pcre2_match_data_create(GROUPS_MAX, NULL); // the first groups; others count as unset
    out->context = pcre2_match_context_create(NULL);
    (void)pcre2_set_match_limit(out->context, BACKTRACK_MAX);
}

static void matcher_fini(struct matcher *s)
{
    if (s->has_own)
        pcre2_code_free(s->own.code);
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->context);
}

static bool matcher_set(struct matcher *s, const struct fn_call *call, struct str pattern)
{
    struct err e;
    if (call->state)
        return true;
    if (s->text.p && str_eq(s->text, pattern))
        return s->regexp != NULL;
    if (s->has_own)
        pcre2_code_free(s->own.code);
    s->text = pattern.p ? pattern : STR("");
    s->has_own = regexp_compile(&s->own, pattern, &e);
    s->regexp = s->has_own ? &s->own : NULL;
    return s->has_own;
}

enum found { FOUND, FOUND_NOTHING, FOUND_LIMIT };

// Looks from byte `at` on.
static enum found matcher_find(const struct matcher *s, struct str text, size_t at)
{
    const int n = pcre2_match(s->regexp->code, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, at, 0,
                              s->data, s->context);
    return n >= 0 ? FOUND : n == PCRE2_ERROR_NOMATCH ? FOUND_NOTHING : FOUND_LIMIT;
}

static bool matcher_group(const struct matcher *s, struct str *out, struct str text, uint32_t group)
{
    const size_t *v = pcre2_get_ovector_pointer(s->data);
    if (group > s->regexp->groups || group >= GROUPS_MAX || v[2 * group] == PCRE2_UNSET)
        return false;
    *out = str_slice(text, v[2 * group], v[2 * group + 1]);
    if (!out->p)
        *out = STR("");
    return true;
}

// Where the next search begins: behind the match, one character further when it was empty.
static size_t matcher_next(const struct matcher *s, struct str text)
{
    const size_t *v = pcre2_get_ovector_pointer(s->data);
    size_t at = v[1];
    if (v[0] != v[1])
        return at;
    if (at >= text.n)
        return SIZE_MAX;
    (void)unicode_next(text, &at);
    return at;
}

static bool group_of(uint32_t *out, const struct column *const *args, uint32_t n, uint32_t row)
{
    *out = n == 3 ? (uint32_t)args[2]->i32[row] : 0;
    return n < 3 || args[2]->i32[row] >= 0;
}

static void extract_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    struct matcher m;
    matcher_init(&m, call);
    FN_EACH(row, rows)
    {
        uint32_t group;
        const struct str text = args[1]->str[row];
        enum found found = FOUND_LIMIT;
        if (matcher_set(&m, call, args[0]->str[row]) && group_of(&group, args, n, row))
            found = matcher_find(&m, text, 0);
        if (found == FOUND_LIMIT)
            fn_fail(call, out, row);
        else if (found == FOUND_NOTHING || !matcher_group(&m, &out->str[row], text, group))
            column_set_null(out, call->a, row, call->total);
    }
    matcher_fini(&m);
}

// All matches of the row as items; false = the limit was reached.
static bool extract_all(const struct fn_call *call, struct column *out, const struct matcher *m,
                        struct str text, uint32_t group)
{
    for (size_t at = 0; at != SIZE_MAX; at = matcher_next(m, text)) {
        const enum found found = matcher_find(m, text, at);
        if (found != FOUND)
            return found == FOUND_NOTHING;
        const uint32_t item = column_append_items(out, call->a, 1);
        struct column *items = &out->children[0];
        if (!matcher_group(m, &items->str[item], text, group))
            column_set_null(items, call->a, item, items->cap);
    }
    return true;
}

static void extract_all_eval(const struct fn_call *call, struct column *out,
                             const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    struct matcher m;
    matcher_init(&m, call);
    FN_EACH(row, rows)
    {
        uint32_t group;
        out->offsets[row] = out->child_rows;
        if (!matcher_set(&m, call, args[0]->str[row]) || !group_of(&group, args, n, row) ||
            (group <= m.regexp->groups && !extract_all(call, out, &m, args[1]->str[row], group)))
            fn_fail(call, out, row);
        else if (group > m.regexp->groups)
            column_set_null(out, call->a, row, call->total);
        out->offsets[row + 1] = out->child_rows;
    }
    matcher_fini(&m);
}

// The number of the group "{name}" at *i; *i moves to its last character.
static bool named_group(uint32_t *number, const struct matcher *m, struct str r, size_t *i)
{
    char name[64];
    const char *end = memchr(r.p + *i, '}', r.n - *i);
    if (!end)
        return false;
    const size_t len = (size_t)(end - r.p) - *i - 1;
    if (len == 0 || len >= sizeof name)
        return false;
    memcpy(name, r.p + *i + 1, len);
    name[len] = 0;
    const int found = pcre2_substring_number_from_name(m->regexp->code, (PCRE2_SPTR)name);
    if (found < 0)
        return false;
    *number = (uint32_t)found;
    *i += len + 1;
    return true;
}

static bool digit_at(uint32_t *digit, struct str r, size_t i)
{
    if (i >= r.n || r.p[i] < '0' || r.p[i] > '9')
        return false;
    *digit = (uint32_t)(r.p[i] - '0');
    return true;
}

// The group behind the dollar sign at *i: {name}, or digits as long as there is such a group.
static bool replacement_group(uint32_t *number, const struct matcher *m, struct str r, size_t *i)
{
    uint32_t digit;
    if (*i + 1 < r.n && r.p[*i + 1] == '{') {
        ++*i;
        return named_group(number, m, r, i);
    }
    if (!digit_at(number, r, *i + 1) || *number > m->regexp->groups)
        return false;
    for (++*i; digit_at(&digit, r, *i + 1) && *number * 10 + digit <= m->regexp->groups; ++*i)
        *number = *number * 10 + digit;
    return true;
}

// "$1", "${name}", "\x" in a replacement; false where Java throws.
static bool put_replacement(struct buf *out, const struct matcher *m, struct str text, struct str r)
{
    for (size_t i = 0; i < r.n; i++) {
        struct str group;
        uint32_t number = 0;
        if (r.p[i] == '\\') {
            if (++i == r.n)
                return false;
            buf_char(out, r.p[i]);
            continue;
        }
        if (r.p[i] != '$') {
            buf_char(out, r.p[i]);
            continue;
        }
        if (!replacement_group(&number, m, r, &i))
            return false;
        if (matcher_group(m, &group, text, number))
            buf_str(out, group);
    }
    return true;
}

static bool replace_all(struct buf *out, const struct matcher *m, struct str text, struct str with)
{
    size_t kept = 0;
    for (size_t at = 0; at != SIZE_MAX; at = matcher_next(m, text)) {
        const enum found found = matcher_find(m, text, at);
        if (found == FOUND_LIMIT)
            return false;
        if (found == FOUND_NOTHING)
            break;
        const size_t *v = pcre2_get_ovector_pointer(m->data);
        buf_str(out, str_slice(text, kept, v[0]));
        kept = v[1];
        if (!put_replacement(out, m, text, with))
            return false;
    }
    buf_str(out, str_slice(text, kept, text.n));
    return true;
}

static void replace_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 3);
    struct matcher m;
    struct buf b;
    matcher_init(&m, call);
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        if (matcher_set(&m, call, args[1]->str[row]) &&
            replace_all(&b, &m, args[0]->str[row], args[2]->str[row])) {
            fn_put_text(call, out, row, &b);
            continue;
        }
        buf_clear(&b);
        fn_fail(call, out, row);
    }
    buf_fini(&b);
    matcher_fini(&m);
}

static void put_piece(const struct fn_call *call, struct column *out, struct str piece)
{
    const uint32_t item = column_append_items(out, call->a, 1);
    out->children[0].str[item] = piece.p ? piece : STR("");
}

// The pieces between matches; a pattern that can match nothing is an error, the empty one gives characters.
static bool split_row(const struct fn_call *call, struct column *out, const struct matcher *m,
                      struct str text)
{
    size_t kept = 0;
    if (m->regexp->empty) {
        for (size_t at = 0; at < text.n; kept = at) {
            (void)unicode_next(text, &at);
            put_piece(call, out, str_slice(text, kept, at));
        }
        if (!text.n)
            put_piece(call, out, text);
        return true;
    }
    if (matcher_find(m, STR(""), 0) != FOUND_NOTHING)
        return false;
    for (;;) {
        const enum found found = matcher_find(m, text, kept);
        if (found == FOUND_LIMIT)
            return false;
        if (found == FOUND_NOTHING)
            break;
        const size_t *v = pcre2_get_ovector_pointer(m->data);
        if (v[0] == v[1])
            return false;
        put_piece(call, out, str_slice(text, kept, v[0]));
        kept = v[1];
    }
    put_piece(call, out, str_slice(text, kept, text.n));
    return true;
}

static void split_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct matcher m;
    matcher_init(&m, call);
    FN_EACH(row, rows)
    {
        out->offsets[row] = out->child_rows;
        if (!matcher_set(&m, call, args[1]->str[row]) ||
            !split_row(call, out, &m, args[0]->str[row]))
            fn_fail(call, out, row);
        out->offsets[row + 1] = out->child_rows;
    }
    matcher_fini(&m);
}

static const struct fn fns[] = {
    {
        .name = "REGEXP_EXTRACT",
        .signatures = "REGEXP_EXTRACT(pattern STRING, text STRING[, group INTEGER]) -> STRING",
        .help =
            "The first part of the text that matches Java's regular expression, or a group of it; "
            "NULL when nothing matches.",
        .example = "REGEXP_EXTRACT('(.*) (.*)', 'hello there', 2)",
        .gives = "there",
        .prepare = prepare_first,
        .eval = extract_eval,
    },
    {
        .name = "REGEXP_EXTRACT_ALL",
        .signatures =
            "REGEXP_EXTRACT_ALL(pattern STRING, text STRING[, group INTEGER]) -> ARRAY<STRING>",
        .help = "All parts of the text that match, or a group of each; NULL when there is no such "
                "group.",
        .example = "REGEXP_EXTRACT_ALL('(\\w+) (\\w+)', 'hello there nice day', 2)",
        .gives = "[there, day]",
        .prepare = prepare_first,
        .eval = extract_all_eval,
    },
    {
        .name = "REGEXP_REPLACE",
        .signatures = "REGEXP_REPLACE(text STRING, pattern STRING, replacement STRING) -> STRING",
        .help = "The text with every match replaced; $1 and ${name} in the replacement are groups.",
        .example = "REGEXP_REPLACE('baababaa', '(ab)+', 'cat')",
        .gives = "bacataa",
        .prepare = prepare_second,
        .eval = replace_eval,
    },
    {
        .name = "REGEXP_SPLIT_TO_ARRAY",
        .signatures = "REGEXP_SPLIT_TO_ARRAY(text STRING, pattern STRING) -> ARRAY<STRING>",
        .help =
            "The pieces between the matches; the empty pattern splits into characters, one that "
            "matches the empty text is an error.",
        .example = "REGEXP_SPLIT_TO_ARRAY('aabcda', '(ab|cd)')",
        .gives = "[a, , a]",
        .prepare = prepare_second,
        .eval = split_eval,
    },
};
FN_FAMILY(regexp, "Regular expressions");
