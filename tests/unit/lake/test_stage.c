#include "tests/support/lake_rows.h"
#include "tests/support/test.h"

#include "base/durable.h"
#include "base/hash.h"
#include "schema/rowcodec.h"

#include <stdio.h>
#include <sys/stat.h>

struct world {
    struct test_dir dir;
    struct arena *a;
    struct durable *d;
    struct lake *lake;
    char root[512];
};

static void world_init(struct world *w)
{
    struct err e = {0};
    test_dir_init(&w->dir);
    test_dir_file(w->root, &w->dir, "lake");
    w->a = arena_new(NULL);
    w->d = durable_new(DURABLE_KILL);
    assert_ok(lake_open(&w->lake, w->root, LAKE_OPEN_CREATE, w->d, &e), &e);
}

static void world_fini(struct world *w)
{
    lake_close(w->lake);
    durable_free(w->d);
    arena_free(w->a);
    test_dir_fini(&w->dir);
}

static struct lake_stage *begin(struct world *w, const struct lake_output *o, size_t open_max)
{
    struct err e = {0};
    struct lake_stage *st;
    const struct lake_stage_spec spec = {
        .job = "job", .batch = 1, .outputs = o, .count = 1, .open_max = open_max};
    assert_ok(lake_stage_begin(&st, w->lake, &spec, &e), &e);
    return st;
}

static struct lake_manifest finish(struct world *w, struct lake_stage *st)
{
    struct err e = {0};
    struct lake_manifest m;
    assert_ok(lake_stage_seal(st, w->a, &m, &e), &e);
    lake_stage_free(st);
    m.digest = 1;
    assert_ok(lake_publish(w->lake, &m, &e), &e);
    return m;
}

static struct lake_manifest put(struct world *w, const struct lake_output *o, const struct block *b)
{
    struct err e = {0};
    struct lake_stage *st = begin(w, o, 0);
    assert_ok(lake_stage_write(st, 0, b, &e), &e);
    return finish(w, st);
}

static struct buf text_of(const struct world *w, const struct lake_file *f)
{
    struct buf text;
    char path[512];
    buf_init(&text, 1 << 28);
    snprintf(path, sizeof path, "%.*s", STR_ARG(f->path));
    lake_rows_read(&text, w->root, path);
    return text;
}

// The same 20,000 rows in blocks of three sizes; every format and codec.
TEST(block_size_does_not_change_the_bytes)
{
    static const uint32_t sizes[] = {1, 777, 20000};
    for (int format = LAKE_JSONL; format <= LAKE_CSV; format++) {
        for (int codec = LAKE_PLAIN; codec <= LAKE_ZSTD; codec++) {
            struct buf trees[3];
            for (int i = 0; i < 3; i++) {
                struct world w;
                struct err e = {0};
                world_init(&w);
                struct lake_output o =
                    lake_rows_stream(w.a, "S", (enum lake_format)format, (enum lake_codec)codec);
                o.file_bytes_max = 30000;
                struct lake_stage *st = begin(&w, &o, 0);
                for (uint32_t from = 0; from < 20000; from += sizes[i]) {
                    uint32_t n = 20000 - from < sizes[i] ? 20000 - from : sizes[i];
                    struct arena *a = arena_new(NULL);
                    struct block *b = lake_rows_block(a, o.schema, from, n);
                    assert_ok(lake_stage_write(st, 0, b, &e), &e);
                    arena_free(a);
                }
                finish(&w, st);
                buf_init(&trees[i], 1 << 24);
                lake_rows_tree(&trees[i], w.root);
                world_fini(&w);
            }
            assert_true(str_eq(buf_view(&trees[0]), buf_view(&trees[1])));
            assert_true(str_eq(buf_view(&trees[0]), buf_view(&trees[2])));
            for (int i = 0; i < 3; i++)
                buf_fini(&trees[i]);
        }
    }
}

