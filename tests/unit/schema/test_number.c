#include "schema/text_internal.h"

#include "tests/support/random_column.h"
#include "tests/support/test.h"

#include <gmp.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

static struct str printed(char out[NUMBER_TEXT_MAX], double v)
{
    return (struct str){out, number_print(out, v)};
}

static double slow_parse(struct str s)
{
    char z[1200];
    assert_true(s.n < sizeof z);
    memcpy(z, s.p, s.n);
    z[s.n] = 0;
    return strtod(z, NULL); // the tests never call setlocale: the C locale
}

TEST(doubles_print_as_the_jdk_prints_them)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {-1, "-1.0"},
        {0.1, "0.1"},
        {100, "100.0"},
        {1234.56, "1234.56"},
        {1e-3, "0.001"},
        {9.999e-4, "9.999E-4"},
        {1e7, "1.0E7"},
        {9999999, "9999999.0"},
        {9999999.99, "9999999.99"},
        {12345678, "1.2345678E7"},
        {123456789.01, "1.2345678901E8"},
        {20900000.00, "2.09E7"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2e23, "2.0E23"},
        {1e23, "1.0E23"},
        {9007199254740991.0, "9.007199254740991E15"},
        {9007199254740992.0, "9.007199254740992E15"},
        {9007199254740993.0, "9.007199254740992E15"},
        {1.7976931348623157e308, "1.7976931348623157E308"},
        {2.2250738585072014e-308, "2.2250738585072014E-308"},
        {2.2250738585072011e-308, "2.225073858507201E-308"},
        {4.9e-324, "4.9E-324"},
        {9.9e-324, "9.9E-324"},
        {1.5e-323, "1.5E-323"},
        {2.0e-3, "0.002"},
        {8.41e21, "8.41E21"},
        {2.2e-322, "2.2E-322"},
        {5.0e-324, "4.9E-324"},
        {1.1, "1.1"},
        {4.35, "4.35"},
        {0.07, "0.07"},
        {27080677.37, "2.708067737E7"},
        {5e-2, "0.05"},
        {1e13, "1.0E13"},
        {9999999999999.99, "9.99999999999999E12"},
    };
    char text[NUMBER_TEXT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_str(printed(text, cases[i].v), cases[i].text);
    assert_str(printed(text, NAN), "NaN");
    assert_str(printed(text, HUGE_VAL), "Infinity");
    assert_str(printed(text, -HUGE_VAL), "-Infinity");
}

// Digits of a printed number, without sign, point and exponent, and without zeros at either end.
static size_t digit_count(struct str s)
{
    char d[NUMBER_TEXT_MAX];
    size_t n = 0;
    for (size_t i = 0; i < s.n && s.p[i] != 'E'; i++) {
        if (s.p[i] >= '0' && s.p[i] <= '9' && (n || s.p[i] != '0'))
            d[n++] = s.p[i];
    }
    while (n && d[n - 1] == '0')
        n--;
    return n;
}

static void check_shortest(double v)
{
    char text[NUMBER_TEXT_MAX];
    const struct str s = printed(text, v);
    double back;
    assert_true(text_parse_double(&back, s));
    if (memcmp(&back, &v, sizeof v) != 0 || slow_parse(s) != v)
        fail_msg("%.*s does not read back as %a", STR_ARG(s), v);
    // The fewest digits of glibc's correctly rounded printing that read back: never fewer than ours.
    char other[64];
    for (int precision = 1; precision <= 17; precision++) {
        const int n = snprintf(other, sizeof other, "%.*e", precision - 1, v);
        assert_true(n > 0);
        if (strtod(other, NULL) != v)
            continue;
        const size_t fewest = precision < 2 ? 2 : (size_t)precision;
        if (digit_count(s) > fewest)
            fail_msg("%.*s is longer than %s", STR_ARG(s), other);
        // As many digits as that: it must be the closest one.
        if (precision >= 2 && digit_count(s) == (size_t)precision &&
            digit_count((struct str){other, strcspn(other, "e")}) == (size_t)precision) {
            char mine[64];
            snprintf(mine, sizeof mine, "%.*e", precision - 1, slow_parse(s));
            assert_string_equal(mine, other);
        }
        return;
    }
    fail_msg("%a has no decimal", v);
}

TEST(random_doubles_read_back_and_no_shorter_text_would)
{
    struct random_state r = {1};
    const unsigned n = test_is_long() ? 3000000 : 100000;
    for (unsigned i = 0; i < n; i++) {
        const double v = random_double(&r);
        if (isfinite(v) && v != 0)
            check_shortest(v);
    }
    for (int e = -1074; e < 1024; e++) { // powers of two have the lopsided interval
        check_shortest(ldexp(1, e));
        check_shortest(nextafter(ldexp(1, e), 0) + (e == -1074 ? ldexp(1, -1074) : 0));
    }
}

TEST(money_prints_with_its_two_decimals)
{
    char text[NUMBER_TEXT_MAX];
    char want[64];
    struct random_state r = {2};
    for (int i = 0; i < 100000; i++) {
        const uint64_t cents = random_below(&r, 1000000000);
        const double v = (double)cents / 100;
        const struct str s = printed(text, v);
        if (v >= 1e7 || v < 1e-3) {
            check_shortest(v != 0 ? v : 1);
            continue;
        }
        int n = snprintf(want, sizeof want, "%llu.%02llu", (unsigned long long)cents / 100,
                         (unsigned long long)cents % 100);
        if (want[n - 1] == '0')
            want[n - 1] = 0;
        assert_str(s, want);
    }
}

