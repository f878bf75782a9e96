#include "tests/support/lake_rows.h"
#include "tests/support/test.h"

#include "base/durable.h"
#include "lake/inspect.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    struct test_dir dir;
    struct arena *a;
    struct durable *d;
    struct lake *lake;
    struct lake_output outputs[2]; // S: gzip JSON lines by day; T: snapshots
    char root[512];
};

static void world_init(struct world *w)
{
    struct err e = {0};
    test_dir_init(&w->dir);
    test_dir_file(w->root, &w->dir, "lake");
    w->a = arena_new(NULL);
    w->d = durable_new(DURABLE_KILL);
    w->outputs[0] = lake_rows_stream(w->a, "S", LAKE_JSONL, LAKE_GZIP);
    w->outputs[1] = lake_rows_table(w->a, "T");
    assert_ok(lake_open(&w->lake, w->root, LAKE_OPEN_CREATE, w->d, &e), &e);
}

static void world_fini(struct world *w)
{
    lake_close(w->lake);
    durable_free(w->d);
    arena_free(w->a);
    test_dir_fini(&w->dir);
}

static struct lake_manifest stage(struct world *w, uint64_t batch, uint64_t digest)
{
    struct err e = {0};
    struct lake_manifest m;
    const struct lake_rows_batch spec = {
        .batch = batch,
        .prev = batch - 1,
        .digest = digest,
        .prev_digest = batch > 1 ? batch - 1 : 0,
        .version = batch,
        .first = (batch - 1) * 1000,
        .rows = 1000,
        .outputs = w->outputs,
        .count = 2,
    };
    assert_ok(lake_rows_stage(&m, w->a, w->lake, &spec, &e), &e);
    return m;
}

// Digests of these tests: the batch's number.
static struct lake_manifest publish(struct world *w, uint64_t batch)
{
    struct err e = {0};
    struct lake_manifest m = stage(w, batch, batch);
    assert_ok(lake_publish(w->lake, &m, &e), &e);
    return m;
}

static bool exists(const struct world *w, const char *path)
{
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", w->root, path);
    return access(full, F_OK) == 0;
}

static struct buf tree(const struct world *w)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    lake_rows_tree(&b, w->root);
    return b;
}

