#include "tests/support/job_world.h"

#include "base/kv.h"
#include "jobs/run/backfill.h"
#include "jobs/run/control.h"
#include "jobs/run/late.h"
#include "jobs/run/recover.h"
#include "jobs/spec/spec.h"
#include "tests/support/lake_rows.h"
#include "tests/support/test.h"
#include "warehouse/memory/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORLD_TEXT_MAX ((size_t)512 << 20)

// --- the job ---------------------------------------------------------------------------------------------------------

static int64_t world_now(void *arg)
{
    return ((const struct clock_virtual *)arg)->wall_ms;
}

static int64_t world_mono(void *arg)
{
    return ((const struct clock_virtual *)arg)->mono_ms;
}

// Waiting must not change what a batch's `now` says: a run disturbed by a failure writes the same bytes.
static void world_sleep(void *arg, int64_t ms)
{
    ((struct clock_virtual *)arg)->mono_ms += ms;
}

// The configuration knows the names of real stores only: here "sqlite://NAME" is a warehouse in memory.
static void world_sinks(struct job_world *w, const struct sink_type **out)
{
    struct sink_type *type = ARENA_NEW(w->a, struct sink_type);
    *type = sink_memory;
    type->name = "sqlite";
    out[0] = type;
    out[1] = NULL;
}

static void world_yaml(struct buf *out, const struct job_world *w, const char *outputs)
{
    buf_printf(out, "kafka: { bootstrap.servers: none, fake.broker: %s }\nstate: %s\n", w->name,
               w->state);
    if (w->spec.lake == JOB_WORLD_LAKE)
        buf_printf(out, "lake: { path: %s }\n", w->lake);
    buf_printf(out,
               "warehouses:\n  one: \"sqlite://one\"\n  two: \"sqlite://two\"\n"
               "jobs:\n  sim:\n    sql: [%s/job.sql]\n    group: simgroup\n    threads: 1\n%s"
               "    outputs:\n%s",
               w->dir.path, w->spec.job ? w->spec.job : "", outputs);
}

static void world_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static bool world_keep_error(struct job_world *w, bool ok)
{
    w->text[0] = '\0';
    if (!ok)
        err_format(&w->e, w->text, sizeof w->text);
    return ok;
}

bool job_world_compile(struct job_world *w, const char *sql, const char *outputs)
{
    char path[512];
    struct arena *old = w->a;
    struct buf yaml;
    struct conf_errors errors;
    const struct app_spec *app;
    const struct sink_type *sinks[2];
    err_clear(&w->e);
    world_write(test_dir_file(path, &w->dir, "job.sql"), sql);
    w->a = arena_new(NULL);
    buf_init(&yaml, 1 << 20);
    world_yaml(&yaml, w, outputs);
    conf_errors_init(&errors, w->a);
    bool ok = spec_parse(&app, w->a, "sluice.yaml", buf_view(&yaml), NULL, &errors);
    if (!ok)
        w->e = *errors.v[0];
    world_sinks(w, sinks);
    const struct job *job = NULL;
    const struct job_spec *spec = ok ? spec_job(app, STR("sim"), &w->e) : NULL;
    ok = spec && job_compile(&job, w->a, app, spec, sinks, &w->e);
    buf_fini(&yaml);
    arena_free(old);
    w->job = (struct job *)(uintptr_t)job; // ours: tests change limits and threads
    return world_keep_error(w, ok);
}

// --- life ------------------------------------------------------------------------------------------------------------

static void world_fresh(struct job_world *w)
{
    w->broker = source_fake_new(w->name, 0);
    source_fake_set_cluster(w->broker, "sim-cluster");
    for (size_t i = 0; i < JOB_WORLD_TOPICS_MAX && w->spec.topics[i]; i++)
        source_fake_topic(w->broker, w->spec.topics[i], w->spec.partitions);
    memory_forget(NULL);
    w->time = (struct clock_virtual){.wall_ms = JOB_WORLD_NOW, .mono_ms = 1000};
    job_world_restart(w, NULL);
}

