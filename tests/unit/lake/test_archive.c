#include "tests/support/lake_rows.h"
#include "tests/support/test.h"

#include "base/durable.h"
#include "lake/archive.h"
#include "lake/archive/arc.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 26 };
static const char *const kinds[] = {"x.tar", "x.tar.gz", "x.tar.zst", "x.zip"};

struct world {
    struct test_dir dir;
    struct arena *a;
    struct durable *d;
    struct lake *lake;
    struct lake_output outputs[3];
    struct lake_part city[1];
    char root[512], file[512], out[512];
};

// Two batches in S (gzip JSON lines by day), C (plain CSV by city, one of which is not ASCII) and two versions of T.
static void world_init(struct world *w)
{
    struct err e = {0};
    test_dir_init(&w->dir);
    test_dir_file(w->root, &w->dir, "lake");
    test_dir_file(w->out, &w->dir, "out");
    w->a = arena_new(NULL);
    w->d = durable_new(DURABLE_DEAD);
    w->outputs[0] = lake_rows_stream(w->a, "S", LAKE_JSONL, LAKE_GZIP);
    w->outputs[1] = lake_rows_stream(w->a, "C", LAKE_CSV, LAKE_PLAIN);
    w->city[0] = (struct lake_part){.kind = LAKE_PART_COLUMN, .column = 1};
    w->outputs[1].parts = w->city;
    w->outputs[1].part_count = 1;
    w->outputs[2] = lake_rows_table(w->a, "T");
    assert_ok(lake_open(&w->lake, w->root, LAKE_OPEN_CREATE, w->d, &e), &e);
    for (uint64_t i = 1; i <= 2; i++) {
        struct lake_manifest m;
        const struct lake_rows_batch spec = {.batch = i,
                                             .prev = i - 1,
                                             .digest = i,
                                             .prev_digest = i - 1,
                                             .version = i,
                                             .first = (i - 1) * 200,
                                             .rows = 200,
                                             .outputs = w->outputs,
                                             .count = 3};
        assert_ok(lake_rows_stage(&m, w->a, w->lake, &spec, &e), &e);
        assert_ok(lake_publish(w->lake, &m, &e), &e);
    }
}

static void world_fini(struct world *w)
{
    lake_close(w->lake);
    durable_free(w->d);
    arena_free(w->a);
    test_dir_fini(&w->dir);
}

static const struct lake_choice everything = {
    .partition = {NULL, 0}, .since = INT64_MIN, .before = INT64_MAX};

static bool export(struct world *w, const char *name, const char *what, struct err *e)
{
    struct lake_ls ls;
    struct lake_export *x = NULL;
    struct lake_export_spec spec = {.path = test_dir_file(w->file, &w->dir, name), .now_ms = 1000};
    struct lake_chosen chosen = {0};
    bool ok = lake_list(&ls, w->a, w->lake, STR_NONE, e) &&
              lake_choose(&chosen, w->a, &ls, str_from(what), &everything, e) &&
              lake_export_open(&x, w->lake, chosen.job, e);
    spec.files = chosen.files;
    spec.count = chosen.count;
    ok = ok && lake_export_write(x, &spec, e);
    lake_export_close(x);
    return ok;
}

static void exported(struct world *w, const char *name)
{
    struct err e = {0};
    assert_ok(export(w, name, "job", &e), &e);
}

static bool take(void *arg, struct str line, struct err *e)
{
    struct buf *out = arg;
    buf_str(out, line);
    buf_char(out, '\n');
    return buf_ok(out, "rows", e);
}

static struct buf rows(struct world *w, const char *archive, const char *output)
{
    struct err e = {0};
    struct buf out;
    struct lake_archive *s = NULL;
    const struct lake_cat_spec spec = {.output = str_from(output), .partition = STR_NONE};
    buf_init(&out, TEXT_MAX);
    if (!archive) {
        assert_ok(lake_cat(w->lake, &spec, take, &out, &e), &e);
        return out;
    }
    assert_ok(lake_archive_open(&s, archive, &e), &e);
    assert_ok(lake_archive_cat(s, &spec, take, &out, &e), &e);
    lake_archive_close(s);
    return out;
}

