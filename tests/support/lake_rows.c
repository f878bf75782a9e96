#include "tests/support/lake_rows.h"

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/durable.h"
#include "base/hash.h"
#include "lake/store/store.h"

#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

enum { FILE_MAX = 1 << 28 };
static const int64_t START_MS = 1761688800000; // 2025-10-28T22:00:00Z

const struct schema *lake_rows_schema(struct arena *a)
{
    static const char *const names[] = {"ID", "CITY", "AMOUNT", "TS"};
    static const enum type_kind kinds[] = {TYPE_STRING, TYPE_STRING, TYPE_BIGINT, TYPE_STRING};
    struct schema_column *c = ARENA_ZARRAY(a, struct schema_column, 4);
    for (int i = 0; i < 4; i++)
        c[i] = (struct schema_column){str_from(names[i]), type_scalar(kinds[i]), i == 0};
    struct schema *sc = ARENA_NEW(a, struct schema);
    *sc = (struct schema){.count = 4, .key_count = 1, .columns = c};
    return sc;
}

static struct str iso(struct arena *a, int64_t ms)
{
    struct civil c = civil_from_ms(ms);
    return arena_printf(a, "%04lld-%02d-%02dT%02d:%02d:%02d.%06dZ", (long long)c.year, c.month,
                        c.day, c.hour, c.minute, c.second, c.ms * 1000);
}

struct block *lake_rows_block(struct arena *a, const struct schema *sc, uint64_t first, uint32_t n)
{
    static const char *const cities[] = {"Berlin", "São Paulo", "New York"};
    struct block *b = block_new(a, sc, n);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t row = first + i;
        uint64_t h = hash_bytes(&row, sizeof row, 0);
        b->columns[0].str[i] = arena_printf(a, "TXN-%08x", (unsigned)h);
        b->columns[1].str[i] = str_from(cities[h % 3]);
        b->columns[2].i64[i] = (int64_t)(h % 100000);
        b->rowtime[i] = START_MS + (int64_t)row * 60000;
        b->columns[3].str[i] = iso(a, b->rowtime[i]);
        b->seq[i] = row;
    }
    return b;
}

struct lake_output lake_rows_stream(struct arena *a, const char *name, enum lake_format format,
                                    enum lake_codec codec)
{
    struct lake_part *parts = ARENA_ZARRAY(a, struct lake_part, 3);
    parts[0].kind = LAKE_PART_YEAR;
    parts[1].kind = LAKE_PART_MONTH;
    parts[2].kind = LAKE_PART_DAY;
    return (struct lake_output){
        .name = str_from(name),
        .kind = LAKE_STREAM,
        .format = format,
        .codec = codec,
        .schema = lake_rows_schema(a),
        .parts = parts,
        .part_count = 3,
        .time_column = -1,
        .zone_name = "UTC",
    };
}

struct lake_output lake_rows_table(struct arena *a, const char *name)
{
    return (struct lake_output){
        .name = str_from(name),
        .kind = LAKE_SNAPSHOT,
        .format = LAKE_JSONL,
        .codec = LAKE_PLAIN,
        .schema = lake_rows_schema(a),
        .time_column = -1,
        .keep_versions = 2,
    };
}

static bool fill(struct lake_stage *st, struct arena *a, const struct lake_rows_batch *spec,
                 struct err *e)
{
    for (size_t i = 0; i < spec->count; i++) {
        const struct lake_output *o = &spec->outputs[i];
        bool table = o->kind == LAKE_SNAPSHOT;
        if (table && spec->version == 0)
            continue;
        if (table && !lake_stage_version(st, i, spec->version, e))
            return false;
        uint64_t from = table ? 0 : spec->first;
        uint64_t end = spec->first + spec->rows;
        for (; from < end; from += 1000) {
            uint32_t n = end - from < 1000 ? (uint32_t)(end - from) : 1000;
            if (!lake_stage_write(st, i, lake_rows_block(a, o->schema, from, n), e))
                return false;
        }
    }
    return lake_stage_text(
        st, arena_printf(a, "_dead_letters/job/%llu.jsonl", (unsigned long long)spec->batch).p, 1,
        STR("{\"reason\": \"bad\"}\n"), e);
}

