#include "tests/support/test.h"

#include "lake/codec/codec.h"

#include "base/hash.h"
#include "base/mem.h"

#include <zlib.h>
#include <zstd.h>

// Text that compresses like rows do: words, digits, repetition; the same for ever.
static struct buf sample_text(size_t n)
{
    struct buf b;
    buf_init(&b, 1 << 30);
    for (uint64_t i = 0; b.n < n; i++) {
        uint64_t h = hash_bytes(&i, sizeof i, 7);
        buf_printf(&b, "{\"ID\":\"TXN-%08x\",\"AMOUNT\":%u.%02u,\"CITY\":\"%s\"}\n", (unsigned)h,
                   (unsigned)(h >> 32) % 1000, (unsigned)(h >> 50) % 100,
                   h % 3 ? "Berlin" : "Nagoya");
    }
    b.n = n;
    return b;
}

static void encode(struct buf *out, const struct codec_type *t, struct codec_writer *w,
                   struct str text)
{
    struct err e = {0};
    t->writer_start(w);
    while (text.n >= CODEC_CHUNK) {
        assert_ok(t->write(w, out, str_slice(text, 0, CODEC_CHUNK), CODEC_MORE, &e), &e);
        text = str_slice(text, CODEC_CHUNK, text.n);
    }
    assert_ok(t->write(w, out, text, CODEC_END, &e), &e);
}

static bool decode(struct buf *out, const struct codec_type *t, struct str bytes, size_t piece,
                   struct err *e)
{
    struct codec_reader *r = t->reader_new();
    bool ok = true;
    bool ended = false;
    while (ok && bytes.n > 0) {
        struct str in = str_slice(bytes, 0, piece);
        size_t before = in.n;
        ok = t->read(r, out, &in, &ended, e);
        bytes = str_slice(bytes, before - in.n, bytes.n);
    }
    struct str none = STR("");
    ok = ok && t->read(r, out, &none, &ended, e);
    t->reader_free(r);
    return ok && ended;
}

static const enum lake_codec ALL[] = {LAKE_PLAIN, LAKE_GZIP, LAKE_ZSTD};
static const size_t SIZES[] = {0, 1, 100, CODEC_CHUNK - 1, CODEC_CHUNK, CODEC_CHUNK + 1, 3000000};

TEST(every_codec_gives_back_what_it_was_given)
{
    for (size_t c = 0; c < 3; c++) {
        const struct codec_type *t = codec_of(ALL[c]);
        struct codec_writer *w = t->writer_new();
        for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
            struct buf text = sample_text(SIZES[i]);
            struct buf file, back;
            struct err e = {0};
            buf_init(&file, 1 << 30);
            buf_init(&back, 1 << 30);
            encode(&file, t, w, buf_view(&text));
            assert_ok(decode(&back, t, buf_view(&file), 1000, &e), &e);
            assert_true(str_eq(buf_view(&back), buf_view(&text)));
            buf_fini(&text);
            buf_fini(&file);
            buf_fini(&back);
        }
        t->writer_free(w);
    }
}

TEST(a_used_writer_gives_the_same_bytes_as_a_new_one)
{
    for (size_t c = 0; c < 3; c++) {
        const struct codec_type *t = codec_of(ALL[c]);
        struct buf text = sample_text(500000);
        struct buf first, second;
        buf_init(&first, 1 << 30);
        buf_init(&second, 1 << 30);
        struct codec_writer *w = t->writer_new();
        encode(&first, t, w, str_slice(buf_view(&text), 1000, 400000));
        buf_clear(&first);
        encode(&first, t, w, buf_view(&text));
        t->writer_free(w);
        w = t->writer_new();
        encode(&second, t, w, buf_view(&text));
        t->writer_free(w);
        assert_true(str_eq(buf_view(&first), buf_view(&second)));
        buf_fini(&text);
        buf_fini(&first);
        buf_fini(&second);
    }
}

TEST(zlib_reads_our_gzip_and_its_header_has_no_time_and_no_name)
{
    struct buf text = sample_text(2000000);
    struct buf file;
    buf_init(&file, 1 << 30);
    struct codec_writer *w = codec_gzip.writer_new();
    encode(&file, &codec_gzip, w, buf_view(&text));
    codec_gzip.writer_free(w);
    assert_memory_equal(file.p, "\x1f\x8b\x08\0\0\0\0\0", 8);
    assert_true(file.n < text.n / 3);
    char *back = mem_alloc(text.n + 1);
    z_stream z = {.next_in = (Bytef *)file.p,
                  .avail_in = (uInt)file.n,
                  .next_out = (Bytef *)back,
                  .avail_out = (uInt)text.n + 1};
    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    size_t members = 0;
    for (; z.avail_in > 0; members++, inflateReset(&z))
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(members, (text.n + CODEC_CHUNK - 1) / CODEC_CHUNK);
    assert_int_equal(z.next_out - (Bytef *)back, text.n);
    inflateEnd(&z);
    assert_memory_equal(back, text.p, text.n);
    mem_free(back);
    buf_fini(&text);
    buf_fini(&file);
}

