#include "orchestrator/demo/generate.h"
#include "base/hash.h"
#include "tests/support/test.h"

#include <stdio.h>

static const char first_record[] =
    "{\"transaction_id\":\"TXN-bdd73226\",\"timestamp\":\"2025-10-17T08:15:10.763858Z\",\"user_"
    "id\":\"USER-2764\","
    "\"user_name\":\"Williams\",\"product_id\":\"PROD-862\",\"amount\":521.02,\"currency\":\"GBP\","
    "\"transaction_type\":\"refund\",\"status\":\"cancelled\",\"location\":{\"city\":\"Rio de "
    "Janeiro\","
    "\"country\":\"Brazil\"},\"payment_method\":\"bank_transfer\",\"product_category\":"
    "\"electronics\",\"quantity\":7,"
    "\"shipping_address\":{\"street\":\"930 Main St\",\"zip\":\"43989\",\"city\":\"Rio de "
    "Janeiro\","
    "\"country\":\"Brazil\"},\"device_info\":{\"os\":\"MacOS\",\"browser\":\"Edge\",\"ip_address\":"
    "\"169.223.152.31\"},"
    "\"customer_rating\":null,\"discount_code\":\"DISCOUNT-685\",\"tax_amount\":0.0,\"thread\":0,"
    "\"message_number\":0,"
    "\"timestamp_of_reception_log\":\"28/10/2025 08:00:00\"}";

TEST(the_first_record_of_seed_42_is_known)
{
    struct generator *g = generator_new(GENERATE_SEED);
    struct buf b;
    int64_t at;
    buf_init(&b, 1 << 16);
    generator_next(g, &b, &at);
    assert_int_equal(at, 1761638400000);
    assert_true(str_eq(buf_view(&b), str_from(first_record)));
    buf_fini(&b);
    generator_free(g);
}

// All records of the shared data, where it is present: each must stand in its line, byte for byte.
TEST(a_thousand_records_are_those_of_the_published_data)
{
    FILE *f = fopen("../shared/data/transactions/topics/transaction_log.jsonl", "re");
    if (!f) {
        print_message("no ../shared/data\n");
        skip();
    }
    struct generator *g = generator_new(GENERATE_SEED);
    struct buf b;
    char *line = NULL;
    size_t cap = 0;
    int64_t at;
    unsigned n = 0;
    buf_init(&b, 1 << 16);
    for (; getline(&line, &cap, f) > 0; n++) {
        buf_clear(&b);
        generator_next(g, &b, &at);
        size_t where;
        assert_true(str_find(&where, str_from(line), buf_view(&b)));
    }
    assert_int_equal(n, 1000);
    free(line);
    fclose(f);
    buf_fini(&b);
    generator_free(g);
}

TEST(another_seed_gives_other_records_and_the_same_seed_the_same)
{
    uint64_t hashes[3];
    const uint64_t seeds[3] = {42, 43, 42};
    for (int i = 0; i < 3; i++) {
        struct generator *g = generator_new(seeds[i]);
        struct buf b;
        int64_t at;
        buf_init(&b, 1 << 20);
        for (int k = 0; k < 100; k++)
            generator_next(g, &b, &at);
        hashes[i] = hash_str(buf_view(&b));
        buf_fini(&b);
        generator_free(g);
    }
    assert_true(hashes[0] == hashes[2]);
    assert_true(hashes[0] != hashes[1]);
}

TEST_MAIN(T(the_first_record_of_seed_42_is_known),
          T(a_thousand_records_are_those_of_the_published_data),
          T(another_seed_gives_other_records_and_the_same_seed_the_same))