TEST(a_file_is_split_by_size_between_rows)
{
    struct world w;
    world_init(&w);
    struct lake_output o = lake_rows_stream(w.a, "S", LAKE_CSV, LAKE_GZIP);
    o.part_count = 0;
    o.file_bytes_max = 50000;
    struct lake_manifest m = put(&w, &o, lake_rows_block(w.a, o.schema, 0, 50000));
    assert_true(m.count > 5);
    uint64_t rows = 0;
    uint64_t number = 0;
    for (size_t i = 0; i < m.count; i++) {
        struct buf text = text_of(&w, &m.files[i]);
        char want[64];
        snprintf(want, sizeof want, "streams/S/000000000001-%llu.csv.gz",
                 (unsigned long long)number++);
        assert_str(m.files[i].path, want);
        assert_true(str_starts(buf_view(&text), STR("ID,CITY,AMOUNT,TS\r\nTXN-")));
        assert_true(str_ends(buf_view(&text), STR("Z\r\n")));
        assert_int_equal(lake_rows_count(buf_view(&text), "\r\n"), m.files[i].rows + 1);
        assert_true(m.files[i].bytes < 80000);
        rows += m.files[i].rows;
        buf_fini(&text);
    }
    assert_int_equal(rows, 50000);
    world_fini(&w);
}

TEST(partition_columns_are_in_the_path_and_not_in_the_rows)
{
    struct world w;
    world_init(&w);
    struct lake_output o = lake_rows_stream(w.a, "S", LAKE_JSONL, LAKE_PLAIN);
    const struct lake_part parts[] = {{.kind = LAKE_PART_YEAR},
                                      {.kind = LAKE_PART_COLUMN, .column = 1}};
    o.parts = parts;
    o.part_count = 2;
    struct lake_manifest m = put(&w, &o, lake_rows_block(w.a, o.schema, 0, 300));
    assert_int_equal(m.count, 3);
    assert_str(m.outputs[0].partitioning, "year,CITY");
    uint64_t rows = 0;
    for (size_t i = 0; i < 3; i++) {
        struct buf text = text_of(&w, &m.files[i]);
        assert_true(str_starts(m.files[i].path, STR("streams/S/year=2025/CITY=")));
        assert_int_equal(lake_rows_count(buf_view(&text), "CITY"), 0);
        assert_int_equal(lake_rows_count(buf_view(&text), "\"AMOUNT\":"), m.files[i].rows);
        rows += m.files[i].rows;
        buf_fini(&text);
    }
    assert_int_equal(rows, 300);
    world_fini(&w);
}

TEST(windows_stand_behind_the_keys_as_milliseconds)
{
    struct world w;
    world_init(&w);
    struct lake_output o = lake_rows_table(w.a, "T");
    struct schema windowed = *o.schema;
    windowed.windowed = true;
    o.schema = &windowed;
    struct block *b = lake_rows_block(w.a, &windowed, 0, 2);
    for (int i = 0; i < 2; i++) {
        b->window_start[i] = 1761688800000 + i * 60000;
        b->window_end[i] = b->window_start[i] + 300000;
    }
    struct err e = {0};
    struct lake_stage *st = begin(&w, &o, 0);
    assert_ok(lake_stage_version(st, 0, 7, &e), &e);
    assert_ok(lake_stage_write(st, 0, b, &e), &e);
    struct lake_manifest m = finish(&w, st);
    assert_str(m.files[0].path, "tables/T/version=7/000000000001-0.jsonl");
    struct buf text = text_of(&w, &m.files[0]);
    assert_int_equal(
        lake_rows_count(buf_view(&text),
                        "\",\"WINDOWSTART\":1761688860000,\"WINDOWEND\":1761689160000,\"CITY\":"),
        1);
    buf_fini(&text);
    world_fini(&w);
}

TEST(an_empty_table_is_a_version_with_an_empty_file_and_an_empty_stream_is_nothing)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    struct lake_output o = lake_rows_table(w.a, "T");
    struct lake_stage *st = begin(&w, &o, 0);
    assert_ok(lake_stage_version(st, 0, 1, &e), &e);
    assert_fails(lake_stage_version(st, 0, 2, &e), &e, ERR_BUG, "follows version 1");
    struct lake_manifest m = finish(&w, st);
    assert_int_equal(m.count, 1);
    assert_int_equal(m.files[0].rows, 0);
    assert_int_equal(m.files[0].bytes, 0);
    world_fini(&w);
    world_init(&w);
    o = lake_rows_stream(w.a, "S", LAKE_CSV, LAKE_GZIP);
    m = put(&w, &o, lake_rows_block(w.a, o.schema, 0, 0));
    assert_int_equal(m.count, 0);
    world_fini(&w);
}

