#include "warehouse/table.h"
#include "warehouse/upsert.h"

#include "tests/support/test.h"

static const struct warehouse_url url = {.display = STR("test://")};

static struct sink_spec spec_of(struct sink_column *columns, size_t n)
{
    return (struct sink_spec){.url = &url,
                              .mode = SINK_UPSERT,
                              .create = SINK_CREATE_IF_ABSENT,
                              .table = STR("t"),
                              .columns = columns,
                              .count = n,
                              .job = "j",
                              .output = "O"};
}

static struct sink_spec standard(void)
{
    static struct sink_column columns[3];
    columns[0] = (struct sink_column){STR("region"), type_scalar(TYPE_STRING), STR_NONE, true, 0};
    columns[1] = (struct sink_column){STR("windowstart"), type_scalar(TYPE_BIGINT),
                                      STR("timestamp"), true, 0};
    columns[2] = (struct sink_column){STR("n"), type_scalar(TYPE_BIGINT), STR_NONE, false, 0};
    return spec_of(columns, 3);
}

TEST(mysql_creates_nopad_keys_in_innodb)
{
    const struct sink_spec spec = standard();
    struct target targets[3];
    struct buf b;
    struct err e = {0};
    buf_init(&b, 1 << 16);
    assert_ok(upsert_create(&b, targets, &dialect_mysql, &spec, NULL, &e), &e);
    assert_str(buf_view(&b),
               "CREATE TABLE IF NOT EXISTS `t` (\n"
               "  `region` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,\n"
               "  `windowstart` timestamp(3) NOT NULL DEFAULT '1970-01-01 00:00:01',\n"
               "  `n` bigint NULL,\n"
               "  PRIMARY KEY (`region`, `windowstart`)\n"
               ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC");
    assert_false(targets[0].padded);
    buf_clear(&b);
    assert_ok(upsert_create(&b, targets, &dialect_mysql, &spec, "utf8mb4_bin", &e), &e);
    assert_true(targets[0].padded);
    buf_fini(&b);
}

TEST(writes_and_deletes_have_the_form_of_their_store)
{
    const struct sink_spec spec = standard();
    struct buf b;
    buf_init(&b, 1 << 16);
    upsert_write(&b, &dialect_mysql, &spec, 2);
    assert_str(buf_view(&b),
               "INSERT INTO `t` (`region`, `windowstart`, `n`) VALUES (?, ?, ?), (?, ?, ?)"
               " ON DUPLICATE KEY UPDATE `n` = VALUES(`n`)");
    buf_clear(&b);
    upsert_write(&b, &dialect_sqlite, &spec, 1);
    assert_str(buf_view(&b),
               "INSERT INTO \"t\" (\"region\", \"windowstart\", \"n\") VALUES (?, ?, ?)"
               " ON CONFLICT (\"region\", \"windowstart\") DO UPDATE SET \"n\" = excluded.\"n\"");
    buf_clear(&b);
    upsert_delete(&b, &dialect_mysql, &spec, 2);
    assert_str(buf_view(&b), "DELETE FROM `t` WHERE (`region` = ? AND `windowstart` = ?)"
                             " OR (`region` = ? AND `windowstart` = ?)");
    buf_fini(&b);
}

TEST(appends_carry_the_batch_last)
{
    struct sink_spec spec = standard();
    spec.mode = SINK_APPEND;
    struct buf b;
    buf_init(&b, 1 << 16);
    upsert_write(&b, &dialect_sqlite, &spec, 1);
    assert_str(buf_view(&b),
               "INSERT INTO \"t\" (\"region\", \"windowstart\", \"n\", \"_sluice_batch\")"
               " VALUES (?, ?, ?, ?)");
    assert_int_equal(upsert_params(&spec), 4);
    buf_fini(&b);
}

TEST(the_head_is_locked_where_locks_are_per_row)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    upsert_heads_select(&b, &dialect_mysql);
    assert_str(buf_view(&b),
               "SELECT `batch`, `digest`, `prev`, `plan` FROM `sluice_heads` WHERE `job` = ?"
               " AND `task` = ? AND `output` = ? AND `target` = ? FOR UPDATE");
    buf_fini(&b);
}

