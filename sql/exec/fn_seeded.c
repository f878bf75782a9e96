// UUID and RANDOM: hashes of the row's place (record, call site), so that reading the row again gives the same value.
#include "sql/exec/fn_internal.h"

#include "base/hash.h"

#include <assert.h>

static void put_uuid(struct buf *out, const uint8_t bytes[16])
{
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            buf_char(out, '-');
        buf_hex(out, bytes + i, 1);
    }
}

// Version 4, variant 1, from 128 bits of hash.
static void uuid_of_seed(uint8_t out[16], uint64_t seed)
{
    for (int half = 0; half < 2; half++) {
        const uint64_t h = hash_bytes(&seed, sizeof seed, (uint64_t)half + 1);
        for (int i = 0; i < 8; i++)
            out[8 * half + i] = (uint8_t)(h >> (8 * i));
    }
    out[6] = (uint8_t)((out[6] & 0x0F) | 0x40);
    out[8] = (uint8_t)((out[8] & 0x3F) | 0x80);
}

static void uuid_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    struct buf b;
    buf_init(&b, 64);
    FN_EACH(row, rows)
    {
        uint8_t bytes[16];
        if (n == 1 && args[0]->str[row].n != sizeof bytes) {
            fn_fail(call, out, row);
            continue;
        }
        if (n == 1)
            memcpy(bytes, args[0]->str[row].p, sizeof bytes);
        else
            uuid_of_seed(bytes, call->seeds[row]);
        put_uuid(&b, bytes);
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static void random_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(args && n == 0);
    FN_EACH(row, rows)
    {
        const uint64_t h = hash_bytes(&call->seeds[row], sizeof(uint64_t), 0);
        out->f64[row] = (double)(h >> 11) * 0x1p-53;
    }
}

static const struct fn fns[] = {
    {
        .name = "UUID",
        .signatures = "UUID() -> STRING\nUUID(BYTES) -> STRING",
        .help = "A UUID of version 4, or the one that 16 bytes are; another number of bytes is an "
                "error.",
        .example = "UUID(TO_BYTES('000102030405060708090a0b0c0d0e0f', 'hex'))",
        .gives = "00010203-0405-0607-0809-0a0b0c0d0e0f",
        .determinism = FN_SEEDED,
        .eval = uuid_eval,
    },
    {
        .name = "RANDOM",
        .signatures = "RANDOM() -> DOUBLE",
        .help = "A number from 0 (included) to 1.",
        .example = "RANDOM() >= 0 AND RANDOM() < 1",
        .gives = "true",
        .determinism = FN_SEEDED,
        .eval = random_eval,
    },
};
FN_FAMILY(seeded, "Random values");