// What lies around the text in memory, where it lies and what the writer did before are no part of the bytes.
TEST(gzip_bytes_depend_on_the_text_alone)
{
    struct buf text = sample_text(CODEC_CHUNK);
    struct codec_writer *w = codec_gzip.writer_new();
    struct buf first, other;
    buf_init(&first, 1 << 30);
    buf_init(&other, 1 << 30);
    char *room = mem_alloc(text.n + 128);
    for (size_t n = 1; n < text.n; n += n / 3 + 1) {
        buf_clear(&first);
        encode(&first, &codec_gzip, w, str_slice(buf_view(&text), 0, n));
        for (size_t at = 0; at < 64; at++) {
            memset(room, (int)(at * 37), text.n + 128);
            memcpy(room + at, text.p, n);
            buf_clear(&other);
            encode(&other, &codec_gzip, w, (struct str){room + at, n});
            assert_true(str_eq(buf_view(&first), buf_view(&other)));
        }
    }
    mem_free(room);
    codec_gzip.writer_free(w);
    buf_fini(&text);
    buf_fini(&first);
    buf_fini(&other);
}

// Files of other programs are one member; tools that append to them write more.
TEST(members_of_other_writers_are_read_one_after_the_other)
{
    static const char hello[] =
        "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\xe7\x02\0 0:6\x06\0\0\0";
    struct str member = {hello, sizeof hello - 1};
    struct buf file, back;
    struct err e = {0};
    buf_init(&file, 1 << 20);
    buf_init(&back, 1 << 20);
    for (size_t piece = 1; piece < 2 * member.n; piece++) {
        buf_clear(&file);
        buf_clear(&back);
        buf_str(&file, member);
        buf_str(&file, member);
        assert_ok(decode(&back, &codec_gzip, buf_view(&file), piece, &e), &e);
        assert_true(str_eq(buf_view(&back), STR("hello\nhello\n")));
    }
    buf_fini(&file);
    buf_fini(&back);
}

TEST(zstd_reads_our_zstd_with_its_checksum)
{
    struct buf text = sample_text(2000000);
    struct buf file;
    buf_init(&file, 1 << 30);
    struct codec_writer *w = codec_zstd.writer_new();
    encode(&file, &codec_zstd, w, buf_view(&text));
    codec_zstd.writer_free(w);
    char *back = mem_alloc(text.n + 1);
    assert_int_equal(ZSTD_decompress(back, text.n + 1, file.p, file.n), text.n);
    assert_memory_equal(back, text.p, text.n);
    mem_free(back);
    buf_fini(&text);
    buf_fini(&file);
}

TEST(damaged_cut_and_longer_files_are_refused)
{
    static const char *const BEHIND[] = {"", "ends inside", "behind the end"};
    for (size_t c = 1; c < 3; c++) {
        const struct codec_type *t = codec_of(ALL[c]);
        struct buf text = sample_text(300000);
        struct buf file, back;
        buf_init(&file, 1 << 30);
        buf_init(&back, 1 << 30);
        struct codec_writer *w = t->writer_new();
        encode(&file, t, w, buf_view(&text));
        t->writer_free(w);
        struct err e = {0};
        assert_fails(decode(&back, t, str_slice(buf_view(&file), 0, file.n - 1), 1000, &e), &e,
                     ERR_DATA, "ends inside");
        err_clear(&e);
        buf_clear(&back);
        assert_fails(decode(&back, t, STR(""), 1000, &e), &e, ERR_DATA, "ends inside");
        err_clear(&e);
        buf_clear(&back);
        file.p[file.n / 2] = (char)(file.p[file.n / 2] ^ 0x55);
        assert_false(decode(&back, t, buf_view(&file), 1000, &e));
        assert_int_equal(e.kind, ERR_DATA);
        err_clear(&e);
        buf_clear(&back);
        file.p[file.n / 2] = (char)(file.p[file.n / 2] ^ 0x55);
        buf_char(&file, 'x');
        assert_fails(decode(&back, t, buf_view(&file), 1000, &e), &e, ERR_DATA, BEHIND[c]);
        buf_fini(&text);
        buf_fini(&file);
        buf_fini(&back);
    }
}

TEST_MAIN(T(every_codec_gives_back_what_it_was_given),
          T(a_used_writer_gives_the_same_bytes_as_a_new_one),
          T(zlib_reads_our_gzip_and_its_header_has_no_time_and_no_name),
          T(gzip_bytes_depend_on_the_text_alone),
          T(members_of_other_writers_are_read_one_after_the_other),
          T(zstd_reads_our_zstd_with_its_checksum), T(damaged_cut_and_longer_files_are_refused))
