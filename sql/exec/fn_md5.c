// MD5 (RFC 1321) of the UTF-8 text as 32 lower-case hex digits. A pseudonym, not a protection.
#include "sql/exec/fn_internal.h"

#include <assert.h>

static const uint8_t shifts[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

// floor(2^32 * abs(sin(i + 1)))
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t md5_mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    return round == 0   ? (b & c) | (~b & d)
           : round == 1 ? (b & d) | (c & ~d)
           : round == 2 ? b ^ c ^ d
                        : c ^ (b | ~d);
}

static void md5_block(uint32_t state[4], const uint8_t *p)
{
    static const uint8_t step[4] = {1, 5, 3, 7};
    static const uint8_t start[4] = {0, 1, 5, 0};
    uint32_t a = state[0];
    uint32_t b = state[1];
    uint32_t c = state[2];
    uint32_t d = state[3];
    for (unsigned i = 0; i < 64; i++) {
        const unsigned round = i / 16;
        const uint32_t word = load32(p + 4 * ((start[round] + step[round] * i) % 16));
        const uint32_t sum = a + md5_mix(round, b, c, d) + word + sines[i];
        const unsigned s = shifts[round][i % 4];
        a = d;
        d = c;
        c = b;
        b += sum << s | sum >> (32 - s);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

static void md5(uint8_t out[16], struct str s)
{
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    const size_t whole = s.n / 64 * 64;
    for (size_t at = 0; at < whole; at += 64)
        md5_block(state, (const uint8_t *)s.p + at);
    uint8_t tail[128] = {0};
    const size_t rest = s.n - whole;
    if (rest)
        memcpy(tail, s.p + whole, rest);
    tail[rest] = 0x80;
    const size_t blocks = rest < 56 ? 1 : 2;
    for (unsigned i = 0; i < 8; i++)
        tail[blocks * 64 - 8 + i] = (uint8_t)(((uint64_t)s.n * 8) >> (8 * i));
    for (size_t i = 0; i < blocks; i++)
        md5_block(state, tail + 64 * i);
    for (unsigned i = 0; i < 16; i++)
        out[i] = (uint8_t)(state[i / 4] >> (8 * (i % 4)));
}

static void md5_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    struct buf b;
    buf_init(&b, 64);
    FN_EACH(row, rows)
    {
        uint8_t digest[16];
        md5(digest, args[0]->str[row]);
        buf_hex(&b, digest, sizeof digest);
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static const struct fn fns[] = {
    {
        .name = "MD5",
        .signatures = "MD5(STRING) -> STRING",
        .help = "MD5 of the UTF-8 text, 32 lower-case hex digits.",
        .example = "MD5('abc')",
        .gives = "900150983cd24fb0d6963f7d28e17f72",
        .eval = md5_eval,
    },
};
FN_FAMILY(md5, "Hashes");