struct job_world *job_world_new(const struct job_world_spec *spec)
{
    struct job_world *w = mem_zalloc(sizeof *w);
    // Crashes are simulated, so real fsyncs would only cost time.
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    w->spec = *spec;
    (void)snprintf(w->name, sizeof w->name, "w%p", (void *)w);
    test_dir_init(&w->dir);
    test_dir_file(w->state, &w->dir, "state");
    test_dir_file(w->lake, &w->dir, "lake");
    if (!job_world_compile(w, spec->sql, spec->outputs))
        fail_msg("%s", w->text);
    w->env = (struct run_env){
        .clock = {world_now, world_mono, world_sleep, &w->time},
        .source = &source_fake,
        .topics = &topic_fake,
        .window = 7,
        .deliver_ms = 3000,
    };
    world_fresh(w);
    return w;
}

void job_world_delete(struct job_world *w, const char *name)
{
    char path[512];
    struct err e;
    struct durable *d = durable_new(DURABLE_DEAD);
    assert_ok(durable_remove_tree(d, "test.remove", test_dir_file(path, &w->dir, name), &e), &e);
    durable_free(d);
}

void job_world_wipe(struct job_world *w)
{
    topic_fake_forget(w->name);
    source_fake_free(w->broker);
    job_world_delete(w, "state");
    job_world_delete(w, "lake");
    world_fresh(w);
}

void job_world_free(struct job_world *w)
{
    topic_fake_forget(w->name);
    source_fake_free(w->broker);
    memory_forget(NULL);
    durable_free(w->durable);
    arena_free(w->a);
    test_dir_fini(&w->dir);
    mem_free(w);
}

void job_world_restart(struct job_world *w, const struct fault_spec *fault)
{
    if (w->durable)
        durable_free(w->durable);
    w->durable = durable_new(DURABLE_DEAD);
    durable_set_fault(w->durable, fault);
    w->env.durable = w->durable;
}

bool job_world_run(struct job_world *w)
{
    err_clear(&w->e);
    return world_keep_error(w, run_job(&w->report, w->job, &w->env, &w->e));
}

struct world_idle {
    struct job_world *w;
    void (*fn)(struct job_world *w, void *arg);
    void *arg;
};

static void world_waiting(struct source_fake *broker, void *arg)
{
    const struct world_idle *x = arg;
    assert_ptr_equal(broker, x->w->broker);
    x->fn(x->w, x->arg);
}

bool job_world_stream(struct job_world *w, void (*idle)(struct job_world *w, void *arg), void *arg)
{
    struct world_idle x = {w, idle, arg};
    err_clear(&w->e);
    atomic_store(&w->cancel, false);
    w->env.cancel = &w->cancel;
    w->streams = true;
    source_fake_at_wait(w->broker, world_waiting, &x);
    bool ok = run_stream(&w->report, w->job, &w->env, &w->e);
    source_fake_at_wait(w->broker, NULL, NULL);
    w->env.cancel = NULL;
    return world_keep_error(w, ok);
}

bool job_world_reset(struct job_world *w, enum run_reset how)
{
    err_clear(&w->e);
    return world_keep_error(w, run_reset(w->job, &w->env, how, &w->e));
}

bool job_world_recover(struct job_world *w, struct recover_report *out)
{
    err_clear(&w->e);
    return world_keep_error(w, run_recover(out, w->job, &w->env, RECOVER_REPLAY, &w->e));
}

bool job_world_backfill(struct job_world *w, const struct backfill_spec *spec)
{
    err_clear(&w->e);
    return world_keep_error(w, run_backfill(&w->report, w->job, &w->env, spec, &w->e));
}

unsigned job_world_settle(struct job_world *w, unsigned most)
{
    for (unsigned failed = 0; failed < most; failed++) {
        if (job_world_run(w))
            return failed;
        if (durable_dead(w->durable))
            job_world_restart(w, NULL);
    }
    fail_msg("the job does not get well again: %s", w->text);
    return most;
}

// --- files -----------------------------------------------------------------------------------------------------------

static void world_copy_file(const char *from, const char *to)
{
    struct arena *a = arena_new(NULL);
    struct str text;
    struct err e;
    assert_ok(file_read(&text, a, from, WORLD_TEXT_MAX, &e), &e);
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.p, text.n), (ssize_t)text.n);
    close(fd);
    arena_free(a);
}

static void world_copy_tree(const char *from, const char *to)
{
    assert_int_equal(mkdir(to, 0700), 0);
    DIR *dir = opendir(from);
    assert_non_null(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char x[1024], y[1024];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(x, sizeof x, "%s/%s", from, entry->d_name);
        (void)snprintf(y, sizeof y, "%s/%s", to, entry->d_name);
        assert_int_equal(stat(x, &st), 0);
        if (S_ISDIR(st.st_mode))
            world_copy_tree(x, y);
        else
            world_copy_file(x, y);
    }
    closedir(dir);
}

