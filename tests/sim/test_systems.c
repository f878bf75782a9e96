// Whole systems, many statements each, over their own records: the same rows whatever windows, threads and partitions. The reference
// is one thread, windows of one record, one partition. tests/golden/systems has the records, the SQL that is not an example's, and, for the
// small systems, what must come out. SLUICE_GOLDEN_UPDATE=1 rewrites that.
#include "base/vec.h"
#include "tests/support/job_world.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#define SYSTEMS       "tests/golden/systems/"
#define TEXT_MAX      ((size_t)64 << 20)
#define FIRST_TIME_MS INT64_C(1740000000000) // of records without one

enum key_form { KEY_AS_TEXT, KEY_AS_INT };

struct fixture {
    const char *name;
    const char *sql; // a script, or a folder with config.yaml
    enum key_form key;
    const char *job; // YAML of the job
    enum { EXPECT_NOTHING, EXPECT_ROWS } expect;
    const char *topics[JOB_WORLD_TOPICS_MAX];
};

struct record {
    size_t topic, place; // place: in its file
    int64_t timestamp;
    struct str key, value;
};

struct records {
    struct arena *a;
    VEC(struct record) v;
};

// --- reading what a system is ------------------------------------------------------------------------------------------

static struct str read_file(struct arena *a, const char *path)
{
    struct str text;
    struct err e;
    assert_ok(file_read(&text, a, path, TEXT_MAX, &e), &e);
    return text;
}

// Items of a config.yaml of examples/retail, in their order.
static bool next_item(struct str *out, struct str *rest)
{
    struct str line;
    while (str_split_once(&line, rest, *rest, '\n')) {
        line = str_trim(line);
        if (!str_starts(line, STR("- ")))
            continue;
        *out = str_trim(str_slice(line, 2, line.n));
        return true;
    }
    return false;
}

static void read_sql(struct buf *out, struct arena *a, const char *path)
{
    const char *config = arena_printf(a, "%s/config.yaml", path).p;
    if (!file_exists(config)) {
        buf_str(out, read_file(a, path));
        return;
    }
    struct str rest = read_file(a, config), item;
    while (next_item(&item, &rest))
        read_sql(out, a, arena_printf(a, "%s/%.*s", path, STR_ARG(item)).p);
}

static struct str word_at(struct str *rest)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->n && !strchr(" \t\n(;", rest->p[n]))
        n++;
    const struct str word = str_slice(*rest, 0, n);
    *rest = str_slice(*rest, n, rest->n);
    return word;
}

// CREATE STREAM|TABLE name … AS SELECT: every one of them is an output.
static void add_output(struct buf *out, struct arena *a, struct str statement)
{
    struct str rest = statement, head, name;
    const char *at = NULL;
    for (size_t i = 0; i + 7 <= statement.n && !at; i++)
        if (str_eq_nocase(str_slice(statement, i, i + 7), STR("create ")))
            at = statement.p + i + 7;
    if (!at)
        return;
    rest = (struct str){at, (size_t)(statement.p + statement.n - at)};
    head = word_at(&rest);
    name = word_at(&rest);
    size_t select = 0;
    for (; select + 7 <= rest.n; select++)
        if (str_eq_nocase(str_slice(rest, select, select + 7), STR("select ")) ||
            str_eq_nocase(str_slice(rest, select, select + 7), STR("select\n")))
            break;
    if (select + 7 > rest.n)
        return;
    char *upper = arena_strdup(a, arena_str(a, name).p);
    for (char *p = upper; *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
    buf_printf(out, "      %s: { lake: { compression: none, %s }, warehouse: { to: one } }\n",
               upper, str_eq_nocase(head, STR("table")) ? "snapshot: true" : "partition_by: []");
}

static const char *outputs_of(struct arena *a, struct str sql)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    struct str statement, rest = sql;
    while (str_split_once(&statement, &rest, rest, ';'))
        add_output(&out, a, statement);
    const char *text = arena_str(a, buf_view(&out)).p;
    buf_fini(&out);
    return text;
}