TEST(the_rows_hash_is_the_sum_over_row_codec_bytes_in_any_order)
{
    struct world w;
    world_init(&w);
    struct lake_output o = lake_rows_stream(w.a, "S", LAKE_JSONL, LAKE_PLAIN);
    struct block *b = lake_rows_block(w.a, o.schema, 0, 1000);
    struct lake_manifest m = put(&w, &o, b);
    uint64_t want = 0;
    uint64_t got = 0;
    struct buf row;
    buf_init(&row, 1 << 20);
    for (uint32_t i = 0; i < 1000; i++) {
        buf_clear(&row);
        rowcodec_encode(&row, b->columns, o.schema->count, i);
        want += hash_str(buf_view(&row));
    }
    for (size_t i = 0; i < m.count; i++) {
        struct buf text = text_of(&w, &m.files[i]);
        assert_int_equal(m.files[i].checksum, hash_str(buf_view(&text)));
        assert_int_equal(m.files[i].bytes, text.n);
        got += m.files[i].rows_hash;
        buf_fini(&text);
    }
    assert_true(want == got);
    buf_fini(&row);
    world_fini(&w);
}

TEST(too_many_partitions_make_the_stage_full_and_lose_nothing)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    struct lake_output o = lake_rows_stream(w.a, "S", LAKE_JSONL, LAKE_GZIP);
    const struct lake_part parts[] = {{.kind = LAKE_PART_COLUMN, .column = 0}}; // one per row
    o.parts = parts;
    o.part_count = 1;
    struct lake_stage *st = begin(&w, &o, 10);
    assert_ok(lake_stage_write(st, 0, lake_rows_block(w.a, o.schema, 0, 10), &e), &e);
    assert_false(lake_stage_full(st));
    assert_ok(lake_stage_write(st, 0, lake_rows_block(w.a, o.schema, 10, 90), &e), &e);
    assert_true(lake_stage_full(st));
    struct lake_manifest m = finish(&w, st);
    assert_int_equal(m.count, 100);
    world_fini(&w);
}

TEST(full_buffers_make_the_stage_full)
{
    struct world w;
    struct err e = {0};
    struct lake_stage *st;
    world_init(&w);
    struct lake_output o = lake_rows_stream(w.a, "S", LAKE_JSONL, LAKE_ZSTD);
    const struct lake_stage_spec spec = {
        .job = "job", .batch = 1, .outputs = &o, .count = 1, .memory_max = 2 << 20};
    assert_ok(lake_stage_begin(&st, w.lake, &spec, &e), &e);
    uint64_t from = 0;
    while (!lake_stage_full(st) && from < 100000) {
        assert_ok(lake_stage_write(st, 0, lake_rows_block(w.a, o.schema, from, 1000), &e), &e);
        from += 1000;
    }
    assert_true(from >= 2000 && from < 10000); // the second or third day has its own zstd
    lake_stage_free(st);
    world_fini(&w);
}