void job_world_copy(struct job_world *w, const char *from, const char *to)
{
    char x[512], y[512];
    world_copy_tree(test_dir_file(x, &w->dir, from), test_dir_file(y, &w->dir, to));
}

// --- what is visible -------------------------------------------------------------------------------------------------

static void world_groups(struct buf *out, const struct job_world *w)
{
    for (size_t i = 0; i < JOB_WORLD_TOPICS_MAX && w->spec.topics[i]; i++) {
        for (int32_t p = 0; p < w->spec.partitions; p++)
            buf_printf(out, "group %s/%d %lld\n", w->spec.topics[i], (int)p,
                       (long long)source_fake_group(w->broker, "simgroup", w->spec.topics[i], p));
    }
}

void job_world_print(struct buf *out, const struct job_world *w)
{
    if (file_exists(w->lake))
        lake_rows_tree(out, w->lake);
    char dead[600];
    (void)snprintf(dead, sizeof dead, "%s/dead_letters", w->job->state_dir);
    if (file_exists(dead))
        lake_rows_tree(out, dead);
    buf_text(out, "-- one\n");
    memory_print(out, JOB_WORLD_ONE);
    buf_text(out, "-- two\n");
    memory_print(out, JOB_WORLD_TWO);
    topic_fake_print(out, w->name);
    world_groups(out, w);
}

