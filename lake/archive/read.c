#include "lake/archive/archive_internal.h"

#include "base/hash.h"
#include "base/map.h"

#include <assert.h>

// --- opening ---------------------------------------------------------------------------------------------------------

static bool archive_manifest(struct buf *out, struct lake_archive *s, struct err *e)
{
    struct str name, piece;
    enum arc_next got = arc_next(&name, s->arc, e);
    if (got == ARC_FAILED)
        return false;
    if (got == ARC_END || !str_eq(name, STR(ARCHIVE_MANIFEST))) {
        err_fail(e, ERR_DATA, "%s does not begin with %s", s->path, ARCHIVE_MANIFEST);
        return err_hint(e, "it is not an archive that lake export has written");
    }
    while ((got = arc_read(&piece, s->arc, e)) == ARC_DATA && !out->failed)
        buf_str(out, piece);
    return got != ARC_FAILED && buf_ok(out, ARCHIVE_MANIFEST, e);
}

static void archive_index(struct lake_archive *s)
{
    const struct archive_contents *c = &s->contents;
    s->files = map_new(s->a);
    s->list = ARENA_ARRAY(s->a, const struct lake_file *, c->files + 1);
    size_t n = 0;
    bool added;
    for (size_t i = 0; i < c->count; i++)
        for (size_t k = 0; k < c->manifests[i].count; k++) {
            *map_put(s->files, c->manifests[i].files[k].path, &added) = n;
            s->list[n++] = &c->manifests[i].files[k];
        }
}

bool lake_archive_open(struct lake_archive **out, const char *path, struct err *e)
{
    struct lake_archive *s = mem_zalloc(sizeof *s);
    struct buf text;
    s->a = arena_new(NULL);
    s->path = arena_strdup(s->a, path);
    buf_init(&text, ARCHIVE_MANIFEST_MAX);
    bool ok = arc_open(&s->arc, path, e) && archive_manifest(&text, s, e) &&
              (contents_read(&s->contents, s->a, buf_view(&text), e) || err_wrap(e, "%s", path));
    buf_fini(&text);
    if (!ok) {
        lake_archive_close(s);
        return false;
    }
    archive_index(s);
    *out = s;
    return true;
}

void lake_archive_close(struct lake_archive *s)
{
    if (!s)
        return;
    arc_close(s->arc);
    arena_free(s->a);
    mem_free(s);
}

const struct lake_manifest *lake_archive_manifests(const struct lake_archive *s, size_t *count)
{
    *count = s->contents.count;
    return s->contents.manifests;
}

struct str lake_archive_job(const struct lake_archive *s)
{
    return s->contents.job;
}

uint64_t lake_archive_bytes(const struct lake_archive *s)
{
    return s->contents.bytes;
}

bool lake_archive_list(struct lake_ls *out, struct arena *a, const struct lake_archive *s,
                       struct str output, struct err *e)
{
    const struct lake_history h = {.v = s->contents.manifests, .n = s->contents.count};
    return lake_history_list(out, a, &h, NULL, output, e);
}

// --- one pass --------------------------------------------------------------------------------------------------------

// What is wrong with the file, or NULL; as much of it as it should have is looked at.
static const char *pass_judge(const struct lake_file *f, uint64_t seen, const struct hasher *h)
{
    if (seen > f->bytes)
        return "longer than " ARCHIVE_MANIFEST " says";
    if (seen < f->bytes)
        return "shorter than " ARCHIVE_MANIFEST " says";
    return hasher_sum(h) == f->checksum ? NULL : "its checksum is not that of " ARCHIVE_MANIFEST;
}

static bool pass_file(struct lake_archive *s, const struct lake_file *f,
                      const struct archive_sink *sink, struct err *e)
{
    struct hasher h;
    struct str piece;
    uint64_t seen = 0;
    enum arc_next got = ARC_END;
    enum lake_next next = sink->begin(sink->arg, f, e);
    if (next != LAKE_NEXT_GO)
        return next == LAKE_NEXT_STOP;
    hasher_init(&h);
    while (seen <= f->bytes && (got = arc_read(&piece, s->arc, e)) == ARC_DATA) {
        seen += piece.n;
        hasher_add(&h, piece.p, piece.n);
        if (seen <= f->bytes && next == LAKE_NEXT_GO)
            next = sink->piece(sink->arg, piece, e);
        if (next == LAKE_NEXT_FAILED)
            return false;
    }
    return got != ARC_FAILED && sink->end(sink->arg, f, pass_judge(f, seen, &h), e);
}

