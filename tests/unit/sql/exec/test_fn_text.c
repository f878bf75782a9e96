#include "tests/support/engine_eval.h"
#include "tests/support/test.h"

#define ALL(cases) engine_eval_all((cases), sizeof(cases) / sizeof *(cases))

TEST(bytes_are_cut_and_padded_by_bytes)
{
    static const struct engine_case cases[] = {
        {"FROM_BYTES(SUBSTRING(TO_BYTES('stream', 'utf8'), -3, 2), 'utf8')", "ea"},
        {"FROM_BYTES(LPAD(TO_BYTES('yes', 'utf8'), 8, TO_BYTES('no', 'utf8')), 'ascii')",
         "nononyes"},
        {"FROM_BYTES(RPAD(TO_BYTES('yes', 'utf8'), 2, TO_BYTES('no', 'utf8')), 'ascii')", "ye"},
        {"LEN(TO_BYTES(t, 'utf8'))", "5"},
        {"LPAD(TO_BYTES('a', 'utf8'), 3, TO_BYTES('', 'utf8'))", "null"},
        {"FROM_BYTES(CONCAT(TO_BYTES('4', 'hex'), TO_BYTES('4a', 'hex')), 'hex')", "044A"},
        {"SPLIT(TO_BYTES('a$b', 'utf8'), TO_BYTES('$', 'utf8'))[2]", "Yg=="},
        {"ARRAY_LENGTH(SPLIT(TO_BYTES(t, 'utf8'), TO_BYTES('', 'utf8')))", "5"},
    };
    ALL(cases);
}

TEST(encodings)
{
    static const struct engine_case cases[] = {
        {"ENCODE('4578', 'hex', 'ascii')", "Ex"},
        {"ENCODE('0x4578', 'hex', 'utf8')", "Ex"},
        {"ENCODE('x''4578''', 'hex', 'base64')", "RXg="},
        {"ENCODE('457', 'hex', 'base64')", "BFc="},
        {"ENCODE('4g', 'hex', 'utf8')", "null"},
        {"ENCODE(t, 'ascii', 'hex')", "3f743f"},
        {"ENCODE(t, 'utf8', 'ascii')", "?t?"},
        {"ENCODE(t, 'utf8', 'base64')", "w6l0w6k="},
        {"ENCODE('a', 'null', 'hex')", "null"},
        {"ENCODE('a', 'ascii', 'ascii')", "null"},
        {"FROM_BYTES(TO_BYTES('ff', 'hex'), 'utf8')", "\xef\xbf\xbd"},
        {"TO_BYTES('zz', 'hex')", "null"},
        {"TO_BYTES('a', 'utf16')", "null"},
        {"INT_FROM_BYTES(TO_BYTES('ffffffff', 'hex'))", "-1"},
        {"INT_FROM_BYTES(TO_BYTES('ffffff', 'hex'))", "null"},
        {"INT_FROM_BYTES(TO_BYTES('01000000', 'hex'), 'little_endian')", "1"},
        {"INT_FROM_BYTES(TO_BYTES('01000000', 'hex'), 'middle')", "null"},
        {"BIGINT_FROM_BYTES(TO_BYTES('8000000000000000', 'hex'))", "-9223372036854775808"},
    };
    ALL(cases);
}

TEST(single_characters_and_words)
{
    static const struct engine_case cases[] = {
        {"CHR(22909)", "\xe5\xa5\xbd"},
        {"CHR(99000)", "\xf0\x98\x8a\xb8"},
        {"CHR(-1)", "null"},
        {"CHR(1114112)", "null"},
        {"CHR('\\u004b')", "K"},
        {"CHR('\\ud820\\udeb8')", "\xf0\x98\x8a\xb8"},
        {"CHR('\\ud820')", "null"},
        {"CHR('004b')", "null"},
        {"INITCAP('some_string')", "Some_string"},
        {"INITCAP(t)", "\xc3\x89t\xc3\xa9"},
        {"INITCAP('')", ""},
    };
    ALL(cases);
}