static void put(const struct world *w, const char *path, const char *text)
{
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", w->root, path);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

TEST(nothing_but_hidden_names_changes_before_publish)
{
    struct world w;
    world_init(&w);
    struct lake_manifest m = stage(&w, 1, 1);
    assert_false(exists(&w, "streams"));
    assert_false(exists(&w, "tables"));
    assert_false(exists(&w, "_dead_letters"));
    struct err e = {0};
    assert_ok(lake_publish(w.lake, &m, &e), &e);
    assert_true(exists(&w, "streams/S/year=2025/month=10/day=28/000000000001-0.jsonl.gz"));
    assert_true(exists(&w, "streams/S/year=2025/month=10/day=29/000000000001-0.jsonl.gz"));
    assert_true(exists(&w, "tables/T/version=1/000000000001-0.jsonl"));
    assert_true(exists(&w, "_dead_letters/job/1.jsonl"));
    assert_true(exists(&w, "_sluice/job/0/1.json"));
    assert_true(exists(&w, "_sluice/job/0/HEAD"));
    assert_false(exists(&w, "_sluice/job/0/staging-1"));
    world_fini(&w);
}

TEST(files_hold_the_rows_of_their_day_and_the_manifest_says_so)
{
    struct world w;
    world_init(&w);
    struct lake_manifest m = publish(&w, 1);
    struct buf text;
    buf_init(&text, 1 << 24);
    lake_rows_read(&text, w.root, "streams/S/year=2025/month=10/day=28/000000000001-0.jsonl.gz");
    assert_int_equal(lake_rows_count(buf_view(&text), "\n"), 120);
    assert_int_equal(lake_rows_count(buf_view(&text), "\"TS\":\"2025-10-28T"), 120);
    assert_true(str_starts(buf_view(&text), STR("{\"ID\":\"TXN-")));
    assert_int_equal(m.count, 4); // two days, one version, one dead letter
    assert_str(m.files[0].partition, "year=2025/month=10/day=28");
    assert_int_equal(m.files[0].rows, 120);
    assert_int_equal(m.files[0].time_min, 1761688800000);
    assert_int_equal(m.files[0].time_max, 1761688800000 + 119 * 60000);
    assert_int_equal(m.files[1].rows, 880);
    assert_str(m.files[2].partition, "version=1");
    assert_int_equal(m.files[2].version, 1);
    assert_str(m.outputs[0].format, "jsonl+gzip");
    assert_str(m.outputs[0].partitioning, "year,month,day");
    assert_str(m.outputs[1].partitioning, "version");
    buf_fini(&text);
    world_fini(&w);
}

TEST(dead_letters_are_readable_by_their_owner_only)
{
    struct world w;
    world_init(&w);
    publish(&w, 1);
    char full[1024];
    struct stat st;
    snprintf(full, sizeof full, "%s/_dead_letters/job/1.jsonl", w.root);
    assert_int_equal(stat(full, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(full, sizeof full, "%s/_dead_letters/job", w.root);
    assert_int_equal(stat(full, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    world_fini(&w);
}

TEST(publishing_again_changes_nothing)
{
    struct world w;
    world_init(&w);
    publish(&w, 1);
    struct lake_manifest m = publish(&w, 2);
    struct buf before = tree(&w);
    struct err e = {0};
    assert_ok(lake_publish(w.lake, &m, &e), &e);
    struct buf after = tree(&w);
    assert_true(str_eq(buf_view(&before), buf_view(&after)));
    buf_fini(&before);
    buf_fini(&after);
    world_fini(&w);
}

TEST(the_manifest_comes_back_from_its_json_and_publishes_the_same)
{
    struct world w, x;
    struct err e = {0};
    world_init(&w);
    world_init(&x);
    publish(&w, 1);
    struct lake_manifest m = stage(&x, 1, 1);
    struct buf json, again;
    buf_init(&json, 1 << 24);
    buf_init(&again, 1 << 24);
    lake_manifest_write(&json, &m);
    struct lake_manifest back;
    assert_ok(lake_manifest_read(&back, x.a, buf_view(&json), &e), &e);
    lake_manifest_write(&again, &back);
    assert_true(str_eq(buf_view(&json), buf_view(&again)));
    assert_true(str_eq(back.ranges_json, m.ranges_json));
    assert_ok(lake_publish(x.lake, &back, &e), &e);
    struct buf one = tree(&w);
    struct buf two = tree(&x);
    assert_true(str_eq(buf_view(&one), buf_view(&two)));
    buf_fini(&json);
    buf_fini(&again);
    buf_fini(&one);
    buf_fini(&two);
    world_fini(&w);
    world_fini(&x);
}

TEST(the_head_is_the_last_published_batch)
{
    struct world w;
    struct err e = {0};
    struct lake_head h;
    world_init(&w);
    assert_ok(lake_head(w.lake, "job", 0, &h, &e), &e);
    assert_int_equal(h.batch, 0);
    publish(&w, 1);
    publish(&w, 2);
    assert_ok(lake_head(w.lake, "job", 0, &h, &e), &e);
    assert_int_equal(h.batch, 2);
    assert_int_equal(h.digest, 2);
    assert_int_equal(h.pending, 0);
    world_fini(&w);
}

TEST(the_head_is_found_behind_an_old_or_missing_head_file)
{
    struct world w;
    struct err e = {0};
    struct lake_head h;
    char head[1024];
    world_init(&w);
    publish(&w, 1);
    publish(&w, 2);
    put(&w, "_sluice/job/0/HEAD", "{\"batch\": 1, \"digest\": \"0000000000000001\"}\n");
    assert_ok(lake_head(w.lake, "job", 0, &h, &e), &e);
    assert_int_equal(h.batch, 2);
    snprintf(head, sizeof head, "%s/_sluice/job/0/HEAD", w.root);
    assert_int_equal(unlink(head), 0);
    assert_ok(lake_head(w.lake, "job", 0, &h, &e), &e);
    assert_int_equal(h.batch, 2);
    assert_int_equal(h.digest, 2);
    put(&w, "_sluice/job/0/HEAD", "{\"batch\": \"x\"}\n");
    assert_fails(lake_head(w.lake, "job", 0, &h, &e), &e, ERR_DATA, "HEAD is damaged");
    world_fini(&w);
}

TEST(a_batch_that_is_published_with_other_contents_is_fenced)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    publish(&w, 1);
    publish(&w, 2);
    struct buf before = tree(&w);
    struct lake_manifest other = stage(&w, 2, 99);
    assert_fails(lake_publish(w.lake, &other, &e), &e, ERR_FENCED, "other contents");
    assert_ok(lake_stage_clean(w.lake, "job", 0, 0, &e), &e);
    struct buf after = tree(&w);
    assert_true(str_eq(buf_view(&before), buf_view(&after)));
    buf_fini(&before);
    buf_fini(&after);
    world_fini(&w);
}

TEST(an_older_batch_than_the_head_is_fenced)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    struct lake_manifest first = publish(&w, 1);
    publish(&w, 2);
    assert_fails(lake_publish(w.lake, &first, &e), &e, ERR_FENCED, "later batch");
    world_fini(&w);
}

TEST(a_head_that_this_state_does_not_know_is_fenced_and_a_lost_one_is_behind)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    publish(&w, 1);
    publish(&w, 2);
    struct lake_manifest m = stage(&w, 3, 3);
    m.prev_batch = 1;
    m.prev_digest = 1;
    assert_fails(lake_publish(w.lake, &m, &e), &e, ERR_FENCED, "does not know");
    err_clear(&e);
    m.prev_batch = 2;
    m.prev_digest = 77;
    assert_fails(lake_publish(w.lake, &m, &e), &e, ERR_FENCED, "other contents than ours");
    err_clear(&e);
    m.batch = 5;
    m.prev_batch = 4;
    assert_fails(lake_publish(w.lake, &m, &e), &e, ERR_BEHIND, "batch 4 is expected");
    world_fini(&w);
}

static void plant_claim(struct world *w, uint64_t batch, uint64_t digest)
{
    struct lake_manifest m = {.job = STR("job"),
                              .batch = batch,
                              .digest = digest,
                              .kind = STR("forward"),
                              .ranges_json = STR("")};
    struct buf json;
    char name[128];
    buf_init(&json, 1 << 20);
    lake_manifest_write(&json, &m);
    buf_char(&json, '\0');
    snprintf(name, sizeof name, "_sluice/job/0/.pending-%llu.json", (unsigned long long)batch);
    put(w, name, json.p);
    buf_fini(&json);
}

TEST(a_claim_with_another_digest_is_fenced_and_shown)
{
    struct world w;
    struct err e = {0};
    struct lake_head h;
    world_init(&w);
    publish(&w, 1);
    plant_claim(&w, 2, 99);
    struct lake_manifest m = stage(&w, 2, 2);
    assert_fails(lake_publish(w.lake, &m, &e), &e, ERR_FENCED, "claimed with other contents");
    assert_false(exists(&w, "streams/S/year=2025/month=10/day=29/000000000002-0.jsonl.gz"));
    err_clear(&e);
    assert_ok(lake_head(w.lake, "job", 0, &h, &e), &e);
    assert_int_equal(h.batch, 1);
    assert_int_equal(h.pending, 2);
    assert_int_equal(h.pending_digest, 99);
    world_fini(&w);
}

TEST(a_later_claim_is_fenced)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    publish(&w, 1);
    plant_claim(&w, 5, 99);
    struct lake_manifest m = stage(&w, 2, 2);
    assert_fails(lake_publish(w.lake, &m, &e), &e, ERR_FENCED, "another batch is claimed");
    world_fini(&w);
}

TEST(a_process_whose_staging_was_deleted_is_fenced_and_leaves_no_claim)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    struct lake_manifest m = stage(&w, 1, 1);
    assert_ok(lake_stage_clean(w.lake, "job", 0, 0, &e), &e);
    assert_fails(lake_publish(w.lake, &m, &e), &e, ERR_FENCED, "is gone");
    assert_false(exists(&w, "_sluice/job/0/.pending-1.json"));
    publish(&w, 1); // the successor is not blocked
    world_fini(&w);
}