static bool pass_entry(struct lake_archive *s, bool *seen, struct str name,
                       const struct archive_sink *sink, struct err *e)
{
    const uint64_t *at = map_get(s->files, name);
    if (!at)
        return err_fail(e, ERR_DATA, "%s: entry %.*s is not in %s", s->path, STR_ARG(name),
                        ARCHIVE_MANIFEST);
    if (seen[*at])
        return err_fail(e, ERR_DATA, "%s: entry %.*s is there twice", s->path, STR_ARG(name));
    seen[*at] = true;
    return pass_file(s, s->list[*at], sink, e) || err_wrap(e, "%s", s->path);
}

bool archive_pass(struct lake_archive *s, const struct archive_sink *sink, struct err *e)
{
    assert(s->state == ARCHIVE_FRESH);
    bool *seen = ARENA_ZARRAY(s->a, bool, s->contents.files + 1);
    struct str name;
    enum arc_next got;
    s->state = ARCHIVE_READ;
    while ((got = arc_next(&name, s->arc, e)) == ARC_ENTRY)
        if (!pass_entry(s, seen, name, sink, e))
            return false;
    if (got == ARC_FAILED)
        return false;
    for (size_t i = 0; i < s->contents.files; i++)
        if (!seen[i])
            return err_fail(e, ERR_DATA, "%s: %.*s is in %s and not in the archive", s->path,
                            STR_ARG(s->list[i]->path), ARCHIVE_MANIFEST);
    return true;
}

// --- verification ----------------------------------------------------------------------------------------------------

struct archive_check {
    struct arena *a;
    struct str output;
    struct lake_records *records; // of the file
    struct err unreadable;        // or why not
    uint64_t rows;
    struct lake_verify sum;
    size_t cap;
    struct lake_finding *findings;
};

static enum lake_next check_record(void *arg, enum lake_record kind, struct str line, struct err *e)
{
    (void)line, (void)e;
    ((struct archive_check *)arg)->rows += kind == LAKE_RECORD_ROW;
    return LAKE_NEXT_GO;
}

static enum lake_next check_begin(void *arg, const struct lake_file *f, struct err *e)
{
    struct archive_check *c = arg;
    (void)e;
    c->rows = 0;
    err_clear(&c->unreadable);
    c->records = NULL;
    if (c->output.p && !str_eq(c->output, f->output))
        return LAKE_NEXT_STOP;
    if (!lake_records_new(&c->records, f->path, (struct lake_record_sink){check_record, c},
                          &c->unreadable))
        c->records = NULL;
    return LAKE_NEXT_GO;
}

static enum lake_next check_piece(void *arg, struct str piece, struct err *e)
{
    struct archive_check *c = arg;
    (void)e;
    if (c->records && lake_records_feed(c->records, piece, &c->unreadable) == LAKE_NEXT_FAILED) {
        lake_records_free(c->records);
        c->records = NULL;
    }
    return LAKE_NEXT_GO;
}

static void check_found(struct archive_check *c, enum lake_finding_kind kind, struct str path,
                        struct str text)
{
    if (c->sum.count == c->cap) {
        struct lake_finding *more = ARENA_ARRAY(c->a, struct lake_finding, c->cap * 2 + 8);
        if (c->cap > 0)
            memcpy(more, c->findings, c->cap * sizeof *more);
        c->findings = more;
        c->cap = c->cap * 2 + 8;
    }
    c->findings[c->sum.count++] = (struct lake_finding){
        .kind = kind, .path = arena_str(c->a, path), .text = arena_str(c->a, text)};
}

