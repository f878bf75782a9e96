// gen COUNT TOPIC|- [FILE.ndjson]: the benchmark's records, the same bytes for everybody. To a topic (BOOTSTRAP=host:port, lz4,
// key = user id, the client's partitioner), to a file, or both. RATE=n in the environment: n records a second to the topic, each with the
// time at which it was due as its timestamp; the first one's is printed.
#include "base/clock.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GEN_SPAN_DAYS = 3, GEN_JITTER_MS = 2000, GEN_DAY_MS = 86400000, GEN_RECORD_MAX = 1024 };
#define GEN_BASE_MS 1746057600000LL // 2025-05-01T00:00:00Z

static const char *const cities[][2] = {{"Berlin", "Germany"},         {"Paris", "France"},
                                        {"Madrid", "Spain"},           {"Rome", "Italy"},
                                        {"London", "United Kingdom"},  {"Tokyo", "Japan"},
                                        {"New York", "United States"}, {"Toronto", "Canada"},
                                        {"Vienna", "Austria"},         {"Lisbon", "Portugal"},
                                        {"S\\u00e3o Paulo", "Brazil"}, {"Zürich", "Switzerland"}};
static const char *const currencies[] = {"EUR", "USD", "GBP", "JPY", "CHF"};
static const char *const statuses[] = {"completed", "completed", "completed", "completed",
                                       "completed", "completed", "failed",    "pending",
                                       "pending",   "refunded"};
static const char *const types[] = {"purchase", "purchase", "purchase", "refund", "transfer"};
static const char *const methods[] = {"credit_card",   "debit_card", "paypal",
                                      "bank_transfer", "apple_pay",  "cash"};
static const char *const categories[] = {"Electronics", "Books", "Clothing", "Home",
                                         "Sports",      "Toys",  "Grocery"};
static const char *const firsts[] = {"Alice", "Bob",   "Carol", "David", "Emma",
                                     "Frank", "Grace", "Henry", "Ivy",   "Jack"};
static const char *const lasts[] = {"Smith",  "Müller", "Garcia", "Rossi",  "Dubois",
                                    "Tanaka", "Silva",  "Novak",  "Jensen", "Brown"};

struct gen {
    uint64_t state;
    long next, count;
};

// xorshift64* (Vigna 2016), the upper 48 bits.
static uint64_t draw(struct gen *g)
{
    g->state ^= g->state << 13;
    g->state ^= g->state >> 7;
    g->state ^= g->state << 17;
    return g->state * 2685821657736338717ULL >> 16;
}

struct record {
    char value[GEN_RECORD_MAX];
    int n;
    char key[16];
    int key_n;
};

static void gen_record(struct gen *g, struct record *out)
{
    int64_t span = (int64_t)GEN_SPAN_DAYS * GEN_DAY_MS;
    int64_t ms = GEN_BASE_MS + (int64_t)((double)span * (double)g->next / (double)g->count) +
                 (int64_t)(draw(g) % GEN_JITTER_MS);
    struct civil t = civil_from_ms(ms);
    // One draw per statement: the order of the draws is part of the data.
    unsigned user = (unsigned)(draw(g) % 10000);
    unsigned product = (unsigned)(draw(g) % 500);
    unsigned city = (unsigned)(draw(g) % 12);
    unsigned cents = (unsigned)(draw(g) % 50000 + 50);
    unsigned quantity = (unsigned)(draw(g) % 5 + 1);
    // The reference evaluates the four picks of its printf from the last to the first.
    const char *method = methods[draw(g) % 6];
    const char *status = statuses[draw(g) % 10];
    const char *type = types[draw(g) % 5];
    const char *currency = currencies[draw(g) % 5];
    out->n = snprintf(
        out->value, sizeof out->value,
        "{\"transaction_id\":\"T%07ld\",\"timestamp\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\","
        "\"user_id\":\"U%u\",\"user_name\":\"%s %s\",\"product_id\":\"P%u\",\"amount\":%u.%02u,"
        "\"currency\":\"%s\",\"transaction_type\":\"%s\",\"status\":\"%s\",\"location\":{\"city\":"
        "\"%s\","
        "\"country\":\"%s\"},\"payment_method\":\"%s\",\"product\":{\"category\":\"%s\","
        "\"quantity\":%u}}",
        g->next + 1, (int)t.year, t.month, t.day, t.hour, t.minute, t.second, t.ms, user,
        firsts[user % 10], lasts[user / 10 % 10], product, cents / 100, cents % 100, currency, type,
        status, cities[city][0], cities[city][1], method, categories[product % 7], quantity);
    out->key_n = snprintf(out->key, sizeof out->key, "U%u", user);
    g->next++;
}

static rd_kafka_t *gen_producer(void)
{
    const char *const settings[][2] = {{"compression.type", "lz4"},
                                       {"linger.ms", getenv("RATE") ? "2" : "50"},
                                       {"batch.size", "262144"},
                                       {"enable.idempotence", "true"}};
    char why[512];
    const char *bootstrap = getenv("BOOTSTRAP");
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap ? bootstrap : "127.0.0.1:9092", why,
                      sizeof why);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why);
    return rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
}

struct pace {
    struct clock clock;
    long rate; // 0 = as fast as possible
    int64_t start_ms;
};

static int64_t pace_wait(const struct pace *p, long i)
{
    int64_t due = p->start_ms + i * 1000 / p->rate;
    int64_t left = due - p->clock.now_ms(p->clock.arg);
    if (left > 0)
        p->clock.sleep_ms(p->clock.arg, left);
    return due;
}

static void gen_send(rd_kafka_t *rk, const char *topic, const struct record *r, int64_t timestamp)
{
    while (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
                             RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_VALUE((void *)(uintptr_t)r->value, (size_t)r->n),
                             RD_KAFKA_V_KEY((void *)(uintptr_t)r->key, (size_t)r->key_n),
                             RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_END))
        rd_kafka_poll(rk, 50);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: gen COUNT TOPIC|- [FILE.ndjson]\n");
        return 2;
    }
    struct gen g = {88172645463325252ULL, 0, strtol(argv[1], NULL, 10)};
    rd_kafka_t *rk = strcmp(argv[2], "-") != 0 ? gen_producer() : NULL;
    FILE *file = argc > 3 ? fopen(argv[3], "w") : NULL;
    struct record r;
    const char *rate = getenv("RATE");
    struct pace pace = {clock_system(), rate ? strtol(rate, NULL, 10) : 0, 0};
    pace.start_ms = pace.clock.now_ms(pace.clock.arg);
    if (pace.rate) {
        printf("%lld\n", (long long)pace.start_ms);
        fflush(stdout);
    }
    while (g.next < g.count) {
        gen_record(&g, &r);
        if (file)
            fprintf(file, "%s\n", r.value);
        if (rk) {
            gen_send(rk, argv[2], &r, pace.rate ? pace_wait(&pace, g.next - 1) : 0);
            if (pace.rate || (g.next & 1023) == 0)
                rd_kafka_poll(rk, 0);
        }
    }
    int left = 0;
    if (rk) {
        rd_kafka_flush(rk, 60000);
        left = rd_kafka_outq_len(rk);
        rd_kafka_destroy(rk);
    }
    if (file && fclose(file) != 0)
        left++;
    return left == 0 ? 0 : 1;
}
