// source BOOTSTRAP TOPIC [work_ns [fetch_mib [name=value…]]] : reads a topic through jobs/source/kafka from its start to its end
// now, spends work_ns per record, and prints records, a checksum, wall and CPU seconds, and peak anonymous memory.
#include "base/durable.h"
#include "base/hash.h"
#include "jobs/source/kafka/kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long rss_anon_kb(void)
{
    char line[128];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}

static void work(long ns)
{
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - from.tv_sec) * 1000000000L + now.tv_nsec - from.tv_nsec < ns);
}

struct reading {
    long n, bytes, work_ns, anon_kb, polls, idle;
    uint64_t sum;
};

static bool take(struct reading *r, struct source *s, size_t range, bool *ended, struct err *e)
{
    struct source_batch b;
    enum source_poll what = s->type->poll(s, range, 20, &b, e);
    *ended = what == POLL_END;
    r->polls++;
    r->idle += what == POLL_IDLE;
    for (uint32_t i = 0; i < b.n; i++) {
        r->bytes += (long)b.records[i].value.n;
        r->sum += (uint64_t)b.records[i].offset * 31 + b.records[i].value.n;
        if (r->work_ns)
            work(r->work_ns);
    }
    r->n += b.n;
    if (r->polls % 16 == 0) {
        long kb = rss_anon_kb();
        r->anon_kb = kb > r->anon_kb ? kb : r->anon_kb;
    }
    s->type->release(s, &b);
    return what != POLL_FAILED;
}

static bool run(struct reading *r, struct source *s, struct arena *a, struct err *e)
{
    struct source_partition *p;
    size_t n;
    if (!s->type->plan(s, a, &p, &n, e))
        return false;
    struct source_range *ranges = ARENA_ZARRAY(a, struct source_range, n);
    bool *done = ARENA_ZARRAY(a, bool, n);
    for (size_t i = 0; i < n; i++)
        ranges[i] = (struct source_range){p[i].topic, p[i].partition, p[i].log_start, p[i].end,
                                          p[i].log_start};
    if (!s->type->assign(s, ranges, n, e))
        return false;
    for (size_t open = n; open > 0;)
        for (size_t i = 0; i < n; i++) {
            if (done[i])
                continue;
            if (!take(r, s, i, &done[i], e))
                return false;
            open -= done[i];
        }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    struct arena *a = arena_new(NULL);
    struct str *properties = ARENA_ZARRAY(a, struct str, 2 * (size_t)argc);
    properties[0] = STR("bootstrap.servers");
    properties[1] = str_from(argv[1]);
    size_t pairs = 1;
    for (int i = 5; i < argc; i++, pairs++)
        (void)str_split_once(&properties[2 * pairs], &properties[2 * pairs + 1], str_from(argv[i]),
                             '=');
    struct str topic = str_from(argv[2]);
    struct durable *d = durable_new(DURABLE_KILL);
    struct source_spec spec = {
        .topics = &topic,
        .topic_count = 1,
        .properties = properties,
        .property_count = pairs,
        .group = "bench",
        .fetch_bytes_max = argc > 4 ? (size_t)strtoul(argv[4], NULL, 10) << 20 : 0,
        .durable = d,
    };
    struct reading r = {.work_ns = argc > 3 ? strtol(argv[3], NULL, 10) : 0};
    struct err e;
    struct source *s;
    double from = seconds(CLOCK_MONOTONIC);
    if (!source_kafka.open(&s, &spec, &e) || !run(&r, s, a, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    double read = seconds(CLOCK_MONOTONIC) - from;
    source_kafka.close(s);
    printf("records %ld bytes %ld sum %016llx wall %.3f close %.3f cpu %.3f anon_mb %.1f "
           "polls %ld idle %ld\n",
           r.n, r.bytes, (unsigned long long)r.sum, read, seconds(CLOCK_MONOTONIC) - from - read,
           seconds(CLOCK_PROCESS_CPUTIME_ID), (double)r.anon_kb / 1024, r.polls, r.idle);
    durable_free(d);
    arena_free(a);
    return 0;
}