TEST(cleaning_keeps_the_wanted_batch_only)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    stage(&w, 1, 1);
    stage(&w, 2, 2);
    assert_ok(lake_stage_clean(w.lake, "job", 0, 2, &e), &e);
    assert_false(exists(&w, "_sluice/job/0/staging-1"));
    assert_true(exists(&w, "_sluice/job/0/staging-2"));
    assert_ok(lake_stage_clean(w.lake, "job", 0, 0, &e), &e);
    assert_false(exists(&w, "_sluice/job/0/staging-2"));
    world_fini(&w);
}

TEST(old_versions_go_and_two_always_stay)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    w.outputs[1].keep_versions = 1;
    for (uint64_t i = 1; i <= 3; i++)
        publish(&w, i);
    struct lake_manifest m = publish(&w, 4);
    assert_ok(lake_trim_versions(w.lake, &m, &e), &e);
    assert_false(exists(&w, "tables/T/version=1"));
    assert_false(exists(&w, "tables/T/version=2"));
    assert_true(exists(&w, "tables/T/version=3"));
    assert_true(exists(&w, "tables/T/version=4"));
    struct lake_verify v;
    assert_ok(lake_verify(&v, w.a, w.lake, STR_NONE, &e), &e);
    assert_int_equal(v.count, 0);
    world_fini(&w);
}

