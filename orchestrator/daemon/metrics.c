#include "orchestrator/daemon/admin.h"

#include "orchestrator/daemon/daemon_internal.h"
#include "orchestrator/daemon/report.h"

#include <stddef.h>
#include <sys/resource.h>

// Counters of a job, where they are. All have the label job.
#define COUNTER(member, name, help)                     \
    {                                                   \
        offsetof(struct daemon_job, member), name, help \
    }
static const struct {
    size_t offset;
    const char *name, *help;
} counters[] = {
    COUNTER(runs_done, "sluice_runs_done_total", "Runs that succeeded."),
    COUNTER(runs_failed, "sluice_runs_failed_total", "Runs that failed or were stopped."),
    COUNTER(records, "sluice_records_total", "Records read by runs that succeeded."),
    COUNTER(bytes, "sluice_bytes_total", "Bytes of these records."),
    COUNTER(late, "sluice_late_rows_total", "Rows dropped because their window had closed."),
    COUNTER(late_partition, "sluice_late_partition_rows_total",
            "Rows kept out of partitions that had expired: dropped, or dead letters."),
    COUNTER(dead, "sluice_dead_letters_total",
            "Records that could not be decoded, and rows of expired partitions that were kept."),
    COUNTER(lost, "sluice_lost_records_total", "Records deleted before they were read."),
    COUNTER(lake_rows, "sluice_lake_rows_total", "Rows written to the lake."),
    COUNTER(warehouse_rows, "sluice_warehouse_rows_total", "Rows written to warehouses."),
    COUNTER(rejected, "sluice_rejected_rows_total", "Rows that warehouses refused."),
    COUNTER(topic_rows, "sluice_topic_rows_total", "Rows written to topics."),
    COUNTER(alerts, "sluice_alerts_total", "Times that on_failure was due."),
};

// Values that go up and down: computed, absent when unknown.
struct gauge {
    const char *name, *help;
    bool (*value)(double *out, const struct daemon_job *j, struct sched_now now);
};

static bool since(double *out, int64_t then_ms, int64_t now_ms)
{
    *out = (double)(now_ms - then_ms) / 1000.0;
    return then_ms > 0;
}

static bool gauge_lag(double *out, const struct daemon_job *j, struct sched_now now)
{
    (void)now;
    *out = (double)j->lag;
    return j->lag >= 0;
}

static bool gauge_lag_age(double *out, const struct daemon_job *j, struct sched_now now)
{
    return since(out, j->lag_ms, now.wall_ms) && j->lag >= 0;
}

static bool gauge_success(double *out, const struct daemon_job *j, struct sched_now now)
{
    return since(out, sched_memory(j->d->config->sched, j->index)->done_ms, now.wall_ms);
}

static bool gauge_undelivered(double *out, const struct daemon_job *j, struct sched_now now)
{
    if (!since(out, daemon_job_undelivered(j), now.wall_ms))
        *out = 0;
    return true;
}

static bool gauge_undelivered_batches(double *out, const struct daemon_job *j, struct sched_now now)
{
    (void)now;
    *out = (double)j->behind.batches;
    return true;
}

static bool gauge_running(double *out, const struct daemon_job *j, struct sched_now now)
{
    (void)now;
    *out = j->does == JOB_RUN;
    return true;
}

static bool gauge_paused(double *out, const struct daemon_job *j, struct sched_now now)
{
    (void)now;
    *out = sched_memory(j->d->config->sched, j->index)->paused;
    return true;
}

static bool gauge_failures(double *out, const struct daemon_job *j, struct sched_now now)
{
    (void)now;
    *out = (double)sched_memory(j->d->config->sched, j->index)->failures;
    return true;
}

static bool gauge_took(double *out, const struct daemon_job *j, struct sched_now now)
{
    (void)now;
    *out = (double)j->took_ms / 1000.0;
    return j->ended_ms > 0;
}

static bool gauge_memory(double *out, const struct daemon_job *j, struct sched_now now)
{
    (void)now;
    *out = (double)j->memory_bytes;
    return j->memory_bytes > 0;
}