TEST(every_kind_of_archive_holds_the_rows_and_says_so)
{
    struct world w;
    world_init(&w);
    for (size_t i = 0; i < 4; i++) {
        struct err e = {0};
        struct lake_archive *s;
        struct lake_ls ls, want;
        struct lake_verify v;
        exported(&w, kinds[i]);
        assert_ok(lake_archive_open(&s, w.file, &e), &e);
        assert_ok(lake_archive_list(&ls, w.a, s, STR_NONE, &e), &e);
        assert_ok(lake_list(&want, w.a, w.lake, STR_NONE, &e), &e);
        assert_int_equal(ls.output_count, want.output_count);
        for (size_t k = 0; k < ls.output_count; k++) {
            assert_true(str_eq(ls.outputs[k].name, want.outputs[k].name));
            assert_int_equal(ls.outputs[k].partition_count, want.outputs[k].partition_count);
            assert_int_equal(ls.outputs[k].rows, want.outputs[k].rows);
            assert_int_equal(ls.outputs[k].partitions[0].files[0].slot, 1);
        }
        assert_ok(lake_archive_verify(&v, w.a, s, STR_NONE, &e), &e);
        assert_int_equal(v.count, 0);
        assert_int_equal(v.rows, 400 + 400 + 200 + 400);
        lake_archive_close(s);
        for (size_t k = 0; k < 3; k++) {
            static const char *const names[] = {"S", "C", "T"};
            struct buf a = rows(&w, NULL, names[k]), b = rows(&w, w.file, names[k]);
            assert_true(str_eq(buf_view(&a), buf_view(&b)));
            assert_true(a.n > 0);
            buf_fini(&a);
            buf_fini(&b);
        }
    }
    world_fini(&w);
}

TEST(equal_files_give_equal_archives)
{
    struct world w;
    world_init(&w);
    for (size_t i = 0; i < 4; i++) {
        struct err e = {0};
        struct str first, second;
        exported(&w, kinds[i]);
        assert_ok(file_read(&first, w.a, w.file, TEXT_MAX, &e), &e);
        assert_int_equal(unlink(w.file), 0);
        exported(&w, kinds[i]);
        assert_ok(file_read(&second, w.a, w.file, TEXT_MAX, &e), &e);
        assert_true(str_eq(first, second));
    }
    world_fini(&w);
}

static void tree(struct buf *out, const char *dir)
{
    buf_init(out, TEXT_MAX);
    lake_rows_tree(out, dir);
}

static bool extract(struct world *w, const char *archive, struct lake_extract_report *r,
                    struct err *e)
{
    struct lake_archive *s = NULL;
    bool ok = lake_archive_open(&s, archive, e) && lake_archive_extract(r, s, w->out, w->d, e);
    lake_archive_close(s);
    return ok;
}

TEST(files_come_back_under_their_places_and_what_is_there_stays)
{
    struct world w;
    struct lake_extract_report r;
    struct err e = {0};
    struct buf before, after;
    world_init(&w);
    for (size_t i = 0; i < 4; i++) {
        exported(&w, kinds[i]);
        assert_ok(extract(&w, w.file, &r, &e), &e);
        assert_int_equal(r.files, i == 0 ? 11 : 0);
        assert_int_equal(r.present, i == 0 ? 0 : 11);
    }
    // Nothing is overwritten, and nothing else is written when something would be.
    char one[1024], other[1024];
    (void)snprintf(one, sizeof one,
                   "%s/streams/S/year=2025/month=10/day=28/000000000001-0.jsonl.gz", w.out);
    (void)snprintf(other, sizeof other, "%s/streams/C/CITY=Berlin/000000000002-0.csv", w.out);
    assert_int_equal(unlink(other), 0);
    int fd = open(one, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    tree(&before, w.out);
    assert_false(extract(&w, w.file, &r, &e));
    assert_non_null(strstr(e.text, "exists with other content"));
    tree(&after, w.out);
    assert_true(str_eq(buf_view(&before), buf_view(&after)));
    buf_fini(&before);
    buf_fini(&after);
    world_fini(&w);
}

TEST(an_archive_of_files_that_are_not_what_was_published_is_not_made)
{
    struct world w;
    struct err e = {0};
    char one[1024], part[1024];
    world_init(&w);
    (void)snprintf(one, sizeof one, "%s/streams/C/CITY=Berlin/000000000002-0.csv", w.root);
    int fd = open(one, O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, 40), 1);
    close(fd);
    assert_false(export(&w, "x.tar", "C", &e));
    assert_non_null(strstr(e.text, "is not what was published"));
    assert_int_equal(unlink(one), 0);
    assert_false(export(&w, "x.tar", "job", &e));
    assert_false(file_exists(w.file));
    assert_false(file_exists(test_dir_file(part, &w.dir, ".x.tar.part")));
    assert_ok(export(&w, "x.tar", "S", &e), &e);
    assert_false(export(&w, "x.tar", "S", &e)); // never overwritten
    assert_non_null(strstr(e.text, "exists"));
    assert_false(export(&w, "x.rar", "S", &e));
    assert_false(export(&w, "y.tar", "NOPE", &e));
    world_fini(&w);
}