bool lake_rows_stage(struct lake_manifest *out, struct arena *a, struct lake *s,
                     const struct lake_rows_batch *spec, struct err *e)
{
    const struct lake_stage_spec stage = {
        .job = "job",
        .batch = spec->batch,
        .slot = spec->slot,
        .now_ms = START_MS + (int64_t)spec->batch * 600000,
        .outputs = spec->outputs,
        .count = spec->count,
    };
    struct lake_stage *st = NULL;
    if (!lake_stage_begin(&st, s, &stage, e))
        return false;
    bool ok = fill(st, a, spec, e) && lake_stage_seal(st, a, out, e);
    lake_stage_free(st);
    if (!ok)
        return false;
    out->digest = spec->digest;
    out->prev_batch = spec->prev;
    out->prev_digest = spec->prev_digest;
    out->ranges_json = STR("[{\"topic\":\"t\",\"partition\":0,\"start\":0,\"end\":10}]");
    return true;
}

static void tree_level(struct buf *out, struct arena *a, const char *dir, const char *shown)
{
    struct err e = {0};
    struct store_entry *v;
    size_t n;
    assert_ok(store_list(&v, &n, a, dir, &e), &e);
    for (size_t i = 0; i < n; i++) {
        const char *path = arena_printf(a, "%s/%.*s", dir, STR_ARG(v[i].name)).p;
        const char *name = arena_printf(a, "%s%.*s", shown, STR_ARG(v[i].name)).p;
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        unsigned mode = (unsigned)st.st_mode & 0777;
        if (v[i].kind == STORE_DIRECTORY) {
            buf_printf(out, "%s/ %03o\n", name, mode);
            tree_level(out, a, path, arena_printf(a, "%s/", name).p);
            continue;
        }
        struct str text;
        assert_ok(file_read(&text, a, path, FILE_MAX, &e), &e);
        buf_printf(out, "%s %03o %zu %016llx\n", name, mode, text.n,
                   (unsigned long long)hash_str(text));
    }
}

void lake_rows_tree(struct buf *out, const char *dir)
{
    struct arena *a = arena_new(NULL);
    tree_level(out, a, dir, "");
    arena_free(a);
}

static void unzip(struct buf *out, struct str file)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)file.p, .avail_in = (uInt)file.n};
    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    int rc = Z_OK;
    while (rc == Z_OK || z.avail_in > 0) {
        if (rc == Z_STREAM_END) // another member
            inflateReset(&z);
        char *p = buf_room(out, 65536);
        z.next_out = (Bytef *)p;
        z.avail_out = 65536;
        rc = inflate(&z, Z_NO_FLUSH);
        out->n += 65536 - z.avail_out;
        assert_true(rc == Z_OK || rc == Z_STREAM_END);
    }
    assert_int_equal(rc, Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    inflateEnd(&z);
}

static void unzstd(struct buf *out, struct str file)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer in = {file.p, file.n, 0};
    size_t rest = 1;
    while (rest > 0) {
        ZSTD_outBuffer to = {buf_room(out, 65536), 65536, 0};
        rest = ZSTD_decompressStream(z, &to, &in);
        assert_false(ZSTD_isError(rest));
        assert_true(rest == 0 || to.pos > 0 || in.pos < in.size);
        out->n += to.pos;
    }
    assert_int_equal(in.pos, in.size);
    ZSTD_freeDCtx(z);
}

void lake_rows_read(struct buf *out, const char *dir, const char *path)
{
    struct arena *a = arena_new(NULL);
    struct err e = {0};
    struct str text;
    assert_ok(file_read(&text, a, arena_printf(a, "%s/%s", dir, path).p, FILE_MAX, &e), &e);
    if (str_ends(str_from(path), STR(".gz")))
        unzip(out, text);
    else if (str_ends(str_from(path), STR(".zst")))
        unzstd(out, text);
    else
        buf_str(out, text);
    arena_free(a);
}

size_t lake_rows_count(struct str text, const char *part)
{
    size_t count = 0;
    size_t at;
    struct str needle = str_from(part);
    while (str_find(&at, text, needle)) {
        count++;
        text = str_slice(text, at + needle.n, text.n);
    }
    return count;
}
