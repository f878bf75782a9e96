#include "config/conf_internal.h"

#include <assert.h>

enum { TABLES_MAX = 32 };

static const char *choices_text(struct arena *a, const struct conf_opt *o)
{
    struct str all = STR("");
    for (size_t i = 0; o->choices[i]; i++)
        all = arena_printf(a, "%.*s%s%s", STR_ARG(all), i ? " | " : "", o->choices[i]);
    return all.p;
}

const char *conf_type_text(struct arena *a, const struct conf_opt *o)
{
    switch (o->type) {
    case CONF_TEXT:
        return "text";
    case CONF_PATH:
        return "path";
    case CONF_BOOL:
        return "true | false";
    case CONF_INT:
        return "number";
    case CONF_BYTES:
        return "size";
    case CONF_DURATION:
        return "duration";
    case CONF_RATIO:
        return "share";
    case CONF_ENUM:
        return choices_text(a, o);
    case CONF_TEXTS:
        return "list of texts";
    case CONF_PATHS:
        return "list of paths";
    case CONF_SECTION:
        return "section";
    case CONF_LIST:
        return "list of sections";
    case CONF_MAP:
        return "sections by name";
    case CONF_PAIRS:
        return "properties";
    case CONF_CUSTOM:
        return o->kind ? o->kind : "value";
    }
    assert(!"no such type");
    return "";
}

void conf_show(struct buf *out, const struct conf_reader *r, enum conf_show how)
{
    size_t width = 0;
    for (size_t i = 0; i < r->settings.n; i++) {
        const struct conf_setting *s = &r->settings.v[i];
        const size_t n = s->path.n + s->text.n + 2;
        width = n > width && n <= 60 ? n : width;
    }
    for (size_t i = 0; i < r->settings.n; i++) {
        const struct conf_setting *s = &r->settings.v[i];
        const size_t n = s->path.n + s->text.n + 2;
        buf_printf(out, "%.*s: %.*s", STR_ARG(s->path), STR_ARG(s->text));
        if (how == CONF_SHOW_ORIGINS)
            buf_printf(out, "%*s  # %.*s", (int)(n < width ? width - n : 0), "",
                       STR_ARG(s->origin));
        buf_char(out, '\n');
    }
}

// '|' would end a cell.
static void put_cell(struct buf *out, const char *z)
{
    for (; *z; z++) {
        if (*z == '|')
            buf_char(out, '\\');
        buf_char(out, *z);
    }
}

static void put_code(struct buf *out, const char *z)
{
    buf_char(out, '`');
    put_cell(out, z);
    buf_char(out, '`');
}

static void put_row(struct buf *out, struct arena *a, const struct conf_opt *o)
{
    buf_text(out, "| ");
    put_code(out, o->key);
    buf_text(out, " | ");
    put_cell(out, conf_type_text(a, o));
    if (o->sub)
        buf_printf(out, ", see [%s](#%s)", o->sub->name, o->sub->name);
    buf_text(out, " | ");
    if (o->flags & CONF_REQUIRED)
        buf_text(out, "required");
    else if (o->def)
        put_code(out, o->def);
    buf_text(out, " | ");
    put_cell(out, o->help);
    if (o->env)
        buf_printf(out, " Environment: `%s`.", o->env);
    buf_text(out, " |\n");
}

// Each table once, the ones it uses behind it.
static void print_table(struct buf *out, struct arena *a, const struct conf_table *table,
                        const struct conf_table **done, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        if (done[i] == table)
            return;
    }
    assert(*count < TABLES_MAX);
    done[(*count)++] = table;
    if (table->count > 0) {
        buf_printf(out, "\n## %s\n\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
                   table->name, table->help);
        for (size_t i = 0; i < table->count; i++)
            put_row(out, a, &table->opts[i]);
    } else {
        buf_printf(out, "\n## %s\n\n%s\n", table->name, table->help);
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->opts[i].sub)
            print_table(out, a, table->opts[i].sub, done, count);
    }
}

void conf_print_docs(struct buf *out, const struct conf_table *table)
{
    const struct conf_table *done[TABLES_MAX] = {NULL};
    size_t count = 0;
    struct arena *a = arena_new(NULL);
    print_table(out, a, table, done, &count);
    arena_free(a);
}