static bool check_end(void *arg, const struct lake_file *f, const char *wrong, struct err *e)
{
    struct archive_check *c = arg;
    (void)e;
    if (c->records && lake_records_end(c->records, &c->unreadable) == LAKE_NEXT_FAILED) {
        lake_records_free(c->records);
        c->records = NULL;
    }
    c->sum.files++;
    c->sum.rows += f->rows;
    c->sum.bytes += f->bytes;
    if (wrong)
        check_found(c, LAKE_CHANGED, f->path, str_from(wrong));
    else if (!c->records)
        check_found(c, LAKE_UNREADABLE, f->path, str_from(c->unreadable.text));
    else if (c->rows != f->rows)
        check_found(c, LAKE_ROWS, f->path,
                    arena_printf(c->a, "%llu rows, %llu were published",
                                 (unsigned long long)c->rows, (unsigned long long)f->rows));
    lake_records_free(c->records);
    c->records = NULL;
    return true;
}

bool lake_archive_verify(struct lake_verify *out, struct arena *a, struct lake_archive *s,
                         struct str output, struct err *e)
{
    struct archive_check c = {.a = a, .output = output};
    const struct archive_sink sink = {check_begin, check_piece, check_end, &c};
    bool ok = archive_pass(s, &sink, e);
    lake_records_free(c.records);
    c.sum.findings = c.findings;
    *out = c.sum;
    return ok;
}

// --- rows ------------------------------------------------------------------------------------------------------------

struct archive_rows {
    struct map *wanted; // paths
    struct lake_cat cat;
    struct lake_records *records;
};

static enum lake_next rows_begin(void *arg, const struct lake_file *f, struct err *e)
{
    struct archive_rows *c = arg;
    if (!map_get(c->wanted, f->path))
        return LAKE_NEXT_STOP;
    return lake_records_new(&c->records, f->path,
                            (struct lake_record_sink){lake_cat_record, &c->cat}, e)
               ? LAKE_NEXT_GO
               : LAKE_NEXT_FAILED;
}

static enum lake_next rows_piece(void *arg, struct str piece, struct err *e)
{
    return lake_records_feed(((struct archive_rows *)arg)->records, piece, e);
}

static bool rows_end(void *arg, const struct lake_file *f, const char *wrong, struct err *e)
{
    struct archive_rows *c = arg;
    bool ok = !wrong || err_fail(e, ERR_DATA, "%.*s: %s", STR_ARG(f->path), wrong);
    bool enough = c->cat.spec->limit > 0 && c->cat.rows >= c->cat.spec->limit;
    ok = ok && (enough || lake_records_end(c->records, e) != LAKE_NEXT_FAILED);
    lake_records_free(c->records);
    c->records = NULL;
    return ok;
}

// Rows come in the order of the entries, which is that of the listing.
bool lake_archive_cat(struct lake_archive *s, const struct lake_cat_spec *spec, lake_row_fn *fn,
                      void *arg, struct err *e)
{
    struct arena *a = arena_new(s->a);
    struct archive_rows c = {.wanted = map_new(a), .cat = {.spec = spec, .fn = fn, .arg = arg}};
    const struct archive_sink sink = {rows_begin, rows_piece, rows_end, &c};
    struct lake_ls ls;
    bool added;
    if (!lake_archive_list(&ls, a, s, spec->output, e))
        return false;
    if (ls.output_count == 0) {
        err_fail(e, ERR_CONFIG, "%s has no output %.*s", s->path, STR_ARG(spec->output));
        return err_hint(e, "`sluice lake ls --archive %s` shows the outputs", s->path);
    }
    if (!lake_cat_known(&ls, spec, e))
        return false;
    for (size_t i = 0; i < ls.output_count; i++)
        for (size_t k = 0; k < ls.outputs[i].partition_count; k++) {
            const struct lake_ls_partition *p = &ls.outputs[i].partitions[k];
            for (size_t n = 0;
                 lake_cat_wants(&ls.outputs[i], k, spec->partition) && n < p->file_count; n++)
                map_put(c.wanted, p->files[n].file.path, &added);
        }
    bool ok = archive_pass(s, &sink, e);
    lake_records_free(c.records);
    arena_free(a);
    return ok;
}