static struct str key_bytes(struct arena *a, enum key_form form, const json_t *key)
{
    if (!key || json_is_null(key))
        return STR_NONE;
    if (form == KEY_AS_TEXT)
        return arena_str(a, str_from(json_string_value(key)));
    const uint32_t v = (uint32_t)json_integer_value(key);
    const char bytes[] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
    return arena_str(a, (struct str){bytes, 4});
}

static void read_topic(struct records *r, const struct fixture *f, size_t topic)
{
    struct str line,
        rest =
            read_file(r->a, arena_printf(r->a, SYSTEMS "%s/%s.jsonl", f->name, f->topics[topic]).p);
    for (size_t place = 0; str_split_once(&line, &rest, rest, '\n'); place++) {
        json_t *j = json_loadb(line.p, line.n, 0, NULL);
        assert_non_null(j);
        const json_t *value = json_object_get(j, "value"), *time = json_object_get(j, "timestamp");
        char *text = json_is_null(value) ? NULL : json_dumps(value, JSON_COMPACT);
        const struct record one = {
            .topic = topic,
            .place = place,
            .timestamp = time ? json_integer_value(time) : FIRST_TIME_MS,
            .key = key_bytes(r->a, f->key, json_object_get(j, "key")),
            .value = text ? arena_str(r->a, str_from(text)) : STR_NONE,
        };
        vec_push(&r->v, one);
        free(text);
        json_decref(j);
    }
}

static int by_time(const void *x, const void *y)
{
    const struct record *p = x, *q = y;
    if (p->timestamp != q->timestamp)
        return p->timestamp < q->timestamp ? -1 : 1;
    if (p->topic != q->topic)
        return p->topic < q->topic ? -1 : 1;
    return (p->place > q->place) - (p->place < q->place);
}

// Timestamps that differ: then the merge of one partition and of four is the same order.
static void read_records(struct records *r, const struct fixture *f)
{
    for (size_t t = 0; t < JOB_WORLD_TOPICS_MAX && f->topics[t]; t++)
        read_topic(r, f, t);
    assert_true(r->v.n > 0);
    qsort(r->v.v, r->v.n, sizeof *r->v.v, by_time);
    for (size_t i = 1; i < r->v.n; i++)
        if (r->v.v[i].timestamp <= r->v.v[i - 1].timestamp)
            r->v.v[i].timestamp = r->v.v[i - 1].timestamp + 1;
}

// --- running it --------------------------------------------------------------------------------------------------------

struct variant {
    int32_t partitions;
    uint32_t window;
    unsigned threads;
};

static void produce(struct job_world *w, const struct records *r)
{
    for (size_t i = 0; i < r->v.n; i++) {
        const struct record *x = &r->v.v[i];
        const struct source_fake_record record = {
            .key = {x->key.p, x->key.n},
            .value = {x->value.p, x->value.n},
            .timestamp = x->timestamp,
        };
        source_fake_append(w->broker, w->spec.topics[x->topic],
                           (int32_t)(x->place % (size_t)w->spec.partitions), &record);
    }
}

// rows: what came out, sorted; bytes: every file and row as it is.
static void run_variant(struct buf *rows, struct buf *bytes, const struct fixture *f,
                        const struct records *r, struct str sql, struct variant v)
{
    struct job_world_spec spec = {.sql = arena_str(r->a, sql).p,
                                  .outputs = outputs_of(r->a, sql),
                                  .job = f->job,
                                  .partitions = v.partitions};
    memcpy(spec.topics, f->topics, sizeof spec.topics);
    struct job_world *w = job_world_new(&spec);
    w->job->threads = v.threads;
    w->env.window = v.window;
    produce(w, r);
    if (!job_world_run(w))
        fail_msg("%s: %s", f->name, w->text);
    assert_int_equal(w->report.records, r->v.n);
    assert_int_equal(w->report.dead, 0);
    job_world_check_receipts(w);
    job_world_print_rows(rows, w, JOB_WORLD_SORTED);
    job_world_print(bytes, w);
    job_world_free(w);
}

// Group offsets name partitions: not part of what four and one must share.
static struct buf without_groups(const struct buf *text)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    struct str line, rest = buf_view(text);
    while (str_split_once(&line, &rest, rest, '\n'))
        if (!str_starts(line, STR("group ")))
            buf_printf(&out, "%.*s\n", STR_ARG(line));
    return out;
}