static const struct gauge gauges[] = {
    {"sluice_lag_records", "Offsets between the job's positions and the ends of its topics.",
     gauge_lag},
    {"sluice_lag_age_seconds", "How long ago the lag was measured.", gauge_lag_age},
    {"sluice_last_success_age_seconds", "Time since the last run that succeeded.", gauge_success},
    {"sluice_undelivered_seconds",
     "How long a decided batch has waited for an output; 0 = none does.", gauge_undelivered},
    {"sluice_undelivered_batches",
     "Batches that the slowest output has not taken while the others went on (output_lag).",
     gauge_undelivered_batches},
    {"sluice_running", "1 while a run goes on.", gauge_running},
    {"sluice_paused", "1 while the job is paused.", gauge_paused},
    {"sluice_failures", "Failed runs since the last success.", gauge_failures},
    {"sluice_run_seconds", "Duration of the last run.", gauge_took},
    {"sluice_run_memory_bytes", "Peak resident memory of the last run's process.", gauge_memory},
};

static void metric_head(struct buf *out, const char *name, const char *help, const char *type)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void metric_counters(struct buf *out, const struct daemon *d)
{
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        metric_head(out, counters[i].name, counters[i].help, "counter");
        for (size_t k = 0; k < d->jobs.n; k++) {
            uint64_t v;
            memcpy(&v, (const char *)d->jobs.v[k] + counters[i].offset, sizeof v);
            if (d->jobs.v[k]->spec)
                buf_printf(out, "%s{job=\"%s\"} %llu\n", counters[i].name, d->jobs.v[k]->name,
                           (unsigned long long)v);
        }
    }
}

static void metric_gauges(struct buf *out, const struct daemon *d)
{
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        metric_head(out, gauges[i].name, gauges[i].help, "gauge");
        for (size_t k = 0; k < d->jobs.n; k++) {
            double v;
            if (d->jobs.v[k]->spec && gauges[i].value(&v, d->jobs.v[k], daemon_now(d)))
                buf_printf(out, "%s{job=\"%s\"} %.15g\n", gauges[i].name, d->jobs.v[k]->name, v);
        }
    }
}

// As many as the jobs have topics in the configuration.
static void metric_topics(struct buf *out, const struct daemon *d)
{
    metric_head(out, "sluice_topic_lag_records", "The same by topic.", "gauge");
    for (size_t k = 0; k < d->jobs.n; k++) {
        json_t *topics = d->jobs.v[k]->spec ? d->jobs.v[k]->lag_topics : NULL;
        for (void *at = json_object_iter(topics); at; at = json_object_iter_next(topics, at))
            buf_printf(out, "sluice_topic_lag_records{job=\"%s\",topic=\"%s\"} %lld\n",
                       d->jobs.v[k]->name, json_object_iter_key(at),
                       (long long)json_integer_value(json_object_iter_value(at)));
    }
}

static void metric_phases(struct buf *out, const struct daemon *d)
{
    metric_head(out, "sluice_phase_seconds_total", "Time that runs spent in each phase of a batch.",
                "counter");
    for (size_t k = 0; k < d->jobs.n; k++) {
        for (unsigned p = 0; d->jobs.v[k]->spec && p < RUN_DONE; p++)
            buf_printf(out, "sluice_phase_seconds_total{job=\"%s\",phase=\"%s\"} %.15g\n",
                       d->jobs.v[k]->name, report_phase_name((enum run_phase)p),
                       (double)d->jobs.v[k]->phase_ms[p] / 1000.0);
    }
}

void metrics_print(struct buf *out, const struct daemon *d)
{
    struct rusage used;
    const bool known = getrusage(RUSAGE_SELF, &used) == 0;
    if (d->ready) {
        metric_counters(out, d);
        metric_gauges(out, d);
        metric_topics(out, d);
        metric_phases(out, d);
    }
    metric_head(out, "sluice_daemon_uptime_seconds", "Time since the daemon began.", "gauge");
    buf_printf(out, "sluice_daemon_uptime_seconds %.15g\n",
               (double)(daemon_now(d).wall_ms - d->started_ms) / 1000.0);
    metric_head(out, "sluice_daemon_memory_bytes", "Peak resident memory of the daemon.", "gauge");
    buf_printf(out, "sluice_daemon_memory_bytes %lld\n",
               known ? (long long)used.ru_maxrss * 1024 : 0LL);
}
