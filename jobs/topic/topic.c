#include "jobs/topic/topic.h"

#include <assert.h>

// org.apache.kafka.common.utils.Utils.murmur2: MurmurHash2 with Kafka's seed, little-endian words, 32-bit wrap-around.
static uint32_t topic_murmur2(struct str key)
{
    const uint32_t m = 0x5bd1e995, seed = 0x9747b28c;
    const uint8_t *p = (const uint8_t *)key.p;
    uint32_t h = seed ^ (uint32_t)key.n;
    size_t i = 0;
    for (; i + 4 <= key.n; i += 4) {
        uint32_t k = (uint32_t)p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 |
                     (uint32_t)p[i + 3] << 24;
        k *= m;
        k ^= k >> 24;
        h = h * m ^ k * m;
    }
    size_t rest = key.n - i;
    if (rest > 2)
        h ^= (uint32_t)p[i + 2] << 16;
    if (rest > 1)
        h ^= (uint32_t)p[i + 1] << 8;
    if (rest > 0)
        h = (h ^ p[i]) * m;
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

int32_t topic_partition(struct str key, int32_t partitions)
{
    assert(partitions > 0);
    return (int32_t)((topic_murmur2(key) & 0x7fffffff) % (uint32_t)partitions);
}