TEST(hostile_values_stay_below_the_output)
{
    struct world w;
    world_init(&w);
    struct lake_output o = lake_rows_stream(w.a, "../S", LAKE_JSONL, LAKE_PLAIN);
    const struct lake_part parts[] = {{.kind = LAKE_PART_COLUMN, .column = 0},
                                      {.kind = LAKE_PART_COLUMN, .column = 1}};
    o.parts = parts;
    o.part_count = 2;
    struct block *b = lake_rows_block(w.a, o.schema, 0, 6);
    const size_t big_size = 100000;
    char *big = arena_alloc(w.a, big_size);
    memset(big, '/', big_size);
    b->columns[0].str[0] = STR("../../../../x");
    b->columns[0].str[1] = (struct str){big, big_size};
    b->columns[0].str[2] = STR("\n\r\t\0\x01");
    b->columns[0].str[3] = STR("\xff\xfe\x80");
    b->columns[0].str[4] = STR("_hidden");
    b->columns[0].str[5] = STR(".");
    struct lake_manifest m = put(&w, &o, b);
    assert_int_equal(m.count, 6);
    for (size_t i = 0; i < 6; i++) {
        struct buf text = text_of(&w, &m.files[i]);
        assert_true(str_starts(m.files[i].path, STR("streams/%2E.%2FS/ID=")));
        assert_int_equal(lake_rows_count(buf_view(&text), "\n"), 1);
        buf_fini(&text);
    }
    struct buf tree;
    buf_init(&tree, 1 << 20);
    lake_rows_tree(&tree, w.dir.path);
    assert_int_equal(lake_rows_count(buf_view(&tree), "\nlake_"), 0);
    assert_true(str_starts(buf_view(&tree), STR("lake/ ")));
    assert_int_equal(lake_rows_count(buf_view(&tree), "-0.jsonl "), 6);
    buf_fini(&tree);
    world_fini(&w);
}

TEST(an_output_of_partition_columns_only_is_refused)
{
    struct world w;
    struct err e = {0};
    struct lake_stage *st;
    world_init(&w);
    struct lake_output o = lake_rows_stream(w.a, "S", LAKE_JSONL, LAKE_PLAIN);
    struct lake_part parts[4];
    for (int i = 0; i < 4; i++)
        parts[i] = (struct lake_part){.kind = LAKE_PART_COLUMN, .column = i};
    o.parts = parts;
    o.part_count = 4;
    const struct lake_stage_spec spec = {.job = "job", .batch = 1, .outputs = &o, .count = 1};
    assert_fails(lake_stage_begin(&st, w.lake, &spec, &e), &e, ERR_CONFIG,
                 "every column is a partition column");
    world_fini(&w);
}

TEST(a_lake_that_cannot_be_written_says_where)
{
    struct world w;
    struct err e = {0};
    struct lake_stage *st;
    world_init(&w);
    struct lake_output o = lake_rows_stream(w.a, "S", LAKE_JSONL, LAKE_PLAIN);
    const struct lake_stage_spec spec = {.job = "job", .batch = 1, .outputs = &o, .count = 1};
    char path[600];
    snprintf(path, sizeof path, "%s/_sluice/job", w.root);
    FILE *f = fopen(path, "w"); // a file where a directory must be: refused for root too
    assert_non_null(f);
    fclose(f);
    assert_fails(lake_stage_begin(&st, w.lake, &spec, &e), &e, ERR_IO, "_sluice/job");
    world_fini(&w);
}

TEST(formats_and_codecs_are_known_by_name)
{
    enum lake_format f;
    enum lake_codec c;
    assert_true(lake_format_parse(&f, STR("JSONL")));
    assert_int_equal(f, LAKE_JSONL);
    assert_true(lake_format_parse(&f, STR("csv")));
    assert_int_equal(f, LAKE_CSV);
    assert_false(lake_format_parse(&f, STR("xml")));
    assert_true(lake_codec_parse(&c, STR("none")));
    assert_int_equal(c, LAKE_PLAIN);
    assert_true(lake_codec_parse(&c, STR("zstd")));
    assert_int_equal(c, LAKE_ZSTD);
    assert_false(lake_codec_parse(&c, STR("")));
}

TEST_MAIN(T(block_size_does_not_change_the_bytes), T(a_file_is_split_by_size_between_rows),
          T(partition_columns_are_in_the_path_and_not_in_the_rows),
          T(windows_stand_behind_the_keys_as_milliseconds),
          T(an_empty_table_is_a_version_with_an_empty_file_and_an_empty_stream_is_nothing),
          T(the_rows_hash_is_the_sum_over_row_codec_bytes_in_any_order),
          T(too_many_partitions_make_the_stage_full_and_lose_nothing),
          T(full_buffers_make_the_stage_full), T(hostile_values_stay_below_the_output),
          T(an_output_of_partition_columns_only_is_refused),
          T(a_lake_that_cannot_be_written_says_where), T(formats_and_codecs_are_known_by_name))
