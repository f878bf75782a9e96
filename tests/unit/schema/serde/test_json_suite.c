// What JSON is and what not, in the manner of the well-known suite of accept (y_), reject (n_) and free (i_) cases. For
// the free ones stands here what we chose: numbers of any size are well-formed (whether they fit is the column's
// question), lone surrogates, invalid UTF-8, byte order marks and other encodings are not.
#include "tests/support/serde_case.h"
#include "tests/support/test.h"

struct json_case {
    const char *name;
    struct str text;
};

static const struct json_case ACCEPTED[] = {
    {"y_array_arrays_with_spaces", STR("[[]   ]")},
    {"y_array_empty_string", STR("[\"\"]")},
    {"y_array_empty", STR("[]")},
    {"y_array_ending_with_newline", STR("[\"a\"]\n")},
    {"y_array_false", STR("[false]")},
    {"y_array_heterogeneous", STR("[null, 1, \"1\", {}]")},
    {"y_array_null", STR("[null]")},
    {"y_array_with_1_and_newline", STR("[1\n]")},
    {"y_array_with_leading_space", STR(" [1]")},
    {"y_array_with_several_null", STR("[1,null,null,null,2]")},
    {"y_array_with_trailing_space", STR("[2] ")},
    {"y_array_nested", STR("[[[[[1]]],[2]],3]")},
    {"y_array_of_objects", STR("[{\"a\":1},{\"b\":[]},{}]")},
    {"y_array_tabs_and_returns", STR("\t[\r\n1\t,\r2 ]\r\n")},
    {"y_number_0e1", STR("[0e1]")},
    {"y_number_0e+1", STR("[0e+1]")},
    {"y_number", STR("[123e65]")},
    {"y_number_after_space", STR("[ 4]")},
    {"y_number_double_close_to_zero",
     STR("[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]\n")},
    {"y_number_int_with_exp", STR("[20e1]")},
    {"y_number_minus_zero", STR("[-0]")},
    {"y_number_negative_int", STR("[-123]")},
    {"y_number_negative_one", STR("[-1]")},
    {"y_number_negative_zero", STR("[-0]")},
    {"y_number_real_capital_e", STR("[1E22]")},
    {"y_number_real_capital_e_neg_exp", STR("[1E-2]")},
    {"y_number_real_capital_e_pos_exp", STR("[1E+2]")},
    {"y_number_real_exponent", STR("[123e45]")},
    {"y_number_real_fraction_exponent", STR("[123.456e78]")},
    {"y_number_real_neg_exp", STR("[1e-2]")},
    {"y_number_real_pos_exponent", STR("[1e+2]")},
    {"y_number_simple_int", STR("[123]")},
    {"y_number_simple_real", STR("[123.456789]")},
    {"y_number_zero", STR("0")},
    {"y_number_minus_zero_fraction", STR("-0.0")},
    {"y_number_exponent_leading_zeros", STR("[1e0005]")},
    {"y_number_long_fraction", STR("[0.1234567890123456789012345678901234567890]")},
    {"y_number_nineteen_digits", STR("[9223372036854775807]")},
    {"y_number_max_double", STR("[1.7976931348623157e308]")},
    {"y_number_denormal", STR("[4.9e-324]")},
    {"y_number_zero_point_zero_exp", STR("[0.0e-0]")},
    {"y_object", STR("{\"asd\":\"sdf\", \"dfg\":\"fgh\"}")},
    {"y_object_basic", STR("{\"asd\":\"sdf\"}")},
    {"y_object_duplicated_key", STR("{\"a\":\"b\",\"a\":\"c\"}")},
    {"y_object_duplicated_key_and_value", STR("{\"a\":\"b\",\"a\":\"b\"}")},
    {"y_object_empty", STR("{}")},
    {"y_object_empty_key", STR("{\"\":0}")},
    {"y_object_escaped_null_in_key", STR("{\"foo\\u0000bar\": 42}")},
    {"y_object_extreme_numbers", STR("{ \"min\": -1.0e+28, \"max\": 1.0e+28 }")},
    {"y_object_long_strings",
     STR("{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}], \"id\": "
         "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}")},
    {"y_object_simple", STR("{\"a\":[]}")},
    {"y_object_string_unicode",
     STR("{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430 "
         "\\u0417\\u0435\\u043c\\u043b\\u0435\\u043a\\u043e\\u043f\\u0430\" }")},
    {"y_object_with_newlines", STR("{\n\"a\": \"b\"\n}")},
    {"y_object_blanks_everywhere", STR(" { \"a\" : 1 , \"b\" : [ 1 , 2 ] , \"c\" : { } } ")},
    {"y_object_nested", STR("{\"a\":{\"b\":{\"c\":{\"d\":{}}}}}")},
    {"y_object_escaped_key", STR("{\"\\u0061\\n\":1}")},
    {"y_object_utf8_key", STR("{\"\320\272\320\273\321\216\321\207\":\"\345\200\244\"}")},
    {"y_string_1_2_3_bytes_utf8", STR("[\"\\u0060\\u012a\\u12AB\"]")},
    {"y_string_accepted_surrogate_pair", STR("[\"\\uD801\\udc37\"]")},
    {"y_string_accepted_surrogate_pairs", STR("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]")},
    {"y_string_allowed_escapes", STR("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]")},
    {"y_string_backslash_and_u_escaped_zero", STR("[\"\\\\u0000\"]")},
    {"y_string_backslash_doublequotes", STR("[\"\\\"\"]")},
    {"y_string_comments", STR("[\"a/*b*/c/*d//e\"]")},
    {"y_string_double_escape_a", STR("[\"\\\\a\"]")},
    {"y_string_double_escape_n", STR("[\"\\\\n\"]")},
    {"y_string_escaped_control_character", STR("[\"\\u0012\"]")},
    {"y_string_escaped_noncharacter", STR("[\"\\uFFFF\"]")},
    {"y_string_in_array", STR("[\"asd\"]")},
    {"y_string_in_array_with_leading_space", STR("[ \"asd\"]")},
    {"y_string_last_surrogates_1_and_2", STR("[\"\\uDBFF\\uDFFF\"]")},
    {"y_string_nbsp_uescaped", STR("[\"new\\u00A0line\"]")},
    {"y_string_noncharacter_10ffff", STR("[\"\364\217\277\277\"]")},
    {"y_string_noncharacter_ffff", STR("[\"\357\277\277\"]")},
    {"y_string_null_escape", STR("[\"\\u0000\"]")},
    {"y_string_one_byte_utf8", STR("[\"\\u002c\"]")},
    {"y_string_pi", STR("[\"\317\200\"]")},
    {"y_string_reserved_character_utf8", STR("[\"\360\233\277\277\"]")},
    {"y_string_simple_ascii", STR("[\"asd \"]")},
    {"y_string_space", STR("\" \"")},
    {"y_string_surrogates_musical_g_clef", STR("[\"\\uD834\\uDd1e\"]")},
    {"y_string_three_byte_utf8", STR("[\"\\u0821\"]")},
    {"y_string_two_byte_utf8", STR("[\"\\u0123\"]")},
    {"y_string_u2028_line_sep", STR("[\"\342\200\250\"]")},
    {"y_string_u2029_par_sep", STR("[\"\342\200\251\"]")},
    {"y_string_uescape", STR("[\"\\u0061\\u30af\\u30EA\\u30b9\"]")},
    {"y_string_uescaped_newline", STR("[\"new\\u000Aline\"]")},
    {"y_string_unescaped_char_delete", STR("[\"\177\"]")},
    {"y_string_unicode", STR("[\"\\uA66D\"]")},
    {"y_string_unicode_escaped_backslash", STR("[\"\\u005C\"]")},
    {"y_string_unicode_2", STR("[\"\342\215\202\343\210\264\342\215\202\"]")},
    {"y_string_unicode_10fffe", STR("[\"\\uDBFF\\uDFFE\"]")},
    {"y_string_unicode_1fffe", STR("[\"\\uD83F\\uDFFE\"]")},
    {"y_string_unicode_200b_zero_width_space", STR("[\"\\u200B\"]")},
    {"y_string_unicode_2064", STR("[\"\\u2064\"]")},
    {"y_string_unicode_fdd0", STR("[\"\\uFDD0\"]")},
    {"y_string_unicode_fffe", STR("[\"\\uFFFE\"]")},
    {"y_string_unicode_escaped_double_quote", STR("[\"\\u0022\"]")},
    {"y_string_utf8", STR("[\"\342\202\254\360\235\204\236\"]")},
    {"y_string_with_del_character", STR("[\"a\177a\"]")},
    {"y_string_utf8_lowest_of_each_length", STR("[\"\302\200\340\240\200\360\220\200\200\"]")},
    {"y_string_utf8_highest_below_surrogates", STR("[\"\355\237\277\356\200\200\"]")},
    {"y_string_32_bytes", STR("\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"")},
    {"y_string_quote_at_vector_edge", STR("\"xxxxxxxxxxxxxx\\\"\"")},
    {"y_string_empty", STR("\"\"")},
    {"y_structure_lonely_false", STR("false")},
    {"y_structure_lonely_int", STR("42")},
    {"y_structure_lonely_negative_real", STR("-0.1")},
    {"y_structure_lonely_null", STR("null")},
    {"y_structure_lonely_string", STR("\"asd\"")},
    {"y_structure_lonely_true", STR("true")},
    {"y_structure_string_empty", STR("\"\"")},
    {"y_structure_trailing_newline", STR("[\"a\"]\n")},
    {"y_structure_true_in_array", STR("[true]")},
    {"y_structure_whitespace_array", STR(" [] ")},
    {"i_number_double_huge_neg_exp", STR("[123.456e-789]")},
    {"i_number_huge_exp",
     STR("[0."
         "4e006699999999999999999999999999999999999999999999999999999999999999999999999999999999999"
         "99999999999999999999999999999999999999999999999999999999999999999999999999999999999999999"
         "99999999999999999999999999999999999999999999999999999999999999999999999999999999996999999"
         "9006]")},
    {"i_number_neg_int_huge_exp", STR("[-1e+9999]")},
    {"i_number_pos_double_huge_exp", STR("[1.5e+9999]")},
    {"i_number_real_neg_overflow", STR("[-123123e100000]")},
    {"i_number_real_pos_overflow", STR("[123123e100000]")},
    {"i_number_real_underflow", STR("[123e-10000000]")},
    {"i_number_too_big_neg_int", STR("[-123123123123123123123123123123]")},
    {"i_number_too_big_pos_int", STR("[100000000000000000000]")},
    {"i_number_very_big_negative_int", STR("[-237462374673276894279832749832423479823246327846]")},
};

static const struct json_case REJECTED[] = {
    {"n_array_1_true_without_comma", STR("[1 true]")},
    {"n_array_a_invalid_utf8", STR("[a\345]")},
    {"n_array_colon_instead_of_comma", STR("[\"\": 1]")},
    {"n_array_comma_after_close", STR("[\"\"],")},
    {"n_array_comma_and_number", STR("[,1]")},
    {"n_array_double_comma", STR("[1,,2]")},
    {"n_array_double_extra_comma", STR("[\"x\",,]")},
    {"n_array_extra_close", STR("[\"x\"]]")},
    {"n_array_extra_comma", STR("[\"\",]")},
    {"n_array_incomplete", STR("[\"x\"")},
    {"n_array_incomplete_invalid_value", STR("[x")},
    {"n_array_inner_array_no_comma", STR("[3[4]]")},
    {"n_array_invalid_utf8", STR("[\377]")},
    {"n_array_items_separated_by_semicolon", STR("[1:2]")},
    {"n_array_just_comma", STR("[,]")},
    {"n_array_just_minus", STR("[-]")},
    {"n_array_missing_value", STR("[   , \"\"]")},
    {"n_array_newlines_unclosed", STR("[\"a\",\n4\n,1,")},
    {"n_array_number_and_comma", STR("[1,]")},
    {"n_array_number_and_several_commas", STR("[1,,]")},
    {"n_array_spaces_vertical_tab_formfeed", STR("[\"\013a\"\\f]")},
    {"n_array_star_inside", STR("[*]")},
    {"n_array_unclosed", STR("[\"\"")},
    {"n_array_unclosed_trailing_comma", STR("[1,")},
    {"n_array_unclosed_with_new_lines", STR("[1,\n1\n,1")},
    {"n_array_unclosed_with_object_inside", STR("[{}")},
    {"n_array_closed_with_brace", STR("[1}")},
    {"n_array_two_in_a_row", STR("[][]")},
    {"n_array_semicolon", STR("[1;2]")},
    {"n_array_apostrophes", STR("['a']")},
    {"n_incomplete_false", STR("[fals]")},
    {"n_incomplete_null", STR("[nul]")},
    {"n_incomplete_true", STR("[tru]")},
    {"n_multidigit_number_then_00", STR("123\000")},
    {"n_literal_cut_true", STR("tru")},
    {"n_literal_cut_null", STR("n")},
    {"n_literal_long_true", STR("truex")},
    {"n_literal_nil", STR("nil")},
    {"n_literal_undefined", STR("undefined")},
    {"n_number_++", STR("[++1234]")},
    {"n_number_+1", STR("[+1]")},
    {"n_number_+Inf", STR("[+Inf]")},
    {"n_number_-01", STR("[-01]")},
    {"n_number_-1.0.", STR("[-1.0.]")},
    {"n_number_-2.", STR("[-2.]")},
    {"n_number_-NaN", STR("[-NaN]")},
    {"n_number_.-1", STR("[.-1]")},
    {"n_number_.2e-3", STR("[.2e-3]")},
    {"n_number_0.1.2", STR("[0.1.2]")},
    {"n_number_0.3e+", STR("[0.3e+]")},
    {"n_number_0.3e", STR("[0.3e]")},
    {"n_number_0.e1", STR("[0.e1]")},
    {"n_number_0_capital_E+", STR("[0E+]")},
    {"n_number_0_capital_E", STR("[0E]")},
    {"n_number_0e+", STR("[0e+]")},
    {"n_number_0e", STR("[0e]")},
    {"n_number_1.0e+", STR("[1.0e+]")},
    {"n_number_1.0e-", STR("[1.0e-]")},
    {"n_number_1.0e", STR("[1.0e]")},
    {"n_number_1_000", STR("[1 000.0]")},
    {"n_number_1eE2", STR("[1eE2]")},
    {"n_number_2.e+3", STR("[2.e+3]")},
    {"n_number_2.e-3", STR("[2.e-3]")},
    {"n_number_2.e3", STR("[2.e3]")},
    {"n_number_9.e+", STR("[9.e+]")},
    {"n_number_Inf", STR("[Inf]")},
    {"n_number_NaN", STR("[NaN]")},
    {"n_number_U+FF11_fullwidth_digit_one", STR("[\357\274\221]")},
    {"n_number_expression", STR("[1+2]")},
    {"n_number_hex_1_digit", STR("[0x1]")},
    {"n_number_hex_2_digits", STR("[0x42]")},
    {"n_number_infinity", STR("[Infinity]")},
    {"n_number_invalid+-", STR("[0e+-1]")},
    {"n_number_invalid-negative-real", STR("[-123.123foo]")},
    {"n_number_invalid-utf-8-in-bigger-int", STR("[123\345]")},
    {"n_number_invalid-utf-8-in-exponent", STR("[1e1\345]")},
    {"n_number_invalid-utf-8-in-int", STR("[0\345]\n")},
    {"n_number_minus_infinity", STR("[-Infinity]")},
    {"n_number_minus_sign_with_trailing_garbage", STR("[-foo]")},
    {"n_number_minus_space_1", STR("[- 1]")},
    {"n_number_neg_int_starting_with_zero", STR("[-012]")},
    {"n_number_neg_real_without_int_part", STR("[-.123]")},
    {"n_number_neg_with_garbage_at_end", STR("[-1x]")},
    {"n_number_real_garbage_after_e", STR("[1ea]")},
    {"n_number_real_with_invalid_utf8_after_e", STR("[1e\345]")},
    {"n_number_real_without_fractional_part", STR("[1.]")},
    {"n_number_starting_with_dot", STR("[.123]")},
    {"n_number_with_alpha", STR("[1.2a-3]")},
    {"n_number_with_alpha_char", STR("[1.8011670033376514H-308]")},
    {"n_number_with_leading_zero", STR("[012]")},
    {"n_number_lonely_minus", STR("-")},
    {"n_number_double_zero", STR("00")},
    {"n_number_plus_zero", STR("+0")},
    {"n_number_trailing_point", STR("1.")},
    {"n_number_trailing_e", STR("1e")},
    {"n_number_underscore", STR("1_000")},
    {"n_number_float_suffix", STR("1.0f")},
    {"n_number_long_suffix", STR("1L")},
    {"n_number_two_points", STR("1..2")},
    {"n_number_comma_decimal", STR("1,5")},
    {"n_number_octal", STR("0o7")},
    {"n_number_binary", STR("0b1")},
    {"n_number_minus_minus", STR("--1")},
    {"n_number_exponent_fraction", STR("1e1.5")},
    {"n_object_bad_value", STR("[\"x\", truth]")},
    {"n_object_bracket_key", STR("{[: \"x\"}\n")},
    {"n_object_comma_instead_of_colon", STR("{\"x\", null}")},
    {"n_object_double_colon", STR("{\"x\"::\"b\"}")},
    {"n_object_emoji", STR("{\360\237\207\250\360\237\207\255}")},
    {"n_object_garbage_at_end", STR("{\"a\":\"a\" 123}")},
    {"n_object_key_with_single_quotes", STR("{key: 'value'}")},
    {"n_object_lone_continuation_byte_in_key_and_trailing_comma", STR("{\"\271\":\"0\",}")},
    {"n_object_missing_colon", STR("{\"a\" b}")},
    {"n_object_missing_key", STR("{:\"b\"}")},
    {"n_object_missing_semicolon", STR("{\"a\" \"b\"}")},
    {"n_object_missing_value", STR("{\"a\":")},
    {"n_object_no-colon", STR("{\"a\"")},
    {"n_object_non_string_key", STR("{1:1}")},
    {"n_object_non_string_key_but_huge_number_instead", STR("{9999E9999:1}")},
    {"n_object_repeated_null_null", STR("{null:null,null:null}")},
    {"n_object_several_trailing_commas", STR("{\"id\":0,,,,,}")},
    {"n_object_single_quote", STR("{'a':0}")},
    {"n_object_trailing_comma", STR("{\"id\":0,}")},
    {"n_object_trailing_comment", STR("{\"a\":\"b\"}/**/")},
    {"n_object_trailing_comment_open", STR("{\"a\":\"b\"}/**//")},
    {"n_object_trailing_comment_slash_open", STR("{\"a\":\"b\"}//")},
    {"n_object_trailing_comment_slash_open_incomplete", STR("{\"a\":\"b\"}/")},
    {"n_object_two_commas_in_a_row", STR("{\"a\":\"b\",,\"c\":\"d\"}")},
    {"n_object_unquoted_key", STR("{a: \"b\"}")},
    {"n_object_unterminated-value", STR("{\"a\":\"a")},
    {"n_object_with_single_string", STR("{ \"foo\" : \"bar\", \"a\" }")},
    {"n_object_with_trailing_garbage", STR("{\"a\":\"b\"}#")},
    {"n_object_leading_comma", STR("{,\"a\":1}")},
    {"n_object_just_comma", STR("{,}")},
    {"n_object_closed_with_bracket", STR("{\"a\":1]")},
    {"n_object_cut_after_comma", STR("{\"a\":1,")},
    {"n_object_cut_after_colon_blank", STR("{\"a\": ")},
    {"n_object_value_missing_before_comma", STR("{\"a\":,\"b\":1}")},
    {"n_object_equals", STR("{\"a\"=1}")},
    {"n_object_no_comma", STR("{\"a\":1\"b\":2}")},
    {"n_object_semicolon", STR("{\"a\":1;\"b\":2}")},
    {"n_single_space", STR(" ")},
    {"n_string_1_surrogate_then_escape", STR("[\"\\uD800\\\"]")},
    {"n_string_1_surrogate_then_escape_u", STR("[\"\\uD800\\u\"]")},
    {"n_string_1_surrogate_then_escape_u1", STR("[\"\\uD800\\u1\"]")},
    {"n_string_1_surrogate_then_escape_u1x", STR("[\"\\uD800\\u1x\"]")},
    {"n_string_accentuated_char_no_quotes", STR("[\303\251]")},
    {"n_string_backslash_00", STR("[\"\\\000\"]")},
    {"n_string_escape_x", STR("[\"\\x00\"]")},
    {"n_string_escaped_backslash_bad", STR("[\"\\\\\\\"]")},
    {"n_string_escaped_ctrl_char_tab", STR("[\"\\\t\"]")},
    {"n_string_escaped_emoji", STR("[\"\\\360\237\214\200\"]")},
    {"n_string_incomplete_escape", STR("[\"\\\"]")},
    {"n_string_incomplete_escaped_character", STR("[\"\\u00A\"]")},
    {"n_string_incomplete_surrogate", STR("[\"\\uD834\\uDd\"]")},
    {"n_string_incomplete_surrogate_escape_invalid", STR("[\"\\uD800\\uD800\\x\"]")},
    {"n_string_invalid-utf-8-in-escape", STR("[\"\\u\345\"]")},
    {"n_string_invalid_backslash_esc", STR("[\"\\a\"]")},
    {"n_string_invalid_unicode_escape", STR("[\"\\uqqqq\"]")},
    {"n_string_invalid_utf8_after_escape", STR("[\"\\\345\"]")},
    {"n_string_leading_uescaped_thinspace", STR("[\\u0020\"asd\"]")},
    {"n_string_no_quotes_with_bad_escape", STR("[\\n]")},
    {"n_string_single_doublequote", STR("\"")},
    {"n_string_single_quote", STR("['single quote']")},
    {"n_string_single_string_no_double_quotes", STR("abc")},
    {"n_string_start_escape_unclosed", STR("[\"\\")},
    {"n_string_unescaped_ctrl_char", STR("[\"a\000a\"]")},
    {"n_string_unescaped_newline", STR("[\"new\nline\"]")},
    {"n_string_unescaped_tab", STR("[\"\t\"]")},
    {"n_string_unicode_CapitalU", STR("\"\\UA66D\"")},
    {"n_string_with_trailing_garbage", STR("\"\"x")},
    {"n_string_unterminated", STR("\"abc")},
    {"n_string_escape_zero", STR("\"\\0\"")},
    {"n_string_escape_apostrophe", STR("\"\\'\"")},
    {"n_string_escape_v", STR("\"\\v\"")},
    {"n_string_u_three_digits", STR("\"\\u123\"")},
    {"n_string_u_with_plus", STR("\"\\u+123\"")},
    {"n_string_u_with_blank", STR("\"\\u 123\"")},
    {"n_string_unescaped_1f", STR("\"\037\"")},
    {"n_string_unescaped_cr", STR("\"a\rb\"")},
    {"n_string_control_behind_32_bytes", STR("\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\001\"")},
    {"n_string_cut_behind_32_bytes", STR("\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")},
    {"n_structure_U+2060_word_joined", STR("[\342\201\240]")},
    {"n_structure_UTF8_BOM_no_data", STR("\357\273\277")},
    {"n_structure_angle_bracket_.", STR("<.>")},
    {"n_structure_angle_bracket_null", STR("[<null>]")},
    {"n_structure_array_trailing_garbage", STR("[1]x")},
    {"n_structure_array_with_extra_array_close", STR("[1]]")},
    {"n_structure_array_with_unclosed_string", STR("[\"asd]")},
    {"n_structure_ascii-unicode-identifier", STR("a\303\245")},
    {"n_structure_capitalized_True", STR("[True]")},
    {"n_structure_close_unopened_array", STR("1]")},
    {"n_structure_comma_instead_of_closing_brace", STR("{\"x\": true,")},
    {"n_structure_double_array", STR("[][]")},
    {"n_structure_end_array", STR("]")},
    {"n_structure_incomplete_UTF8_BOM", STR("\357\273{}")},
    {"n_structure_lone-invalid-utf-8", STR("\345")},
    {"n_structure_lone-open-bracket", STR("[")},
    {"n_structure_no_data", STR("")},
    {"n_structure_null-byte-outside-string", STR("[\000]")},
    {"n_structure_number_with_trailing_garbage", STR("2@")},
    {"n_structure_object_followed_by_closing_object", STR("{}}")},
    {"n_structure_object_unclosed_no_value", STR("{\"\":")},
    {"n_structure_object_with_comment", STR("{\"a\":/*comment*/\"b\"}")},
    {"n_structure_object_with_trailing_garbage", STR("{\"a\": true} \"x\"")},
    {"n_structure_open_array_apostrophe", STR("['")},
    {"n_structure_open_array_comma", STR("[,")},
    {"n_structure_open_array_open_object", STR("[{")},
    {"n_structure_open_array_open_string", STR("[\"a")},
    {"n_structure_open_array_string", STR("[\"a\"")},
    {"n_structure_open_object", STR("{")},
    {"n_structure_open_object_close_array", STR("{]")},
    {"n_structure_open_object_comma", STR("{,")},
    {"n_structure_open_object_open_array", STR("{[")},
    {"n_structure_open_object_open_string", STR("{\"a")},
    {"n_structure_open_object_string_with_apostrophes", STR("{'a'")},
    {"n_structure_open_open", STR("[\"\\{[\"\\{[\"\\{[\"\\{")},
    {"n_structure_single_eacute", STR("\351")},
    {"n_structure_single_star", STR("*")},
    {"n_structure_trailing_#", STR("{\"a\":\"b\"}#{}")},
    {"n_structure_uescaped_LF_before_string", STR("[\\u000A\"\"]")},
    {"n_structure_unclosed_array", STR("[1")},
    {"n_structure_unclosed_array_partial_null", STR("[ false, nul")},
    {"n_structure_unclosed_array_unfinished_false", STR("[ true, fals")},
    {"n_structure_unclosed_array_unfinished_true", STR("[ false, tru")},
    {"n_structure_unclosed_object", STR("{\"asd\":\"asd\"")},
    {"n_structure_unicode-identifier", STR("\303\245")},
    {"n_structure_whitespace_U+2060_word_joiner", STR("\342\201\240")},
    {"n_structure_whitespace_formfeed", STR("[\014]")},
    {"n_structure_vertical_tab", STR("\0131")},
    {"n_structure_nbsp", STR("[1]\302\240")},
    {"n_structure_line_comment", STR("1 // one")},
    {"n_structure_hash_comment", STR("# x\n1")},
    {"n_structure_two_values", STR("1 2")},
    {"n_structure_null_null", STR("null null")},
    {"n_structure_trailing_nul", STR("{}\000")},
    {"i_object_key_lone_2nd_surrogate", STR("{\"\\uDFAA\":0}")},
    {"i_string_1st_surrogate_but_2nd_missing", STR("[\"\\uDADA\"]")},
    {"i_string_1st_valid_surrogate_2nd_invalid", STR("[\"\\uD888\\u1234\"]")},
    {"i_string_UTF-16LE_with_BOM", STR("\377\376[\000\"\000\351\000\"\000]\000")},
    {"i_string_UTF-8_invalid_sequence", STR("[\"\346\227\245\321\210\372\"]")},
    {"i_string_UTF8_surrogate_U+D800", STR("[\"\355\240\200\"]")},
    {"i_string_incomplete_surrogate_and_escape_valid", STR("[\"\\uD800\\n\"]")},
    {"i_string_incomplete_surrogate_pair", STR("[\"\\uDd1ea\"]")},
    {"i_string_incomplete_surrogates_escape_valid", STR("[\"\\uD800\\uD800\\n\"]")},
    {"i_string_invalid_lonely_surrogate", STR("[\"\\ud800\"]")},
    {"i_string_invalid_surrogate", STR("[\"\\ud800abc\"]")},
    {"i_string_invalid_utf-8", STR("[\"\377\"]")},
    {"i_string_inverted_surrogates_U+1D11E", STR("[\"\\uDd1e\\uD834\"]")},
    {"i_string_iso_latin_1", STR("[\"\351\"]")},
    {"i_string_lone_second_surrogate", STR("[\"\\uDFAA\"]")},
    {"i_string_lone_utf8_continuation_byte", STR("[\"\201\"]")},
    {"i_string_not_in_unicode_range", STR("[\"\364\277\277\277\"]")},
    {"i_string_overlong_sequence_2_bytes", STR("[\"\300\257\"]")},
    {"i_string_overlong_sequence_6_bytes", STR("[\"\374\203\277\277\277\277\"]")},
    {"i_string_overlong_sequence_6_bytes_null", STR("[\"\374\200\200\200\200\200\"]")},
    {"i_string_truncated-utf-8", STR("[\"\340\377\"]")},
    {"i_string_utf16BE_no_BOM", STR("\000[\000\"\000\351\000\"\000]")},
    {"i_string_utf16LE_no_BOM", STR("[\000\"\000\351\000\"\000]\000")},
    {"i_string_overlong_3_bytes", STR("\"\340\200\257\"")},
    {"i_string_overlong_4_bytes", STR("\"\360\200\200\257\"")},
    {"i_string_cut_2_bytes", STR("\"\303\"")},
    {"i_string_cut_3_bytes", STR("\"\342\202\"")},
    {"i_string_cut_4_bytes", STR("\"\360\237\230\"")},
    {"i_string_high_surrogate_utf8_pair", STR("\"\355\240\275\355\270\200\"")},
    {"i_string_byte_fe", STR("\"\376\"")},
    {"i_string_lead_f5", STR("\"\365\200\200\200\"")},
    {"i_string_invalid_behind_32_bytes", STR("\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\303(\"")},
    {"i_structure_UTF-8_BOM_empty_object", STR("\357\273\277{}")},
};

// No used column: everything is skipped, and checked.
static struct serde_case skipped(struct arena *a, struct str text)
{
    const struct serde_spec spec = {.format = SERDE_JSON, .wrapping = SERDE_UNWRAPPED};
    return serde_case_json(a, &spec, text);
}

// The whole document into one STRING column.
static struct serde_case as_string(struct arena *a, struct str text)
{
    const struct serde_column column = {STR("V"), type_scalar(TYPE_STRING)};
    const struct serde_spec spec = {
        .format = SERDE_JSON, .columns = &column, .count = 1, .wrapping = SERDE_UNWRAPPED};
    return serde_case_json(a, &spec, text);
}

// As a member's value in an object whose other members are used.
static struct serde_case in_object(struct arena *a, struct str text)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_text(&b, "{\"first\":1,\"x\":");
    buf_str(&b, text);
    buf_text(&b, ", \"last\" : 2}");
    const struct serde_column columns[] = {{STR("FIRST"), type_scalar(TYPE_INTEGER)},
                                           {STR("LAST"), type_scalar(TYPE_INTEGER)}};
    const struct serde_spec spec = {.format = SERDE_JSON, .columns = columns, .count = 2};
    const struct serde_case out = serde_case_json(a, &spec, buf_view(&b));
    buf_fini(&b);
    return out;
}

static void expect(const char *name, const char *how, const struct serde_case *got, bool good)
{
    if ((got->status != DECODE_BAD) != good)
        fail_msg("%s %s: %s (%.*s)", name, how, good ? "rejected" : "accepted",
                 STR_ARG(got->reason));
}

TEST(well_formed_documents_are_accepted)
{
    for (size_t i = 0; i < sizeof ACCEPTED / sizeof *ACCEPTED; i++) {
        struct arena *a = arena_new(NULL);
        struct serde_case got = skipped(a, ACCEPTED[i].text);
        expect(ACCEPTED[i].name, "skipped", &got, true);
        got = in_object(a, ACCEPTED[i].text);
        expect(ACCEPTED[i].name, "in an object", &got, true);
        assert_str(got.text, "{\"FIRST\":1,\"LAST\":2}");
        arena_free(a);
    }
}

TEST(well_formed_documents_become_strings)
{
    for (size_t i = 0; i < sizeof ACCEPTED / sizeof *ACCEPTED; i++) {
        struct arena *a = arena_new(NULL);
        // java.math.BigDecimal has no such number, so there is no text of it.
        const bool good = strcmp(ACCEPTED[i].name, "i_number_huge_exp") != 0;
        struct serde_case got = as_string(a, ACCEPTED[i].text);
        expect(ACCEPTED[i].name, "as a string", &got, good);
        if (good) { // the text is a document that gives the same text
            struct serde_case again = as_string(a, got.text);
            expect(ACCEPTED[i].name, "again", &again, true);
            assert_str(again.text, got.text.p);
        }
        arena_free(a);
    }
}

TEST(malformed_documents_are_rejected)
{
    for (size_t i = 0; i < sizeof REJECTED / sizeof *REJECTED; i++) {
        struct arena *a = arena_new(NULL);
        struct serde_case got = skipped(a, REJECTED[i].text);
        expect(REJECTED[i].name, "skipped", &got, false);
        assert_true(str_starts(got.reason, STR("malformed JSON: ")));
        got = as_string(a, REJECTED[i].text);
        expect(REJECTED[i].name, "as a string", &got, false);
        arena_free(a);
    }
}

static struct str repeated(struct arena *a, struct str piece, size_t n)
{
    char *p = arena_alloc(a, piece.n * n + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(p + i * piece.n, piece.p, piece.n);
    return (struct str){p, piece.n * n};
}

static struct str nested(struct arena *a, size_t n)
{
    struct str s = repeated(a, STR("[]"), n);
    memset((char *)(uintptr_t)s.p, '[', n);
    memset((char *)(uintptr_t)s.p + n, ']', n);
    return s;
}

TEST(nesting_has_a_limit)
{
    struct arena *a = arena_new(NULL);
    struct serde_case got = skipped(a, nested(a, 200));
    expect("y_structure_200_nested_arrays", "skipped", &got, true);
    got = skipped(a, nested(a, 256));
    expect("y_structure_256_nested_arrays", "skipped", &got, true);
    got = skipped(a, nested(a, 257));
    expect("i_structure_257_nested_arrays", "skipped", &got, false);
    assert_str(got.reason, "malformed JSON: nested too deeply at byte 256");
    got = as_string(a, nested(a, 500));
    expect("i_structure_500_nested_arrays", "as a string", &got, false);
    got = skipped(a, repeated(a, STR("["), 100000));
    expect("n_structure_100000_opening_arrays", "skipped", &got, false);
    got = skipped(a, repeated(a, STR("[{\"\":"), 50000));
    expect("n_structure_open_array_object", "skipped", &got, false);
    got = as_string(a, repeated(a, STR("{\"a\":"), 100000));
    expect("n_structure_100000_opening_objects", "as a string", &got, false);
    arena_free(a);
}

TEST_MAIN(T(well_formed_documents_are_accepted), T(well_formed_documents_become_strings),
          T(malformed_documents_are_rejected), T(nesting_has_a_limit))
