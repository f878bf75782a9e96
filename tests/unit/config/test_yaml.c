#include "config/yaml.h"

#include "base/buf.h"
#include "tests/support/test.h"

struct reading {
    struct arena *a;
    struct conf_errors errors;
    struct yaml_doc doc;
    bool ok;
};

static struct reading read_text(struct str text)
{
    struct reading r = {.a = arena_new(NULL)};
    conf_errors_init(&r.errors, r.a);
    r.ok = yaml_parse(&r.doc, r.a, "t.yaml", text, &r.errors);
    return r;
}

static void refused(struct str text, const char *want)
{
    struct reading r = read_text(text);
    struct buf out;
    buf_init(&out, 100000);
    conf_errors_print(&out, &r.errors);
    buf_char(&out, '\0');
    assert_false(r.ok);
    if (!strstr(out.p, want))
        fail_msg("\"%s\" is not in:\n%s", want, out.p);
    buf_fini(&out);
    arena_free(r.a);
}

TEST(nodes_know_where_they_are)
{
    struct reading r = read_text(STR("a: 1\nb:\n  - x\n  - { é: 'y', z: }\n"));
    assert_true(r.ok);
    const struct yaml_node *b = yaml_get(r.doc.root, STR("b"));
    assert_int_equal(b->kind, YAML_LIST);
    assert_int_equal(b->n, 2);
    assert_int_equal(b->items[0]->line, 3);
    assert_int_equal(b->items[0]->column, 5);
    const struct yaml_node *y = yaml_get(b->items[1], STR("é"));
    assert_str(y->text, "y");
    assert_true(y->quoted);
    assert_int_equal(y->line, 4);
    assert_int_equal(y->column, 10);
    assert_true(yaml_is_null(yaml_get(b->items[1], STR("z"))));
    assert_null(yaml_get(r.doc.root, STR("c")));
    arena_free(r.a);
}

TEST(an_empty_file_is_an_empty_document)
{
    struct reading r = read_text(STR("# nothing\n"));
    assert_true(r.ok);
    assert_null(r.doc.root);
    arena_free(r.a);
    r = read_text(STR_NONE);
    assert_true(r.ok);
    arena_free(r.a);
}

TEST(duplicate_keys_are_named_with_the_first_place)
{
    refused(STR("a: 1\nb: 2\na: 3\n"),
            "t.yaml:3:1: duplicate key a, first on line 1\n    a: 3\n    ^");
}

TEST(anchors_aliases_tags_and_more_documents_are_refused)
{
    refused(STR("a: &x 1\nb: *x\n"), "t.yaml:1:4: anchor &x is not supported");
    refused(STR("a: &x 1\nb: *x\n"), "t.yaml:2:4: alias *x is not supported");
    refused(STR("a: !!int 1\n"), "t.yaml:1:4: tag ");
    refused(STR("a: 1\n---\nb: 2\n"), "t.yaml:2:1: a second document");
    refused(STR("[1, 2]: x\n"), "t.yaml:1:1: a key must be one plain word");
}

TEST(broken_syntax_is_an_error_with_its_place)
{
    refused(STR("a: [1, 2\nb: 3\n"), "t.yaml:2:");
    refused(STR("a: \"x\n"), "t.yaml:");
    refused(STR("a:\n\t- x\n"), "t.yaml:2:1: ");
    refused(STR("a: \"\xff\"\n"), "t.yaml: the file is not UTF-8");
}

TEST(depth_and_size_have_limits)
{
    char text[200];
    memset(text, '[', 100);
    text[100] = '\0';
    refused(str_from(text), "t.yaml:1:34: more than 32 levels of nesting");
    struct buf big;
    buf_init(&big, 2 << 20);
    while (big.n <= YAML_BYTES_MAX)
        buf_text(&big, "# comment line\n");
    refused(buf_view(&big), "larger than 1 MiB");
    buf_clear(&big);
    buf_char(&big, '[');
    for (int i = 0; i < YAML_NODES_MAX; i++)
        buf_text(&big, "1,");
    buf_char(&big, ']');
    refused(buf_view(&big), "more than 100000 values");
    buf_fini(&big);
}

TEST(only_the_first_errors_are_kept_and_the_rest_counted)
{
    struct buf b;
    buf_init(&b, 100000);
    for (int i = 0; i < 80; i++)
        buf_text(&b, "a: 1\n");
    refused(buf_view(&b), "79 errors, the first of them shown");
    buf_fini(&b);
}

TEST_MAIN(T(nodes_know_where_they_are), T(an_empty_file_is_an_empty_document),
          T(duplicate_keys_are_named_with_the_first_place),
          T(anchors_aliases_tags_and_more_documents_are_refused),
          T(broken_syntax_is_an_error_with_its_place), T(depth_and_size_have_limits),
          T(only_the_first_errors_are_kept_and_the_rest_counted))
