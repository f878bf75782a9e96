#include "orchestrator/sqltest/verdict.h"

#include "schema/serde/json_escape.h"

static const char *const statuses[] = {"pass", "fail", "skip"};

void verdict_count(struct verdict_totals *totals, const struct verdict *v)
{
    totals->passed += v->status == VERDICT_PASS;
    totals->failed += v->status == VERDICT_FAIL;
    totals->skipped += v->status == VERDICT_SKIP;
}

static void member(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, ",\"%s\":", name);
    json_put_string(out, value);
}

static void print_json(struct buf *out, const struct verdict *v)
{
    buf_text(out, "{\"file\":");
    json_put_string(out, v->file);
    member(out, "test", v->test);
    member(out, "case", v->name);
    member(out, "kind", v->negative ? STR("negative") : STR("positive"));
    member(out, "status", str_from(statuses[v->status]));
    if (v->message != MESSAGE_NONE)
        member(out, "message", v->message == MESSAGE_MATCH ? STR("match") : STR("differs"));
    if (v->reason.n)
        member(out, "reason", v->reason);
    buf_text(out, "}\n");
}

static void print_lines(struct buf *out, struct str text)
{
    struct str line, rest = text;
    while (rest.n) {
        if (!str_split_once(&line, &rest, rest, '\n')) {
            line = rest;
            rest = STR_NONE;
        }
        buf_printf(out, "      %.*s\n", STR_ARG(line));
    }
}

static void print_text(struct buf *out, const struct verdict *v)
{
    if (v->status == VERDICT_PASS && v->message != MESSAGE_DIFFERS)
        return;
    buf_printf(out, "%s  %.*s\n", v->status == VERDICT_PASS ? "note" : statuses[v->status],
               STR_ARG(v->name));
    print_lines(out, v->reason);
    print_lines(out, v->detail);
}

void verdict_print(struct buf *out, const struct verdict *v, enum verdict_form form)
{
    if (form == VERDICT_JSON)
        print_json(out, v);
    else
        print_text(out, v);
}

void verdict_print_totals(struct buf *out, const struct verdict_totals *totals,
                          enum verdict_form form)
{
    const unsigned long long n[] = {totals->passed, totals->failed, totals->skipped};
    if (form == VERDICT_JSON)
        buf_printf(out, "{\"passed\":%llu,\"failed\":%llu,\"skipped\":%llu}\n", n[0], n[1], n[2]);
    else
        buf_printf(out, "%llu passed, %llu failed, %llu skipped\n", n[0], n[1], n[2]);
}