static int world_line_order(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

// Every line of text, prefixed and sorted; the first `cut` bytes behind the first blank only served the order.
static void world_sorted(struct buf *out, const char *prefix, struct str text, size_t cut)
{
    size_t n = lake_rows_count(text, "\n"), at = 0;
    struct str *lines = calloc(n + 1, sizeof *lines);
    struct str rest = text;
    assert_non_null(lines);
    while (at < n && str_split_once(&lines[at], &rest, rest, '\n'))
        at++;
    qsort(lines, at, sizeof *lines, world_line_order);
    for (size_t i = 0; i < at; i++) {
        struct str head = STR(""), tail = lines[i];
        if (cut)
            assert_true(str_split_once(&head, &tail, lines[i], ' '));
        buf_printf(out, "%s%.*s %.*s\n", prefix, STR_ARG(head),
                   STR_ARG(str_slice(tail, cut, tail.n)));
    }
    free(lines);
}

// "tables/T/version=12/0-1.jsonl.gz" -> 12, and "tables/T" in *table.
static uint64_t world_version(struct str *table, struct str path)
{
    size_t at;
    uint64_t version = 0;
    if (!str_find(&at, path, STR("/version=")))
        return 0;
    *table = str_slice(path, 0, at);
    struct str number = str_slice(path, at + 9, path.n), tail;
    assert_true(str_split_once(&number, &tail, number, '/'));
    assert_true(str_to_u64(&version, number));
    return version;
}

// Is the file part of an older snapshot than some other file of the tree?
static bool world_superseded(struct str tree, struct str path)
{
    struct str table, line, other;
    uint64_t mine = world_version(&table, path);
    while (mine && str_split_once(&line, &tree, tree, '\n')) {
        struct str name = line, tail;
        if (!str_split_once(&name, &tail, line, ' '))
            continue;
        if (world_version(&other, name) > mine && str_eq(other, table))
            return true;
    }
    return false;
}

enum { WORLD_CUT = 10 + 6 + 8 };

// "12-3.jsonl.gz" -> slot 12, file 3; "12.jsonl" (dead letters) -> 12, 0.
static void world_slot(struct str name, uint64_t *slot, uint64_t *file)
{
    struct str head, tail;
    *file = 0;
    assert_true(str_split_once(&head, &tail, name, '.'));
    if (str_split_once(&name, &tail, head, '-')) {
        assert_true(str_to_u64(file, tail));
        head = name;
    }
    assert_true(str_to_u64(slot, head));
}

// Lines of a data file behind their directory; rows of one directory belong together whatever the files are called.
static void world_lake_file(struct buf *lines, const struct job_world *w, struct str path,
                            enum job_world_order order)
{
    struct buf text;
    char name[512];
    struct str dir = path, rest, line, late;
    uint64_t slot, file = 0, number = 0;
    (void)snprintf(name, sizeof name, "%.*s", STR_ARG(path));
    while (dir.n && dir.p[dir.n - 1] != '/')
        dir.n--;
    if (late_path_read(&slot, &late, path))
        dir = late; // one file per output
    else
        world_slot(str_slice(path, dir.n, path.n), &slot, &file);
    size_t at;
    if (str_find(&at, dir, STR("/version=")))
        dir.n = at;
    buf_init(&text, WORLD_TEXT_MAX);
    lake_rows_read(&text, w->lake, name);
    rest = buf_view(&text);
    while (str_split_once(&line, &rest, rest, '\n')) {
        // Every CSV file repeats the header.
        bool header = number++ == 0 && str_find(&at, path, STR(".csv"));
        if (order == JOB_WORLD_ORDERED && !header)
            buf_printf(lines, "%.*s %010llu%06llu%08llu%.*s\n", STR_ARG(dir),
                       (unsigned long long)slot, (unsigned long long)file,
                       (unsigned long long)number, STR_ARG(line));
        else if (!header)
            buf_printf(lines, "%.*s %.*s\n", STR_ARG(dir), STR_ARG(line));
    }
    buf_fini(&text);
}

static bool world_is_data(struct str path)
{
    size_t at;
    bool data = str_starts(path, STR("streams/")) || str_starts(path, STR("tables/")) ||
                str_starts(path, STR("_dead_letters/"));
    return data && (str_find(&at, path, STR(".jsonl")) || str_find(&at, path, STR(".csv")));
}

static void world_lake_lines(struct buf *out, const struct job_world *w, enum job_world_order order)
{
    struct buf tree, lines;
    buf_init(&tree, WORLD_TEXT_MAX);
    buf_init(&lines, WORLD_TEXT_MAX);
    lake_rows_tree(&tree, w->lake);
    struct str rest = buf_view(&tree), line, path, tail;
    while (str_split_once(&line, &rest, rest, '\n'))
        if (str_split_once(&path, &tail, line, ' ') && world_is_data(path) &&
            !world_superseded(buf_view(&tree), path))
            world_lake_file(&lines, w, path, order);
    world_sorted(out, "", buf_view(&lines), order == JOB_WORLD_ORDERED ? WORLD_CUT : 0);
    buf_fini(&lines);
    buf_fini(&tree);
}

static void world_tables(struct buf *out, const struct job_world *w, const char *warehouse,
                         enum job_world_order order)
{
    for (size_t i = 0; i < w->job->target_count; i++) {
        const struct job_target *t = &w->job->targets[i];
        struct buf rows;
        char table[256], prefix[300];
        if (!str_eq(t->warehouse, str_from(warehouse)))
            continue;
        (void)snprintf(table, sizeof table, "%.*s", STR_ARG(t->spec.table));
        (void)snprintf(prefix, sizeof prefix, "%s/%s ", warehouse, table);
        buf_init(&rows, WORLD_TEXT_MAX);
        if (memory_has_table(warehouse, table))
            memory_print_table(&rows, warehouse, table);
        buf_printf(out, "-- %s\n", prefix);
        if (order == JOB_WORLD_SORTED)
            world_sorted(out, prefix, buf_view(&rows), 0);
        else
            buf_str(out, buf_view(&rows));
        buf_fini(&rows);
    }
}

static void world_topics(struct buf *out, const struct job_world *w, enum job_world_order order)
{
    for (size_t i = 0; i < w->job->topic_output_count; i++) {
        struct buf rows;
        char name[128];
        (void)snprintf(name, sizeof name, "%.*s", STR_ARG(w->job->topic_outputs[i].want.name));
        buf_init(&rows, WORLD_TEXT_MAX);
        topic_fake_print_rows(&rows, w->name, name);
        buf_printf(out, "-- topic %s\n", name);
        if (order == JOB_WORLD_SORTED)
            world_sorted(out, "topic ", buf_view(&rows), 0);
        else
            buf_str(out, buf_view(&rows));
        buf_fini(&rows);
    }
}

void job_world_print_rows(struct buf *out, const struct job_world *w, enum job_world_order order)
{
    if (file_exists(w->lake))
        world_lake_lines(out, w, order);
    world_tables(out, w, JOB_WORLD_ONE, order);
    world_tables(out, w, JOB_WORLD_TWO, order);
    world_topics(out, w, order);
    world_groups(out, w);
}

void job_world_same(const struct buf *want, const struct buf *got, const char *what)
{
    struct str x = buf_view(want), y = buf_view(got), p, q;
    for (size_t line = 1;; line++) {
        bool more = str_split_once(&p, &x, x, '\n'), other = str_split_once(&q, &y, y, '\n');
        if (!more && !other)
            return;
        if (more != other || !str_eq(p, q))
            fail_msg("line %zu differs\n  want: %.*s\n  got:  %.*s\n%s", line, more ? (int)p.n : 5,
                     more ? p.p : "(end)", other ? (int)q.n : 5, other ? q.p : "(end)", what);
    }
}

// --- receipts --------------------------------------------------------------------------------------------------------

enum {
    WORLD_TOPICS = JOB_WORLD_TOPICS_MAX,
    WORLD_PARTITIONS = 64,
    WORLD_LANES = WORLD_TOPICS * WORLD_PARTITIONS
};

// Where a list of all partitions keeps this one.
static size_t world_lane(const struct job_world *w, const struct batch_range *r)
{
    size_t topic = 0;
    while (topic < WORLD_TOPICS && w->spec.topics[topic] &&
           !str_eq(str_from(w->spec.topics[topic]), r->topic))
        topic++;
    assert_true(topic < WORLD_TOPICS && r->partition < WORLD_PARTITIONS);
    return topic * WORLD_PARTITIONS + (size_t)r->partition;
}

static void world_check_range(struct job_world *w, const struct batch_range *r, int64_t *next,
                              bool counted)
{
    int64_t *at = next ? &next[world_lane(w, r)] : NULL;
    if (at && *at >= 0)
        assert_int_equal(r->start, *at);
    assert_true(r->end >= r->start);
    if (counted)
        assert_int_equal(r->end - r->start, r->delivered + r->absent + r->lost);
    assert_int_equal(r->delivered, r->decoded + r->null_values + r->dead);
    assert_true(r->filtered <= r->decoded);
    if (at)
        *at = r->end;
}

static void world_check_record(struct job_world *w, const struct batch_record *r, int64_t *next)
{
    uint64_t dead = 0;
    for (size_t i = 0; i < r->range_count; i++) {
        world_check_range(w, &r->ranges[i], r->slot ? NULL : next, // a slot again is no progress
                          r->slot ||
                              r->kind != BATCH_RECOVER); // of a lost one only the plan is known
        dead += r->ranges[i].dead;
    }
    assert_int_equal(r->dead, dead);
    for (size_t i = 0; i < r->target_count; i++)
        assert_int_equal(r->targets[i].rows, r->targets[i].upserts + r->targets[i].deletes);
}

void job_world_control(struct control *out, const struct job_world *w, struct arena *a)
{
    struct kv *kv;
    struct kv_txn *t;
    struct err e;
    struct kv_spec spec = {.dir = w->job->state_dir, .mode = KV_READER, .durable = w->durable};
    assert_ok(kv_open(&kv, &spec, &e), &e);
    assert_ok(kv_begin_read(&t, kv, &e), &e);
    assert_ok(control_load(out, a, t, &e), &e);
    kv_abort(t);
    kv_close(kv);
}

bool job_world_record(struct batch_record *out, const struct job_world *w, struct arena *a,
                      uint64_t batch)
{
    struct kv *kv;
    struct kv_txn *t;
    struct err e;
    struct kv_spec spec = {.dir = w->job->state_dir, .mode = KV_READER, .durable = w->durable};
    assert_ok(kv_open(&kv, &spec, &e), &e);
    assert_ok(kv_begin_read(&t, kv, &e), &e);
    enum kv_found found = control_get_record(out, a, t, batch, &e);
    assert_true(found != KV_FAILED);
    kv_abort(t);
    kv_close(kv);
    return found == KV_FOUND;
}

void job_world_check_receipts(struct job_world *w)
{
    struct kv *kv;
    struct kv_txn *t;
    struct control c;
    struct err e;
    struct arena *a = arena_new(NULL);
    int64_t next[WORLD_LANES];
    memset(next, 0xFF, sizeof next);
    struct kv_spec spec = {.dir = w->job->state_dir, .mode = KV_READER, .durable = w->durable};
    assert_ok(kv_open(&kv, &spec, &e), &e);
    assert_ok(kv_begin_read(&t, kv, &e), &e);
    assert_ok(control_load(&c, a, t, &e), &e);
    assert_int_equal(c.delivered, c.last_batch);
    for (uint64_t batch = 1; batch <= c.last_batch; batch++) {
        struct batch_record r;
        enum kv_found found = control_get_record(&r, a, t, batch, &e);
        if (found == KV_FAILED)
            fail_msg("%s", e.text);
        if (found == KV_FOUND)
            world_check_record(w, &r, next);
        else
            memset(next, 0xFF, sizeof next); // a reset
    }
    for (size_t i = 0; i < c.position_count; i++)
        assert_int_equal(source_fake_end(w->broker, arena_str(a, c.positions[i].topic).p,
                                         c.positions[i].partition),
                         c.positions[i].next);
    kv_abort(t);
    kv_close(kv);
    arena_free(a);
}

// The oldest head over the lake and all targets.
static uint64_t world_delivered(const struct job_world *w, struct durable *d)
{
    uint64_t least = UINT64_MAX;
    if (w->spec.lake == JOB_WORLD_LAKE && !w->streams) {
        struct lake *lake;
        struct lake_head h = {0};
        struct err e;
        if (lake_open(&lake, w->lake, LAKE_OPEN_EXISTING, d, &e)) {
            assert_ok(lake_head(lake, w->job->name, 0, &h, &e), &e);
            lake_close(lake);
        }
        least = h.batch;
    }
    if (w->job->topic_output_count > 0) {
        char topic[128];
        (void)snprintf(topic, sizeof topic, "%.*s", STR_ARG(w->job->topic_outputs[0].want.name));
        uint64_t marker = topic_fake_marker(w->name, "simgroup.commits", topic);
        least = marker < least ? marker : least;
    }
    for (size_t i = 0; i < w->job->target_count; i++) {
        const struct job_target *t = &w->job->targets[i];
        struct head h = {0};
        char warehouse[64], table[256];
        (void)snprintf(warehouse, sizeof warehouse, "%.*s", STR_ARG(t->warehouse));
        (void)snprintf(table, sizeof table, "%.*s", STR_ARG(t->spec.table));
        if (!memory_head(&h, warehouse, w->job->name, 0, t->spec.output, table))
            h.batch = 0;
        least = h.batch < least ? h.batch : least;
    }
    return least;
}

// Ends of all partitions after the batch; -1 = not in it or an earlier one.
static void world_ends(int64_t *ends, const struct job_world *w, struct durable *d, uint64_t upto)
{
    struct kv *kv;
    struct kv_txn *t;
    struct err e;
    struct kv_spec spec = {.dir = w->job->state_dir, .mode = KV_READER, .durable = d};
    if (upto == 0 || !kv_open(&kv, &spec, &e))
        return;
    struct arena *a = arena_new(NULL);
    assert_ok(kv_begin_read(&t, kv, &e), &e);
    for (uint64_t batch = 1; batch <= upto; batch++) {
        struct batch_record r;
        if (control_get_record(&r, a, t, batch, &e) != KV_FOUND || r.slot)
            continue;
        for (size_t i = 0; i < r.range_count; i++)
            ends[world_lane(w, &r.ranges[i])] = r.ranges[i].end;
    }
    kv_abort(t);
    kv_close(kv);
    arena_free(a);
}

static void world_check_offset(const struct job_world *w, size_t topic, int32_t p, int64_t end)
{
    int64_t group = source_fake_group(w->broker, "simgroup", w->spec.topics[topic], p);
    // A partition without records yet is committed at its start.
    if (group > (end < 0 ? 0 : end))
        fail_msg("the group is at %lld of %s/%d, but all that was delivered of it ends at %lld",
                 (long long)group, w->spec.topics[topic], (int)p, (long long)end);
}

void job_world_check_offsets(struct job_world *w)
{
    int64_t ends[WORLD_LANES];
    struct durable *d = durable_new(DURABLE_DEAD); // the world's own may be dead
    memset(ends, 0xFF, sizeof ends);
    world_ends(ends, w, d, world_delivered(w, d));
    durable_free(d);
    for (size_t t = 0; t < WORLD_TOPICS && w->spec.topics[t]; t++)
        for (int32_t p = 0; p < w->spec.partitions; p++)
            world_check_offset(w, t, p, ends[t * WORLD_PARTITIONS + (size_t)p]);
}