TEST(regular_expressions)
{
    static const struct engine_case cases[] = {
        {"REGEXP_EXTRACT('o+', s)", "o"},
        {"REGEXP_EXTRACT('(.*) (.*)', s, 2)", "World"},
        {"REGEXP_EXTRACT('(.*) (.*)', s, 3)", "null"},
        {"REGEXP_EXTRACT('(.*) (.*)', s, 2000)", "null"},
        {"REGEXP_EXTRACT('x(y)?', 'x', 1)", "null"},
        {"REGEXP_EXTRACT('o', s, -1)", "null"},
        {"REGEXP_EXTRACT('(', s)", "null"},
        {"REGEXP_EXTRACT(CAST(NULL AS STRING), s)", "null"},
        {"REGEXP_EXTRACT('^\\w+$', t)", "null"}, // \w is ASCII
        {"REGEXP_EXTRACT_ALL('.', t)", "[\xc3\xa9, t, \xc3\xa9]"},
        {"REGEXP_EXTRACT_ALL('q', s)", "[]"},
        {"REGEXP_EXTRACT_ALL('q', s, 1)", "null"},
        {"REGEXP_EXTRACT_ALL('x*', 'axb')", "[, x, , ]"},
        {"REGEXP_EXTRACT_ALL('a(b)?', 'aab', 1)", "[null, b]"},
        {"REGEXP_REPLACE(s, '(l+)', '<$1>')", "He<ll>o Wor<l>d"},
        {"REGEXP_REPLACE('ab', '(?<x>a)(b)', '$2${x}\\$')", "ba$"},
        {"REGEXP_REPLACE('ab', 'a', '$1')", "null"},
        {"REGEXP_REPLACE('ab', '', '-')", "-a-b-"},
        {"REGEXP_REPLACE(t, '', '-')", "-\xc3\xa9-t-\xc3\xa9-"},
        {"REGEXP_SPLIT_TO_ARRAY('aXbXX', 'X')", "[a, b, , ]"},
        {"REGEXP_SPLIT_TO_ARRAY(t, '')", "[\xc3\xa9, t, \xc3\xa9]"},
        {"REGEXP_SPLIT_TO_ARRAY('abc', 'x*')", "null"},
        {"REGEXP_EXTRACT('(a+)+$', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')", "null"}, // gives up
    };
    ALL(cases);
}

TEST(parts_of_urls)
{
    static const struct engine_case cases[] = {
        {"URL_EXTRACT_HOST('http://test@confluent.io:8080/a?b')", "confluent.io"},
        {"URL_EXTRACT_HOST('http://[::1]:80/')", "[::1]"},
        {"URL_EXTRACT_HOST('http://10.0.0.1/')", "10.0.0.1"},
        {"URL_EXTRACT_HOST('http://a_b/')", "null"},
        {"URL_EXTRACT_HOST('mailto:a@b.c')", "null"},
        {"URL_EXTRACT_PORT('http://confluent.io')", "null"},
        {"URL_EXTRACT_PORT('http://confluent.io:')", "null"},
        {"URL_EXTRACT_PROTOCOL('/relative')", "null"},
        {"URL_EXTRACT_PATH('http://x.y')", ""},
        {"URL_EXTRACT_PATH('http://x.y/a%20b')", "/a b"},
        {"URL_EXTRACT_QUERY('http://x.y?q#f')", "q"},
        {"URL_EXTRACT_QUERY('http://x.y/path')", "null"},
        {"URL_EXTRACT_FRAGMENT('http://x.y/path')", "null"},
        {"URL_EXTRACT_PATH('http://x.y/a b')", "null"},
        {"URL_EXTRACT_PATH('http://x.y/%zz')", "null"},
        {"URL_EXTRACT_PARAMETER('http://x.y?one=a&two=b&three', 'three')", ""},
        {"URL_EXTRACT_PARAMETER('http://x.y?one=a', 'two')", "null"},
        {"URL_EXTRACT_PARAMETER('http://x.y', 'two')", "null"},
        {"URL_ENCODE_PARAM('?foo $bar')", "%3Ffoo+%24bar"},
        {"URL_ENCODE_PARAM(t)", "%C3%A9t%C3%A9"},
        {"URL_DECODE_PARAM('%C3%A9t%C3%A9')", "\xc3\xa9t\xc3\xa9"},
        {"URL_DECODE_PARAM('%C3x')", "\xef\xbf\xbdx"},
        {"URL_DECODE_PARAM('50%')", "null"},
    };
    ALL(cases);
}

TEST_MAIN(T(bytes_are_cut_and_padded_by_bytes), T(encodings), T(single_characters_and_words),
          T(regular_expressions), T(parts_of_urls))