static void expect_golden(const struct fixture *f, const struct buf *rows)
{
    struct arena *a = arena_new(NULL);
    const char *path = arena_printf(a, SYSTEMS "%s/expected", f->name).p;
    if (getenv("SLUICE_GOLDEN_UPDATE")) {
        FILE *out = fopen(path, "we");
        assert_non_null(out);
        assert_int_equal(fwrite(rows->p, 1, rows->n, out), rows->n);
        fclose(out);
    }
    struct buf want;
    buf_init(&want, TEXT_MAX);
    buf_str(&want, read_file(a, path));
    job_world_same(&want, rows, f->name);
    buf_fini(&want);
    arena_free(a);
}

static void check(const struct fixture *f)
{
    static const int32_t partitions[] = {1, 4};
    static const struct variant others[] = {{0, 1, 4}, {0, 7, 1}, {0, 0, 1}, {0, 0, 4}};
    struct records r = {.a = arena_new(NULL)};
    struct buf sql, first = {0};
    buf_init(&sql, TEXT_MAX);
    read_sql(&sql, r.a, f->sql);
    read_records(&r, f);
    for (size_t p = 0; p < 2; p++) {
        struct buf rows, bytes;
        buf_init(&rows, TEXT_MAX);
        buf_init(&bytes, TEXT_MAX);
        run_variant(&rows, &bytes, f, &r, buf_view(&sql), (struct variant){partitions[p], 1, 1});
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            struct buf got, got_bytes;
            buf_init(&got, TEXT_MAX);
            buf_init(&got_bytes, TEXT_MAX);
            struct variant v = others[i];
            v.partitions = partitions[p];
            run_variant(&got, &got_bytes, f, &r, buf_view(&sql), v);
            job_world_same(&bytes, &got_bytes, f->name);
            buf_fini(&got);
            buf_fini(&got_bytes);
        }
        struct buf plain = without_groups(&rows);
        if (p == 0)
            first = plain;
        else
            job_world_same(&first, &plain, "four partitions instead of one");
        if (p > 0)
            buf_fini(&plain);
        buf_fini(&rows);
        buf_fini(&bytes);
    }
    assert_true(first.n > 100);
    if (f->expect == EXPECT_ROWS)
        expect_golden(f, &first);
    buf_fini(&first);
    buf_fini(&sql);
    vec_fini(&r.v);
    arena_free(r.a);
}

TEST(orders_search)
{
    const struct fixture f = {
        .name = "orders",
        .sql = SYSTEMS "orders/job.sql",
        .expect = EXPECT_ROWS,
        .topics = {"postgres.public.customers", "postgres.public.orders"},
    };
    check(&f);
}

TEST(payroll)
{
    const struct fixture f = {
        .name = "payroll",
        .sql = SYSTEMS "payroll/job.sql",
        .key = KEY_AS_INT,
        .expect = EXPECT_ROWS,
        .topics = {"topic_payroll", "topic_ksql_1"},
    };
    check(&f);
}

TEST(cdc_analytics)
{
    const struct fixture f = {
        .name = "cdc",
        .sql = SYSTEMS "cdc/job.sql",
        .topics = {"rembo.public.sales", "rembo.public.employee", "rembo.public.sales_territory"},
    };
    check(&f);
}

TEST(transactions)
{
    const struct fixture f = {
        .name = "transactions",
        .sql = "examples/transactions/sql/transactions.sql",
        .topics = {"transaction_log"},
    };
    check(&f);
}

TEST(retail)
{
    const struct fixture f = {
        .name = "retail",
        .sql = "examples/retail/sql",
        .job = "    input_order: tables_first\n",
        .topics = {"table.public.tbl_product", "table.public.tbl_promotions",
                   "table.public.tbl_branch", "table.public.tbl_customers",
                   "table.public.tbl_employee", "table.public.tbl_sales"},
    };
    check(&f);
}

TEST_MAIN(T(orders_search), T(payroll), T(cdc_analytics), T(transactions), T(retail))
