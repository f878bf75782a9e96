// Rules and edges by hand, everything else against GMP's rationals.
#include "schema/decimal.h"

#include "tests/support/random_column.h"
#include "tests/support/test.h"

#include <gmp.h>

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    a = arena_new(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static struct decimal dec(const char *text)
{
    struct decimal d;
    if (!decimal_parse(&d, a, str_from(text)))
        fail_msg("%s is not a decimal", text);
    return d;
}

static struct str printed(struct decimal d)
{
    struct buf b;
    buf_init(&b, 100000);
    decimal_print(&b, d);
    const struct str s = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return s;
}

// The column type's precision class must not change the value: through every width that holds it.
static struct decimal through_column(struct decimal d, unsigned precision)
{
    if (d.scale < 0 || (unsigned)d.scale > precision || decimal_digits(d) > precision)
        return d;
    struct column c;
    column_init(&c, a, type_decimal(a, precision, (unsigned)d.scale), 1);
    decimal_set(&c, a, 0, d);
    return decimal_get(&c, 0);
}

TEST(text_keeps_its_scale)
{
    static const char *const same[] = {
        "0",
        "1.10",
        "-0.05",
        "123456789012345678",
        "0.000",
        "-12345678901234567890.50",
        "99999999999999999999999999999999999999",
        "100000000000000000000000000000000000000",
        "-170141183460469231731687303715884105729.000",
        "123456789012345678901234567890123456789012345678901234567890.12"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_str(printed(dec(same[i])), same[i]);
        for (unsigned p = 1; p < 70; p++)
            assert_str(printed(through_column(dec(same[i]), p)), same[i]);
    }
    assert_str(printed(dec("+1.5")), "1.5");
    assert_str(printed(dec(".5")), "0.5");
    assert_str(printed(dec("5.")), "5");
    assert_str(printed(dec("-0.0")), "0.0");
    assert_str(printed(dec("00012.50")), "12.50");
    assert_str(printed(dec("1.5E3")), "1500");
    assert_str(printed(dec("1.5e-3")), "0.0015");
    assert_str(printed(dec("0E5")), "0");
    assert_int_equal(dec("1E5").scale, -5);
    assert_int_equal(dec("1E2147483647").scale, -2147483647);
}

TEST(other_text_is_not_a_decimal)
{
    static const char *const bad[] = {
        "",    "-",           ".", "e5", "1e", "1e+", "1.2.3", " 1", "1 ", "0x1", "1e99999999999",
        "NaN", "1E2147483650"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct decimal d;
        if (decimal_parse(&d, a, str_from(bad[i])))
            fail_msg("\"%s\" was a decimal", bad[i]);
    }
}

TEST(result_types_are_ksqldbs)
{
    static const struct {
        enum decimal_op op;
        unsigned p1, s1, p2, s2, p, s;
    } cases[] = {
        {DECIMAL_ADD, 10, 2, 5, 4, 13, 4},     {DECIMAL_SUB, 4, 2, 4, 2, 5, 2},
        {DECIMAL_MUL, 10, 2, 10, 0, 21, 2},    {DECIMAL_DIV, 10, 2, 10, 0, 21, 13},
        {DECIMAL_DIV, 3, 0, 2, 0, 9, 6},       {DECIMAL_MOD, 10, 2, 2, 1, 3, 2},
        {DECIMAL_MUL, 38, 10, 38, 10, 77, 20}, {DECIMAL_ADD, 10, 0, 19, 0, 20, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned p;
        unsigned s;
        decimal_result(&p, &s, cases[i].op, cases[i].p1, cases[i].s1, cases[i].p2, cases[i].s2);
        assert_int_equal(p, cases[i].p);
        assert_int_equal(s, cases[i].s);
    }
}

static struct str computed(const char *x, enum decimal_op op, const char *y, unsigned p, unsigned s)
{
    struct decimal d;
    return decimal_arith(&d, a, op, dec(x), dec(y), p, s) ? printed(d) : STR("error");
}

TEST(arithmetic_is_exact_or_an_error)
{
    static const struct {
        const char *x;
        enum decimal_op op;
        const char *y;
        unsigned p, s;
        const char *want;
    } cases[] = {
        {"1.10", DECIMAL_ADD, "2.2", 5, 2, "3.30"},
        {"1.10", DECIMAL_SUB, "2.2", 5, 2, "-1.10"},
        {"1.10", DECIMAL_MUL, "2.2", 7, 3, "2.420"},
        {"9", DECIMAL_ADD, "1", 1, 0, "error"},
        {"10", DECIMAL_DIV, "4", 9, 6, "2.500000"},
        {"10", DECIMAL_DIV, "3", 9, 6, "error"},
        {"10", DECIMAL_DIV, "0.00", 9, 6, "error"},
        {"1", DECIMAL_DIV, "0.0005", 12, 6, "2000.000000"},
        {"7.5", DECIMAL_MOD, "2", 3, 1, "1.5"},
        {"-7.5", DECIMAL_MOD, "2", 3, 1, "-1.5"},
        {"7.5", DECIMAL_MOD, "0", 3, 1, "error"},
        // Java's "Division impossible": the quotient 8230452 needs more than three digits …
        {"12345678.90", DECIMAL_MOD, "1.5", 3, 2, "error"},
        // … and 6000000 does not, its zeros at the end do not count
        {"9000000.10", DECIMAL_MOD, "1.5", 3, 2, "0.10"},
        {"0.10", DECIMAL_MOD, "1.5", 3, 2, "0.10"},
        {"99999999999999999999999999999999999999", DECIMAL_ADD,
         "99999999999999999999999999999999999999", 39, 0,
         "199999999999999999999999999999999999998"},
        {"-99999999999999999999999999999999999999", DECIMAL_SUB,
         "99999999999999999999999999999999999999", 39, 0,
         "-199999999999999999999999999999999999998"},
        {"99999999999999999999999999999999999999", DECIMAL_ADD, "1", 38, 0, "error"},
        {"99999999999999999999999999999999999999", DECIMAL_MUL,
         "99999999999999999999999999999999999999", 77, 0,
         "9999999999999999999999999999999999999800000000000000000000000000000000000001"},
        {"9999999999999999999999999999999999999800000000000000000000000000000000000001",
         DECIMAL_DIV, "99999999999999999999999999999999999999", 80, 0,
         "99999999999999999999999999999999999999"},
        {"9999999999999999999999999999999999999800000000000000000000000000000000000002",
         DECIMAL_MOD, "99999999999999999999999999999999999999", 80, 0, "1"},
        {"-170141183460469231731687303715884105728", DECIMAL_DIV, "-1", 60, 0,
         "170141183460469231731687303715884105728"},
        {"-9223372036854775808", DECIMAL_DIV, "-1", 60, 0, "9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct str got =
            computed(cases[i].x, cases[i].op, cases[i].y, cases[i].p, cases[i].s);
        if (!str_eq(got, str_from(cases[i].want)))
            fail_msg("case %zu: %.*s, not %s", i, STR_ARG(got), cases[i].want);
    }
}

static struct str rescaled(const char *x, unsigned p, unsigned s, enum decimal_round round)
{
    struct decimal d;
    return decimal_rescale(&d, a, dec(x), p, s, round) ? printed(d) : STR("error");
}

TEST(rescaling_rounds_half_up_away_from_zero)
{
    assert_str(rescaled("1.25", 5, 1, DECIMAL_HALF_UP), "1.3");
    assert_str(rescaled("-1.25", 5, 1, DECIMAL_HALF_UP), "-1.3");
    assert_str(rescaled("1.2499999999999999999999999999999999999999999", 5, 1, DECIMAL_HALF_UP),
               "1.2");
    assert_str(rescaled("1.2500000000000000000000000000000000000000000", 5, 1, DECIMAL_HALF_UP),
               "1.3");
    assert_str(rescaled("-1.2500000000000000000000000000000000000000000", 5, 1, DECIMAL_HALF_UP),
               "-1.3");
    assert_str(rescaled("1.25", 5, 1, DECIMAL_DOWN), "1.2");
    assert_str(rescaled("-1.29", 5, 1, DECIMAL_DOWN), "-1.2");
    assert_str(rescaled("1.25", 5, 1, DECIMAL_EXACT), "error");
    assert_str(rescaled("1.20", 5, 1, DECIMAL_EXACT), "1.2");
    assert_str(rescaled("9.99", 2, 1, DECIMAL_HALF_UP), "error");
    assert_str(rescaled("1.5", 3, 2, DECIMAL_EXACT), "1.50");
    assert_str(rescaled("15", 3, 2, DECIMAL_EXACT), "error");
    assert_str(rescaled("1E-2147483647", 3, 2, DECIMAL_HALF_UP), "0.00");
    assert_str(rescaled("1E-2147483647", 3, 2, DECIMAL_EXACT), "error");
    assert_str(rescaled("1E2147483647", 3, 2, DECIMAL_HALF_UP), "error");
    assert_str(rescaled("0E2147483647", 3, 2, DECIMAL_HALF_UP), "0.00");
    assert_str(rescaled("99999999999999999999999999999999999999", 38, 0, DECIMAL_EXACT),
               "99999999999999999999999999999999999999");
    assert_str(rescaled("99999999999999999999999999999999999999", 40, 2, DECIMAL_EXACT),
               "99999999999999999999999999999999999999.00");
    assert_str(rescaled("0.50000000000000000000000000000000000000", 38, 0, DECIMAL_HALF_UP), "1");
    assert_str(rescaled("0.49999999999999999999999999999999999999", 38, 0, DECIMAL_HALF_UP), "0");
}

static const char *random_decimal_text(struct random_state *r, unsigned digits_max)
{
    char *p = arena_alloc(a, digits_max + 8);
    size_t n = 0;
    if (random_below(r, 2))
        p[n++] = '-';
    const uint64_t digits = 1 + random_below(r, digits_max);
    const uint64_t point = random_below(r, digits + 1);
    for (uint64_t i = 0; i < digits; i++) {
        if (i == point)
            p[n++] = '.';
        // runs of 9 and 0 find carries and borders
        p[n++] = (char)('0' + (random_below(r, 2) ? random_below(r, 10) : random_below(r, 2) * 9));
    }
    p[n] = 0;
    return p;
}

static void rational(mpq_t out, struct decimal d)
{
    const struct str s = printed(d);
    char *z = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '.')
            z[n++] = s.p[i];
    }
    z[n] = 0;
    mpz_set_str(mpq_numref(out), z, 10);
    mpz_ui_pow_ui(mpq_denref(out), 10, d.scale > 0 ? (unsigned long)d.scale : 0);
    mpq_canonicalize(out);
}

TEST(random_sums_products_and_quotients_are_those_of_rationals)
{
    struct random_state r = {7};
    mpq_t x;
    mpq_t y;
    mpq_t want;
    mpq_t got;
    mpq_inits(x, y, want, got, NULL);
    const unsigned rounds = test_is_long() ? 300000 : 20000;
    for (unsigned i = 0; i < rounds; i++) {
        if (i % 1000 == 0)
            arena_reset(a);
        const unsigned most = (unsigned[]){9, 18, 38, 60}[random_below(&r, 4)];
        const struct decimal dx = dec(random_decimal_text(&r, most));
        const struct decimal dy = dec(random_decimal_text(&r, most));
        rational(x, dx);
        rational(y, dy);
        assert_int_equal(decimal_cmp(dx, dy), (mpq_cmp(x, y) > 0) - (mpq_cmp(x, y) < 0));
        const enum decimal_op op = (enum decimal_op)random_below(&r, 4);
        struct decimal d;
        const unsigned scale = op == DECIMAL_DIV   ? 70
                               : op == DECIMAL_MUL ? (unsigned)(dx.scale + dy.scale)
                                                   : 60;
        if (op == DECIMAL_DIV && !mpq_sgn(y)) {
            assert_false(decimal_arith(&d, a, op, dx, dy, 400, scale));
            continue;
        }
        (op == DECIMAL_ADD   ? mpq_add
         : op == DECIMAL_SUB ? mpq_sub
         : op == DECIMAL_MUL ? mpq_mul
                             : mpq_div)(want, x, y);
        const bool ok = decimal_arith(&d, a, op, dx, dy, 400, scale);
        if (!ok) { // then the quotient has no decimal of that scale
            assert_int_equal(op, DECIMAL_DIV);
            mpz_ui_pow_ui(mpq_numref(got), 10, scale);
            mpz_set_ui(mpq_denref(got), 1);
            mpq_mul(want, want, got);
            assert_true(mpz_cmp_ui(mpq_denref(want), 1) != 0);
            continue;
        }
        assert_int_equal(d.scale, scale);
        rational(got, d);
        assert_true(mpq_equal(got, want));
    }
    mpq_clears(x, y, want, got, NULL);
}

TEST(random_roundings_are_half_up)
{
    struct random_state r = {8};
    mpz_t v;
    mpz_t unit;
    mpz_t rest;
    mpz_inits(v, unit, rest, NULL);
    for (unsigned i = 0; i < 20000; i++) {
        if (i % 1000 == 0)
            arena_reset(a);
        const struct decimal x = dec(random_decimal_text(&r, 60));
        const unsigned scale = (unsigned)random_below(&r, (uint64_t)x.scale + 1);
        struct decimal d;
        assert_true(decimal_rescale(&d, a, x, 100, scale, DECIMAL_HALF_UP));
        // |v| + unit / 2, cut
        struct decimal plain = x;
        plain.scale = 0;
        char *z = arena_alloc(a, 100);
        const struct str s = printed(plain);
        memcpy(z, s.p, s.n);
        z[s.n] = 0;
        mpz_set_str(v, z, 10);
        const int sign = mpz_sgn(v);
        mpz_abs(v, v);
        mpz_ui_pow_ui(unit, 10, (unsigned)x.scale - scale);
        mpz_fdiv_q_ui(rest, unit, 2);
        mpz_add(v, v, rest);
        mpz_fdiv_q(v, v, unit);
        if (sign < 0)
            mpz_neg(v, v);
        plain = d;
        plain.scale = 0;
        char want[120];
        mpz_get_str(want, 10, v);
        assert_str(printed(plain), want);
    }
    mpz_clears(v, unit, rest, NULL);
}

TEST(numbers_convert_as_bigdecimal_converts_them)
{
    struct decimal d;
    assert_true(decimal_from_double(&d, a, 0.1));
    assert_str(printed(d), "0.1");
    assert_true(decimal_from_double(&d, a, 1.0));
    assert_str(printed(d), "1.0");
    assert_true(decimal_from_double(&d, a, 1.2345678E7));
    assert_str(printed(d), "12345678");
    assert_false(decimal_from_double(&d, a, 0.0 / (double)(d.scale - d.scale)));
    assert_true(decimal_from_double_digits(&d, a, 0.1, 20));
    assert_str(printed(d), "0.10000000000000000555");
    assert_true(decimal_from_double_digits(&d, a, 4.9e-324, 3));
    assert_int_equal(d.scale, 326);
    int64_t v;
    assert_true(decimal_to_i64(&v, dec("-9223372036854775808.9")) && v == INT64_MIN);
    assert_false(decimal_to_i64(&v, dec("9223372036854775808")));
    assert_false(decimal_to_i64(&v, dec("1E300")));
    assert_true(decimal_to_i64(&v, dec("1E18")) && v == INT64_C(1000000000000000000));
    assert_true(decimal_to_i64(
                    &v, dec("123456789012345678901234567890123456789012345678901234567890E-50")) &&
                v == 1234567890);
    assert_true(decimal_to_double(dec("0.1")) == 0.1);
    assert_true(decimal_to_double(dec("-123456789012345678.9")) == -123456789012345678.9);
    assert_true(decimal_to_double(dec("1E400")) == __builtin_inf());
    assert_true(
        decimal_to_double(dec("123456789012345678901234567890123456789012345678901234567890.5")) ==
        123456789012345678901234567890123456789012345678901234567890.5);
}

TEST(doubles_of_any_size_round_to_digits_the_same_fast_and_slow)
{
    struct random_state r = {9};
    for (unsigned i = 0; i < 50000; i++) {
        if (i % 1000 == 0)
            arena_reset(a);
        const double v = random_below(&r, 2) ? random_double(&r)
                                             : (double)(int64_t)random_below(&r, 1000000000) / 1000;
        struct decimal fast;
        struct decimal slow;
        struct decimal cut;
        if (!decimal_from_double_digits(&fast, a, v, 17))
            continue;
        // Rounded from 1100 digits is rounded from the exact value.
        assert_true(decimal_from_double_digits(&slow, a, v, 1100));
        const unsigned digits = decimal_digits(slow);
        const int32_t scale = slow.scale - (int32_t)(digits > 17 ? digits - 17 : 0);
        if (scale < 0)
            continue; // rescale does not make negative scales
        assert_true(decimal_rescale(&cut, a, slow, 2000, (unsigned)scale, DECIMAL_HALF_UP));
        slow = cut;
        assert_int_equal(decimal_cmp(fast, slow), 0);
    }
}

TEST(extreme_scales_compare_without_being_computed)
{
    assert_int_equal(decimal_cmp(dec("1E2147483647"), dec("1")), 1);
    assert_int_equal(decimal_cmp(dec("-1E2147483647"), dec("1E-2147483647")), -1);
    assert_int_equal(decimal_cmp(dec("1E-2147483647"), dec("0")), 1);
    assert_int_equal(
        decimal_cmp(dec("1.0"), dec("1.000000000000000000000000000000000000000000000000000")), 0);
    assert_int_equal(
        decimal_cmp(dec("-1.1"), dec("-1.10000000000000000000000000000000000000000000000001")), 1);
}

#define C(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
TEST_MAIN(C(text_keeps_its_scale), C(other_text_is_not_a_decimal), C(result_types_are_ksqldbs),
          C(arithmetic_is_exact_or_an_error), C(rescaling_rounds_half_up_away_from_zero),
          C(random_sums_products_and_quotients_are_those_of_rationals),
          C(random_roundings_are_half_up), C(numbers_convert_as_bigdecimal_converts_them),
          C(doubles_of_any_size_round_to_digits_the_same_fast_and_slow),
          C(extreme_scales_compare_without_being_computed))