TEST(heads_compare_as_the_protocol_says)
{
    const struct commit_step step = {.batch = 7, .digest = 70, .prev_batch = 5, .prev_digest = 50};
    struct {
        uint64_t batch, digest;
        enum head_state state;
    } const cases[] = {
        {7, 70, HEAD_REPLAY}, {5, 50, HEAD_NEXT},  {4, 40, HEAD_OLDER},
        {0, 0, HEAD_OLDER},   {7, 71, HEAD_OTHER}, {5, 51, HEAD_OTHER},
        {6, 60, HEAD_OTHER},  {8, 80, HEAD_OTHER}, {8, 70, HEAD_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct head held = {.batch = cases[i].batch, .digest = cases[i].digest};
        if (head_compare(&held, &step) != cases[i].state)
            fail_msg("head %d with digest %d", (int)held.batch, (int)held.digest);
    }
    const struct commit_step first = {.batch = 1, .digest = 10};
    assert_int_equal(head_compare(&(struct head){0}, &first), HEAD_NEXT);
}

TEST(a_long_plan_is_cut_between_characters)
{
    char plan[600];
    memset(plan, 'x', 510);
    memcpy(plan + 510, "\xC3\xA9\xC3\xA9", 5);
    struct head_texts t;
    head_print(&t,
               &(struct commit_step){.batch = 1, .plan = plan, .now_ms = INT64_C(1761638400123)});
    assert_int_equal(strlen(t.plan), 510);
    assert_string_equal(t.updated_at, "2025-10-28 08:00:00.123");
    struct head h;
    struct err e = {0};
    const struct str texts[4] = {STR("1"), str_from(t.digest), STR("zz"), str_from(t.plan)};
    assert_fails(head_parse(&h, texts, &e), &e, ERR_DATA, "not what Sluice writes");
}

// --- existing tables ------------------------------------------------------------------------------

static enum collation_kind collation(struct str name)
{
    if (str_eq(name, STR("pad")))
        return COLLATION_PADDED;
    return str_eq(name, STR("ci")) ? COLLATION_INEXACT : COLLATION_EXACT;
}

static struct table_info matching(struct table_column columns[4])
{
    columns[0] = (struct table_column){
        .name = STR("REGION"), .type = STR("varchar(255)"), .key_position = 1};
    columns[1] = (struct table_column){
        .name = STR("windowstart"), .type = STR("timestamp"), .key_position = 2};
    columns[2] = (struct table_column){.name = STR("n"), .type = STR("bigint"), .nullable = true};
    columns[3] =
        (struct table_column){.name = STR("note"), .type = STR("enum('x')"), .has_default = true};
    return (struct table_info){.exists = true,
                               .columns = columns,
                               .count = 4,
                               .collation = collation,
                               .key_collation = "exact"};
}

static void differs(const struct table_info *t, const char *text)
{
    const struct sink_spec spec = standard();
    struct target targets[3];
    struct err e = {0};
    assert_fails(table_check(targets, t, &dialect_mysql, &spec, &e), &e, ERR_CONFIG, text);
    assert_true(e.hint[0] != 0);
}

TEST(a_matching_table_passes_with_its_own_limits)
{
    const struct sink_spec spec = standard();
    struct table_column columns[4];
    struct target targets[3];
    struct err e = {0};
    const struct table_info t = matching(columns);
    assert_ok(table_check(targets, &t, &dialect_mysql, &spec, &e), &e);
    assert_int_equal(targets[0].length_max, 255);
    assert_true(targets[2].nullable && !targets[0].nullable);
}

TEST(every_difference_is_named)
{
    struct table_column columns[4];
    struct table_info t = matching(columns);
    t.exists = false;
    differs(&t, "table t does not exist");
    t = matching(columns);
    columns[1].key_position = 0;
    differs(&t, "primary key is (REGION), must be (region, windowstart)");
    t = matching(columns);
    columns[0].key_prefix = true;
    differs(&t, "primary key is (REGION(prefix), windowstart)");
    t = matching(columns);
    columns[0].collation = STR("ci");
    differs(&t, "key column REGION has collation ci");
    t = matching(columns);
    columns[0].collation = STR("pad");
    differs(&t, "(padding)");
    t = matching(columns);
    columns[2].type = STR("int(11)");
    differs(&t, "column n is int(11), which cannot hold BIGINT: it is narrower");
    t = matching(columns);
    columns[2].generated = true;
    differs(&t, "it is generated");
    t = matching(columns);
    columns[3].has_default = false;
    differs(&t, "column note is NOT NULL without a default");
    t = matching(columns);
    t.other_unique = STR("u");
    differs(&t, "second UNIQUE index, u");
    t = matching(columns);
    t.count = 2;
    differs(&t, "column n is missing");
}

TEST(padded_keys_pass_where_the_server_has_nothing_better)
{
    const struct sink_spec spec = standard();
    struct table_column columns[4];
    struct target targets[3];
    struct err e = {0};
    struct table_info t = matching(columns);
    columns[0].collation = STR("pad");
    t.padded_ok = true;
    assert_ok(table_check(targets, &t, &dialect_mysql, &spec, &e), &e);
    assert_true(targets[0].padded); // rows with trailing spaces are refused instead
}

TEST_MAIN(T(mysql_creates_nopad_keys_in_innodb), T(writes_and_deletes_have_the_form_of_their_store),
          T(appends_carry_the_batch_last), T(the_head_is_locked_where_locks_are_per_row),
          T(heads_compare_as_the_protocol_says), T(a_long_plan_is_cut_between_characters),
          T(a_matching_table_passes_with_its_own_limits), T(every_difference_is_named),
          T(padded_keys_pass_where_the_server_has_nothing_better))