TEST(a_wiped_or_foreign_directory_is_not_taken_for_the_lake)
{
    struct test_dir dir;
    struct err e = {0};
    struct lake *lake;
    char path[512];
    test_dir_init(&dir);
    struct durable *d = durable_new(DURABLE_KILL);
    test_dir_file(path, &dir, "lake");
    assert_fails(lake_open(&lake, path, LAKE_OPEN_EXISTING, d, &e), &e, ERR_BEHIND,
                 "is not a lake");
    assert_int_not_equal(access(path, F_OK), 0);
    err_clear(&e);
    assert_ok(lake_open(&lake, path, LAKE_OPEN_CREATE, d, &e), &e);
    lake_close(lake);
    assert_ok(lake_open(&lake, path, LAKE_OPEN_EXISTING, d, &e), &e);
    lake_close(lake);
    durable_free(d);
    test_dir_fini(&dir);
}

struct opener {
    const char *path;
    pthread_barrier_t *all;
    bool ok;
    char text[512];
};

static void *opens(void *arg)
{
    struct opener *s = arg;
    struct err e = {0};
    struct lake *lake = NULL;
    struct durable *d = durable_new(DURABLE_KILL);
    pthread_barrier_wait(s->all);
    s->ok = lake_open(&lake, s->path, LAKE_OPEN_CREATE, d, &e);
    err_format(&e, s->text, sizeof s->text);
    if (s->ok)
        lake_close(lake);
    durable_free(d);
    return NULL;
}