// --- damage ----------------------------------------------------------------------------------------------------------

static void write_file(const char *path, struct str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.p, text.n), text.n);
    close(fd);
}

static bool verifies(struct world *w, const char *path, struct err *e)
{
    struct lake_archive *s;
    struct lake_verify v = {0};
    if (!lake_archive_open(&s, path, e))
        return false;
    bool ok = lake_archive_verify(&v, w->a, s, STR_NONE, e) && v.count == 0;
    lake_archive_close(s);
    return ok;
}

// What verifies holds what was exported, whatever happened to the bytes: an archive has bytes that mean nothing.
TEST(no_damage_passes_for_the_files_that_were_exported)
{
    struct world w;
    world_init(&w);
    size_t step = test_is_long() ? 7 : 997;
    for (size_t i = 0; i < 4; i++) {
        struct err e = {0};
        struct str good;
        char bad[512];
        exported(&w, kinds[i]);
        struct buf want = rows(&w, w.file, "C");
        assert_ok(file_read(&good, w.a, w.file, TEXT_MAX, &e), &e);
        char *copy = arena_alloc(w.a, good.n);
        memcpy(copy, good.p, good.n);
        test_dir_file(bad, &w.dir, kinds[(i + 1) % 4]); // the name does not matter
        size_t passed = 0;
        for (size_t at = 0; at < good.n; at += step) {
            copy[at] ^= 0x10;
            write_file(bad, (struct str){copy, good.n});
            copy[at] ^= 0x10;
            if (!verifies(&w, bad, &e))
                continue;
            passed++;
            struct buf got = rows(&w, bad, "C");
            assert_true(str_eq(buf_view(&want), buf_view(&got)));
            buf_fini(&got);
        }
        assert_true(passed < good.n / step / 2);
        for (size_t n = 0; n < good.n - 2048; n += step * 3) {
            write_file(bad, (struct str){good.p, n});
            assert_false(verifies(&w, bad, &e));
        }
        assert_int_equal(unlink(bad), 0);
        buf_fini(&want);
    }
    world_fini(&w);
}

// --- hostile archives ------------------------------------------------------------------------------------------------

struct hostile {
    const char *name; // of the second entry
    const char *link; // it is a symbolic link
    int times;        // how often it is there
    size_t extra;     // bytes more than MANIFEST.json says
};

static struct str manifest_of(struct world *w)
{
    struct err e = {0};
    struct arc_reader *r;
    struct str name, piece;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    assert_ok(arc_open(&r, w->file, &e), &e);
    assert_int_equal(arc_next(&name, r, &e), ARC_ENTRY);
    while (arc_read(&piece, r, &e) == ARC_DATA)
        buf_str(&text, piece);
    arc_close(r);
    struct str s = arena_str(w->a, buf_view(&text));
    buf_fini(&text);
    return s;
}

static void put(struct archive *ar, const char *name, const char *link, struct str text)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, link ? AE_IFLNK : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    if (link)
        archive_entry_set_symlink(entry, link);
    else
        archive_entry_set_size(entry, (la_int64_t)text.n);
    assert_int_equal(archive_write_header(ar, entry), ARCHIVE_OK);
    if (!link)
        assert_int_equal(archive_write_data(ar, text.p, text.n), text.n);
    archive_entry_free(entry);
}

static void make(struct world *w, struct str manifest, const struct hostile *h, struct str text)
{
    struct archive *ar = archive_write_new();
    assert_int_equal(archive_write_set_format_gnutar(ar), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(ar, w->file), ARCHIVE_OK);
    put(ar, "MANIFEST.json", NULL, manifest);
    for (int i = 0; i < h->times; i++)
        put(ar, h->name, h->link, text);
    assert_int_equal(archive_write_free(ar), ARCHIVE_OK);
}