TEST(text_that_is_a_number_parses_correctly_rounded)
{
    static const char *const texts[] = {
        "0",
        "1",
        "-1.5",
        "+2",
        ".5",
        "5.",
        "1e5",
        "1E+5",
        "1e-5",
        " 12.5\t",
        "1e400",
        "1e-400",
        "9007199254740993",
        "9007199254740993.0000000000000000000000000000000000001",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "8.5e22",
        "123456789012345678901234567890",
        "0.000000000000000000000000000000000000000000001",
        "179769313486231580793728971405301e276",
        "1e23",
        "9.5e-1",
        "0.1000000000000000055511151231257827021181583404541015625",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "0e99999999999999999999",
        "7.0064923216240853546186479164495e-46",
        "6929495644600919.5",
        "3.518437208883201171875e13",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double v;
        assert_true(text_parse_double(&v, str_from(texts[i])));
        if (v != strtod(texts[i], NULL))
            fail_msg("%s: %a, not %a", texts[i], v, strtod(texts[i], NULL));
    }
    double v;
    assert_true(text_parse_double(&v, STR("NaN")) && isnan(v));
    assert_true(text_parse_double(&v, STR("-Infinity")) && v == -HUGE_VAL);
}

TEST(random_texts_parse_as_strtod_does)
{
    struct random_state r = {3};
    const unsigned n = test_is_long() ? 3000000 : 200000;
    for (unsigned i = 0; i < n; i++) {
        char text[80];
        size_t at = 0;
        const uint64_t digits = 1 + random_below(&r, random_below(&r, 4) ? 20 : 40);
        const uint64_t point = random_below(&r, digits + 1);
        for (uint64_t d = 0; d < digits; d++) {
            if (d == point)
                text[at++] = '.';
            text[at++] = (char)('0' + random_below(&r, 10));
        }
        const int e =
            (int)random_below(&r, random_below(&r, 2) ? 40 : 680) - (int)random_below(&r, 350);
        at += (size_t)snprintf(text + at, sizeof text - at, "e%d", e);
        double v;
        assert_true(text_parse_double(&v, (struct str){text, at}));
        const double want = strtod(text, NULL);
        if (memcmp(&v, &want, sizeof v) != 0)
            fail_msg("%s: %a, not %a", text, v, want);
    }
}

TEST(halfway_cases_go_to_the_even_neighbour)
{
    struct random_state r = {4};
    mpz_t z;
    mpz_init(z);
    for (int i = 0; i < 20000; i++) { // an odd 54-bit number is exactly between two doubles
        const uint64_t m = (random_u64(&r) >> 10) | (UINT64_C(1) << 53) | 1;
        mpz_set_ui(z, m);
        mpz_mul_2exp(z, z, random_below(&r, 900));
        char text[400];
        mpz_get_str(text, 10, z);
        double v;
        assert_true(text_parse_double(&v, str_from(text)));
        assert_true(v == strtod(text, NULL));
    }
    mpz_clear(z);
}

TEST(other_text_is_not_a_number)
{
    static const char *const texts[] = {"",     " ",   ".",        "-",     "e5",   "1e",  "1e+",
                                        "0x10", "1f",  "1d",       "1.2.3", "1,5",  "--1", "1 2",
                                        "nan",  "inf", "infinity", "+-1",   "1e5.5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double v;
        if (text_parse_double(&v, str_from(texts[i])))
            fail_msg("\"%s\" was a number", texts[i]);
    }
}

TEST(the_table_of_powers_is_what_gmp_computes)
{
    mpz_t power;
    mpz_t bits;
    mpz_inits(power, bits, NULL);
    for (int q = POW10_MIN; q <= POW10_MAX; q++) {
        mpz_ui_pow_ui(power, 10, (unsigned long)abs(q));
        if (q >= 0) {
            const size_t n = mpz_sizeinbase(power, 2);
            if (n > 128)
                mpz_fdiv_q_2exp(bits, power, n - 128);
            else
                mpz_mul_2exp(bits, power, 128 - n);
        } else { // floor(2^k / 10^-q) with k such that 128 bits come out
            size_t k = mpz_sizeinbase(power, 2) + 126;
            do {
                mpz_set_ui(bits, 1);
                mpz_mul_2exp(bits, bits, ++k);
                mpz_fdiv_q(bits, bits, power);
            } while (mpz_sizeinbase(bits, 2) < 128);
        }
        uint64_t words[2] = {0};
        mpz_export(words, NULL, 1, sizeof words[0], 0, 0, bits);
        const struct pow10_bits p = pow10_bits(q);
        assert_true(p.high == words[0] && p.low == words[1]);
    }
    mpz_clears(power, bits, NULL);
}

TEST_MAIN(T(doubles_print_as_the_jdk_prints_them),
          T(random_doubles_read_back_and_no_shorter_text_would),
          T(money_prints_with_its_two_decimals), T(text_that_is_a_number_parses_correctly_rounded),
          T(random_texts_parse_as_strtod_does), T(halfway_cases_go_to_the_even_neighbour),
          T(other_text_is_not_a_number), T(the_table_of_powers_is_what_gmp_computes))
