#include "orchestrator/daemon/report.h"

#include "base/buf.h"
#include "jobs/run/doc.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

enum { REPORT_LINE_MAX = 64 << 20 };

// The counters of a report by name: one table for both directions.
static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    {"run", offsetof(struct run_report, run)},
    {"batches", offsetof(struct run_report, batches)},
    {"batch_first", offsetof(struct run_report, batch_first)},
    {"batch_last", offsetof(struct run_report, batch_last)},
    {"redelivered", offsetof(struct run_report, redelivered)},
    {"records", offsetof(struct run_report, records)},
    {"bytes", offsetof(struct run_report, bytes)},
    {"dead", offsetof(struct run_report, dead)},
    {"lost", offsetof(struct run_report, lost)},
    {"late", offsetof(struct run_report, late)},
    {"late_partition", offsetof(struct run_report, late_partition)},
    {"lake_files", offsetof(struct run_report, lake_files)},
    {"lake_rows", offsetof(struct run_report, lake_rows)},
    {"warehouse_rows", offsetof(struct run_report, warehouse_rows)},
    {"topic_rows", offsetof(struct run_report, topic_rows)},
    {"rejected", offsetof(struct run_report, rejected)},
};
enum { COUNTERS = sizeof counters / sizeof counters[0] };

// An error may quote bytes that are no UTF-8: they are shown as '?', nothing else is lost.
static json_t *text_json(const char *text)
{
    char copy[768];
    json_t *j = json_string(text);
    if (j)
        return j;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p > '~')
            *p = '?';
    return json_string(copy);
}

static void behind_to_json(json_t *j, const struct run_behind *b)
{
    if (!b->output[0])
        return;
    json_t *o = json_object();
    json_object_set_new(o, "output", text_json(b->output));
    json_object_set_new(o, "batches", doc_new_u64(b->batches));
    json_object_set_new(o, "since", json_integer(b->since_ms));
    json_object_set_new(o, "why", text_json(b->why));
    json_object_set_new(j, "behind", o);
}

json_t *report_to_json(const struct run_report *r, const char *job)
{
    json_t *j = json_object();
    json_object_set_new(j, "job", json_string(job));
    for (size_t i = 0; i < COUNTERS; i++) {
        uint64_t v;
        memcpy(&v, (const char *)r + counters[i].offset, sizeof v);
        json_object_set_new(j, counters[i].name, doc_new_u64(v));
    }
    json_object_set_new(j, "offsets_committed", json_boolean(!r->offsets_error[0]));
    if (r->offsets_error[0])
        json_object_set_new(j, "offsets_error", text_json(r->offsets_error));
    if (r->notice[0])
        json_object_set_new(j, "notice", text_json(r->notice));
    behind_to_json(j, &r->behind);
    return j;
}

static void copy_text(char *out, size_t size, const json_t *j)
{
    const char *text = json_string_value(j);
    snprintf(out, size, "%s", text ? text : "");
}

static void behind_from_json(struct run_behind *out, const json_t *j)
{
    const json_t *o = json_object_get(j, "behind");
    copy_text(out->output, sizeof out->output, json_object_get(o, "output"));
    copy_text(out->why, sizeof out->why, json_object_get(o, "why"));
    out->batches = (uint64_t)json_integer_value(json_object_get(o, "batches"));
    out->since_ms = json_integer_value(json_object_get(o, "since"));
}

void report_from_json(struct run_report *out, const json_t *j)
{
    *out = (struct run_report){0};
    for (size_t i = 0; i < COUNTERS; i++) {
        const uint64_t v = (uint64_t)json_integer_value(json_object_get(j, counters[i].name));
        memcpy((char *)out + counters[i].offset, &v, sizeof v);
    }
    behind_from_json(&out->behind, j);
    copy_text(out->notice, sizeof out->notice, json_object_get(j, "notice"));
    copy_text(out->offsets_error, sizeof out->offsets_error, json_object_get(j, "offsets_error"));
}

json_t *report_error_to_json(const struct err *e)
{
    json_t *j = json_object();
    json_object_set_new(j, "kind", json_integer(e->kind));
    json_object_set_new(j, "name", json_string(err_kind_name(e->kind)));
    json_object_set_new(j, "remedy", json_integer(e->remedy));
    json_object_set_new(j, "text", text_json(e->text));
    json_object_set_new(j, "hint", text_json(e->hint));
    json_object_set_new(j, "file", text_json(e->file));
    json_object_set_new(j, "line", json_integer(e->line));
    json_object_set_new(j, "column", json_integer(e->column));
    json_object_set_new(j, "excerpt", text_json(e->excerpt));
    json_object_set_new(j, "caret", json_integer(e->caret));
    return j;
}

static unsigned number(const json_t *j, const char *name)
{
    return (unsigned)json_integer_value(json_object_get(j, name));
}

void report_error_from_json(struct err *out, const json_t *j)
{
    const unsigned kind = number(j, "kind");
    err_clear(out);
    out->kind = kind > ERR_NONE && kind <= ERR_BUG ? (enum err_kind)kind : ERR_BUG;
    out->remedy = number(j, "remedy") <= REMEDY_RECONNECT ? (enum err_remedy)number(j, "remedy")
                                                          : REMEDY_FATAL;
    copy_text(out->text, sizeof out->text, json_object_get(j, "text"));
    copy_text(out->hint, sizeof out->hint, json_object_get(j, "hint"));
    copy_text(out->file, sizeof out->file, json_object_get(j, "file"));
    copy_text(out->excerpt, sizeof out->excerpt, json_object_get(j, "excerpt"));
    out->line = number(j, "line");
    out->column = number(j, "column");
    out->caret = number(j, "caret");
}

json_t *report_progress_to_json(const struct run_progress *p)
{
    json_t *j = json_object();
    json_object_set_new(j, "phase", json_integer(p->phase));
    json_object_set_new(j, "batch", doc_new_u64(p->batch));
    json_object_set_new(j, "records", doc_new_u64(p->records));
    json_object_set_new(j, "records_total", doc_new_u64(p->records_total));
    json_object_set_new(j, "bytes", doc_new_u64(p->bytes));
    behind_to_json(j, &p->behind);
    return j;
}

void report_progress_from_json(struct run_progress *out, const json_t *j)
{
    const unsigned phase = number(j, "phase");
    *out = (struct run_progress){
        .phase = phase <= RUN_DONE ? (enum run_phase)phase : RUN_DONE,
        .batch = (uint64_t)json_integer_value(json_object_get(j, "batch")),
        .records = (uint64_t)json_integer_value(json_object_get(j, "records")),
        .records_total = (uint64_t)json_integer_value(json_object_get(j, "records_total")),
        .bytes = (uint64_t)json_integer_value(json_object_get(j, "bytes")),
    };
    behind_from_json(&out->behind, j);
}

const char *report_phase_name(enum run_phase phase)
{
    switch (phase) {
    case RUN_OPENING:
        return "opening";
    case RUN_READING:
        return "reading";
    case RUN_DECIDING:
        return "deciding";
    case RUN_DELIVERING:
        return "delivering";
    case RUN_WAITING:
        return "waiting";
    case RUN_DONE:
        return "done";
    }
    assert(!"no such phase");
    return "";
}

bool report_write(int fd, json_t *j)
{
    struct buf text;
    size_t at = 0;
    buf_init(&text, REPORT_LINE_MAX);
    doc_print(&text, j);
    json_decref(j);
    buf_char(&text, '\n');
    while (at < text.n) {
        const ssize_t n = write(fd, text.p + at, text.n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    const bool ok = at == text.n && !text.failed;
    buf_fini(&text);
    return ok;
}