TEST(what_leaves_the_lake_or_its_manifest_is_refused)
{
    static const char place[] = "streams/C/CITY=New York/000000000001-0.csv";
    static const struct {
        struct hostile h;
        const char *why;
    } cases[] = {
        {{"../../etc/x", NULL, 1, 0}, "is not in MANIFEST.json"},
        {{"/tmp/x", NULL, 1, 0}, "is not in MANIFEST.json"},
        {{place, "/etc/passwd", 1, 0}, "is not a plain file"},
        {{place, NULL, 2, 0}, "is there twice"},
        {{place, NULL, 0, 0}, "not in the archive"},
        {{place, NULL, 1, 1}, "longer than MANIFEST.json says"},
        {{place, NULL, 1, 1 << 20}, "longer than MANIFEST.json says"},
    };
    struct world w;
    struct err e = {0};
    struct lake_ls ls;
    struct lake_export *x;
    world_init(&w);
    test_dir_file(w.file, &w.dir, "x.tar");
    assert_ok(lake_list(&ls, w.a, w.lake, STR("C"), &e), &e);
    assert_ok(lake_export_open(&x, w.lake, STR("job"), &e), &e);
    const struct lake_export_spec spec = {
        .path = w.file, .files = &ls.outputs[0].partitions[1].files[0].file, .count = 1};
    assert_ok(lake_export_write(x, &spec, &e), &e);
    lake_export_close(x);
    struct str manifest = manifest_of(&w), right;
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", w.root, place);
    assert_ok(file_read(&right, w.a, path, TEXT_MAX, &e), &e);
    make(&w, manifest, &(struct hostile){place, NULL, 1, 0}, right);
    assert_true(verifies(&w, w.file, &e));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lake_extract_report r;
        char *text = arena_zalloc(w.a, right.n + cases[i].h.extra);
        memcpy(text, right.p, right.n);
        make(&w, manifest, &cases[i].h, (struct str){text, right.n + cases[i].h.extra});
        err_clear(&e);
        assert_false(extract(&w, w.file, &r, &e));
        if (!strstr(e.text, cases[i].why))
            fail_msg("case %zu: %s", i, e.text);
    }
    world_fini(&w);
}

TEST(a_manifest_that_was_changed_is_refused)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    exported(&w, "x.tar");
    struct str manifest = manifest_of(&w);
    static const char *const swaps[][2] = {
        {"\"rows\": 200", "\"rows\": 201"},
        {"streams/S/year=2025/month=10", "_sluice/lake.json/month=10000"},
        {"\"format\": 1", "\"format\": 2"},
        {"sluice-lake-archive", "sluice-lake-archivf"},
    };
    for (size_t i = 0; i < sizeof swaps / sizeof swaps[0]; i++) {
        struct buf text;
        size_t at;
        assert_true(str_find(&at, manifest, str_from(swaps[i][0])));
        buf_init(&text, TEXT_MAX);
        buf_str(&text, str_slice(manifest, 0, at));
        buf_text(&text, swaps[i][1]);
        buf_str(&text, str_slice(manifest, at + strlen(swaps[i][0]), manifest.n));
        make(&w, buf_view(&text), &(struct hostile){.times = 0}, STR(""));
        buf_fini(&text);
        assert_false(verifies(&w, w.file, &e));
        assert_non_null(strstr(e.text, "MANIFEST.json"));
    }
    world_fini(&w);
}

// --- faults ----------------------------------------------------------------------------------------------------------

TEST(an_export_cut_short_anywhere_leaves_no_archive_or_a_whole_one)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    uint64_t n = 1;
    for (bool fired = true; fired; n++) {
        fired = false;
        for (size_t k = 0; k < 4; k++) {
            struct world w;
            struct err e = {0};
            const struct fault_spec fault = {.occurrence = n, .action = actions[k]};
            world_init(&w);
            durable_set_fault(w.d, &fault);
            bool ok = export(&w, "x.tar.zst", "job", &e);
            fired = fired || durable_fired(w.d);
            if (file_exists(w.file))
                assert_true(verifies(&w, w.file, &e));
            else
                assert_false(ok);
            lake_close(w.lake);
            durable_free(w.d);
            w.d = durable_new(DURABLE_DEAD);
            assert_ok(lake_open(&w.lake, w.root, LAKE_OPEN_EXISTING, w.d, &e), &e);
            if (!file_exists(w.file))
                exported(&w, "x.tar.zst");
            world_fini(&w);
        }
    }
    assert_true(n > 5);
}

TEST_MAIN(T(every_kind_of_archive_holds_the_rows_and_says_so), T(equal_files_give_equal_archives),
          T(files_come_back_under_their_places_and_what_is_there_stays),
          T(an_archive_of_files_that_are_not_what_was_published_is_not_made),
          T(no_damage_passes_for_the_files_that_were_exported),
          T(what_leaves_the_lake_or_its_manifest_is_refused),
          T(a_manifest_that_was_changed_is_refused),
          T(an_export_cut_short_anywhere_leaves_no_archive_or_a_whole_one))
