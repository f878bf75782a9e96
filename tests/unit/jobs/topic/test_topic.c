#include "jobs/topic/topic.h"

#include "jobs/topic/kafka/topic_kafka.h"
#include "tests/support/test.h"

// murmur2 of the Java client (its own unit test has these), made positive, modulo the partitions.
static int32_t of(int32_t murmur2, int32_t partitions)
{
    return (int32_t)(((uint32_t)murmur2 & 0x7fffffff) % (uint32_t)partitions);
}

TEST(keys_are_placed_as_the_java_producer_places_them)
{
    static const struct {
        const char *key;
        int32_t murmur2;
    } known[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct str key = str_from(known[i].key);
        assert_int_equal(topic_partition(key, INT32_MAX), of(known[i].murmur2, INT32_MAX));
        assert_int_equal(topic_partition(key, 7), of(known[i].murmur2, 7));
        assert_int_equal(topic_partition(key, 1), 0);
    }
}

TEST(an_empty_key_has_a_place_too)
{
    assert_int_equal(topic_partition(STR(""), 12), of(275646681, 12));
}

TEST(bytes_above_127_are_not_negative_numbers)
{
    // "äöü" in UTF-8: six bytes, two of them behind the last word.
    int32_t at = topic_partition(STR("\xc3\xa4\xc3\xb6\xc3\xbc"), 1000);
    assert_in_range(at, 0, 999);
    assert_int_not_equal(at, topic_partition(STR("\xc3\xa4\xc3\xb6\xc3\x3c"), 1000));
}

TEST_MAIN(T(keys_are_placed_as_the_java_producer_places_them), T(an_empty_key_has_a_place_too),
          T(bytes_above_127_are_not_negative_numbers))