TEST(jobs_that_begin_at_once_make_one_lake)
{
    enum { JOBS = 4, ROUNDS = 50 };
    for (int round = 0; round < ROUNDS; round++) {
        struct test_dir dir;
        struct opener jobs[JOBS];
        pthread_t threads[JOBS];
        pthread_barrier_t all;
        char path[512];
        test_dir_init(&dir);
        test_dir_file(path, &dir, "lake");
        assert_int_equal(pthread_barrier_init(&all, NULL, JOBS), 0);
        for (int i = 0; i < JOBS; i++) {
            jobs[i] = (struct opener){.path = path, .all = &all};
            assert_int_equal(pthread_create(&threads[i], NULL, opens, &jobs[i]), 0);
        }
        for (int i = 0; i < JOBS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        for (int i = 0; i < JOBS; i++)
            if (!jobs[i].ok)
                fail_msg("%s", jobs[i].text);
        assert_int_equal(pthread_barrier_destroy(&all), 0);
        test_dir_fini(&dir);
    }
}

TEST(an_output_belongs_to_one_job)
{
    struct world w;
    struct err e = {0};
    struct lake_stage *st;
    world_init(&w);
    publish(&w, 1);
    const struct lake_stage_spec spec = {
        .job = "other", .batch = 1, .outputs = w.outputs, .count = 2};
    assert_fails(lake_stage_begin(&st, w.lake, &spec, &e), &e, ERR_CONFIG, "belongs to job job");
    world_fini(&w);
}

TEST(metadata_totals_are_the_sums_of_what_is_there)
{
    struct world w;
    struct err e = {0};
    world_init(&w);
    for (uint64_t i = 1; i <= 3; i++)
        publish(&w, i);
    struct buf text;
    buf_init(&text, 1 << 20);
    lake_rows_read(&text, w.root, "streams/S/_metadata.json");
    assert_int_equal(lake_rows_count(buf_view(&text), "\"total_records\": 3000"), 1);
    assert_int_equal(lake_rows_count(buf_view(&text), "\"last_batch\": 3"), 1);
    assert_int_equal(lake_rows_count(buf_view(&text), "\"storage_mode\": \"append\""), 1);
    assert_int_equal(
        lake_rows_count(buf_view(&text), "\"created_at\": \"2025-10-28T22:10:00.000Z\""), 1);
    assert_int_equal(
        lake_rows_count(buf_view(&text), "\"last_export\": \"2025-10-28T22:30:00.000Z\""), 1);
    assert_int_equal(lake_rows_count(buf_view(&text), "\"path\": \"year=2025/month=10/day=29\""),
                     1);
    buf_fini(&text);
    struct lake_verify v;
    assert_ok(lake_verify(&v, w.a, w.lake, STR_NONE, &e), &e);
    assert_int_equal(v.count, 0);
    world_fini(&w);
}

TEST(a_batch_that_replaces_a_slot_puts_its_files_in_their_place_and_removes_the_others)
{
    struct world w;
    struct err e = {0};
    const struct lake_file *files;
    struct lake_slots slots;
    size_t n;
    world_init(&w);
    publish(&w, 1); // 120 rows on the 28th, 880 on the 29th
    publish(&w, 2);
    struct lake_ls ls;
    assert_ok(lake_list(&ls, w.a, w.lake, STR_NONE, &e), &e);
    lake_slots_init(&slots, w.a, &ls, "job");
    lake_slot_files(&files, &n, w.a, &slots, 1);
    assert_int_equal(n, 3);
    struct lake_manifest m;
    const struct lake_rows_batch spec = {.batch = 3,
                                         .slot = 1,
                                         .prev = 2,
                                         .digest = 3,
                                         .prev_digest = 2,
                                         .rows = 100,
                                         .outputs = w.outputs,
                                         .count = 2};
    assert_ok(lake_rows_stage(&m, w.a, w.lake, &spec, &e), &e);
    m.replaced = files;
    m.replaced_count = n;
    struct buf json;
    buf_init(&json, 1 << 20);
    lake_manifest_write(&json, &m);
    assert_ok(lake_manifest_read(&m, w.a, buf_view(&json), &e), &e);
    assert_ok(lake_publish(w.lake, &m, &e), &e);
    assert_ok(lake_publish(w.lake, &m, &e), &e);
    assert_true(exists(&w, "streams/S/year=2025/month=10/day=28/000000000001-0.jsonl.gz"));
    assert_false(exists(&w, "streams/S/year=2025/month=10/day=29/000000000001-1.jsonl.gz"));
    assert_false(exists(&w, "_dead_letters/job/1.jsonl"));
    assert_true(exists(&w, "_dead_letters/job/3.jsonl"));
    buf_clear(&json);
    lake_rows_read(&json, w.root, "streams/S/_metadata.json");
    assert_int_equal(lake_rows_count(buf_view(&json), "\"total_records\": 1100"), 1);
    struct lake_verify v;
    assert_ok(lake_verify(&v, w.a, w.lake, STR_NONE, &e), &e);
    assert_int_equal(v.count, 0);
    assert_ok(lake_list(&ls, w.a, w.lake, STR_NONE, &e), &e);
    assert_int_equal(ls.outputs[0].rows, 1100);
    lake_slots_init(&slots, w.a, &ls, "job");
    lake_slot_files(&files, &n, w.a, &slots, 1);
    assert_int_equal(n, 2); // the dead letters, and one day
    assert_int_equal(files[1].rows, 100);
    buf_fini(&json);
    world_fini(&w);
}

TEST_MAIN(T(a_batch_that_replaces_a_slot_puts_its_files_in_their_place_and_removes_the_others),
          T(nothing_but_hidden_names_changes_before_publish),
          T(files_hold_the_rows_of_their_day_and_the_manifest_says_so),
          T(dead_letters_are_readable_by_their_owner_only), T(publishing_again_changes_nothing),
          T(the_manifest_comes_back_from_its_json_and_publishes_the_same),
          T(the_head_is_the_last_published_batch),
          T(the_head_is_found_behind_an_old_or_missing_head_file),
          T(a_batch_that_is_published_with_other_contents_is_fenced),
          T(an_older_batch_than_the_head_is_fenced),
          T(a_head_that_this_state_does_not_know_is_fenced_and_a_lost_one_is_behind),
          T(a_claim_with_another_digest_is_fenced_and_shown), T(a_later_claim_is_fenced),
          T(a_process_whose_staging_was_deleted_is_fenced_and_leaves_no_claim),
          T(cleaning_keeps_the_wanted_batch_only), T(old_versions_go_and_two_always_stay),
          T(a_wiped_or_foreign_directory_is_not_taken_for_the_lake),
          T(jobs_that_begin_at_once_make_one_lake), T(an_output_belongs_to_one_job),
          T(metadata_totals_are_the_sums_of_what_is_there))
