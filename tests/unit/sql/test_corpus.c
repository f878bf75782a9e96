// ksqlDB's own functional tests, where they are at hand (../shared/qtt): every statement of a positive case parses and prints
// back. Absent elsewhere: then the test says that it was skipped.
#include "sql/parser.h"
#include "sql/print.h"
#include "tests/support/test.h"

#include "base/buf.h"

#include <glob.h>
#include <jansson.h>

#define TEXT_MAX ((size_t)16 << 20)

static void add_statement(struct buf *out, const char *text)
{
    struct str head, rest = str_from(text);
    size_t at;
    while (str_find(&at, rest, STR("{FORMAT}"))) {
        head = str_slice(rest, 0, at);
        buf_printf(out, "%.*sJSON", STR_ARG(head));
        rest = str_slice(rest, at + strlen("{FORMAT}"), rest.n);
    }
    buf_str(out, rest);
    buf_char(out, '\n');
}

static bool parse(struct ast_script *out, struct arena *a, const struct buf *text, struct err *e)
{
    const struct sql_script script = {"case.sql", buf_view(text)};
    err_clear(e);
    return parser_run(out, a, &script, 1, e);
}

static void print(struct buf *out, const struct ast_script *script)
{
    for (size_t i = 0; i < script->n; i++) {
        print_statement(out, script->v[i]);
        buf_text(out, ";\n");
    }
}

static void check_case(const char *file, const json_t *test)
{
    struct arena *a = arena_new(NULL);
    struct ast_script tree;
    struct buf text, once, twice;
    struct err e;
    const json_t *statements = json_object_get(test, "statements");
    buf_init(&text, TEXT_MAX);
    buf_init(&once, TEXT_MAX);
    buf_init(&twice, TEXT_MAX);
    for (size_t i = 0; i < json_array_size(statements); i++)
        add_statement(&text, json_string_value(json_array_get(statements, i)));
    if (!parse(&tree, a, &text, &e))
        fail_msg("%s: %s: %s", file, json_string_value(json_object_get(test, "name")), e.text);
    print(&once, &tree);
    if (!parse(&tree, a, &once, &e))
        fail_msg("%s: printed: %s\n%.*s", file, e.text, (int)once.n, once.p);
    print(&twice, &tree);
    assert_true(str_eq(buf_view(&once), buf_view(&twice)));
    buf_fini(&text);
    buf_fini(&once);
    buf_fini(&twice);
    arena_free(a);
}

TEST(every_statement_of_ksqldbs_functional_tests_parses_and_prints_back)
{
    glob_t files;
    size_t cases = 0;
    if (glob("../shared/qtt/cases/*.json", 0, NULL, &files) != 0) {
        print_message("skipped: ../shared/qtt is not here\n");
        skip();
    }
    for (size_t i = 0; i < files.gl_pathc; i++) {
        json_t *root = json_load_file(files.gl_pathv[i], 0, NULL);
        assert_non_null(root);
        const json_t *tests = json_object_get(root, "tests");
        for (size_t k = 0; k < json_array_size(tests); k++) {
            const json_t *test = json_array_get(tests, k);
            if (json_object_get(test, "expectedException"))
                continue;
            check_case(files.gl_pathv[i], test);
            cases++;
        }
        json_decref(root);
    }
    globfree(&files);
    assert_true(cases > 100);
}

TEST_MAIN(T(every_statement_of_ksqldbs_functional_tests_parses_and_prints_back))
