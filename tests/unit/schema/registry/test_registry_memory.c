#include "schema/registry/registry_memory.h"
#include "tests/support/test.h"

static const struct registry_schema schema_int = {.kind = REGISTRY_AVRO, .text = STR("\"int\"")};
static const struct registry_schema schema_long = {.kind = REGISTRY_AVRO, .text = STR("\"long\"")};

TEST(ids_and_versions_count_up_and_equal_schemas_share_an_id)
{
    struct arena *a = arena_new(NULL);
    struct registry *r = registry_memory_new(a);
    const struct registry_schema *found;
    struct err e;
    int32_t x, y, z;
    assert_ok(registry_put(r, &x, STR("a"), &schema_int, &e), &e);
    assert_ok(registry_put(r, &y, STR("a"), &schema_long, &e), &e);
    assert_ok(registry_put(r, &z, STR("b"), &schema_int, &e), &e);
    assert_int_equal(x, 1);
    assert_int_equal(y, 2);
    assert_int_equal(z, 1);
    assert_int_equal(registry_by_subject(r, &found, STR("a"), REGISTRY_LATEST, &e), REGISTRY_FOUND);
    assert_int_equal(found->id, 2);
    assert_int_equal(found->version, 2);
    assert_int_equal(registry_by_subject(r, &found, STR("b"), 1, &e), REGISTRY_FOUND);
    assert_int_equal(found->id, 1);
    assert_int_equal(registry_by_subject(r, &found, STR("b"), 2, &e), REGISTRY_ABSENT);
    assert_int_equal(registry_by_id(r, &found, 3, &e), REGISTRY_ABSENT);
    arena_free(a);
}

TEST(an_id_of_the_callers_choosing_stands_for_one_schema)
{
    struct arena *a = arena_new(NULL);
    struct registry *r = registry_memory_new(a);
    struct err e;
    int32_t next;
    assert_ok(registry_memory_put_id(r, STR("a"), 10, &schema_int, &e), &e);
    assert_fails(registry_memory_put_id(r, STR("a"), 10, &schema_long, &e), &e, ERR_CONFIG,
                 "schema id 10 stands for another schema");
    assert_ok(registry_put(r, &next, STR("a"), &schema_long, &e), &e);
    assert_int_equal(next, 11);
    arena_free(a);
}

TEST_MAIN(T(ids_and_versions_count_up_and_equal_schemas_share_an_id),
          T(an_id_of_the_callers_choosing_stands_for_one_schema))
