#include "orchestrator/demo/generate.h"

#include "base/clock.h"
#include "base/vec.h"
#include "schema/text.h"

#include <assert.h>

enum {
    GENERATE_ID_REPEAT = 10, // every tenth record re-emits an id
    GENERATE_STEP_MS = 1800, // between record timestamps
    GENERATE_THREADS = 5,
    GENERATE_BACK_S = 2592000, // events lie up to 30 days before the first record
};
#define GENERATE_BASE_MS 1761638400000LL // 2025-10-28T08:00:00Z

static const char *const names[] = {"Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia",
                                    "Liam",  "Olivia",  "Noah",     "Emma",  "Sofia", "Zoey",
                                    "Ethan", "Nguyen",  "Lee",      "Hall"};
static const char *const currencies[] = {"USD", "EUR", "GBP", "CAD", "JPY", "AUD"};
static const char *const types[] = {"purchase", "refund", "payment", "withdrawal"};
static const char *const statuses[] = {"completed", "pending", "failed", "processing", "cancelled"};
static const char *const methods[] = {"credit_card", "paypal",     "bank_transfer",
                                      "apple_pay",   "google_pay", "cryptocurrency"};
static const char *const categories[] = {"electronics", "clothing", "books", "home_goods", "food"};
static const char *const systems[] = {"Windows", "MacOS", "Linux", "Android", "iOS"};
static const char *const browsers[] = {"Chrome", "Firefox", "Safari", "Edge"};

static const struct {
    const char *name;
    const char *cities[5];
} countries[] = {
    {"USA", {"New York", "Los Angeles", "Chicago", "Houston", "Phoenix"}},
    {"Canada", {"Toronto", "Montreal", "Vancouver", "Calgary", "Ottawa"}},
    {"UK", {"London", "Birmingham", "Manchester", "Glasgow", "Liverpool"}},
    {"Germany", {"Berlin", "Hamburg", "Munich", "Cologne", "Frankfurt"}},
    {"France", {"Paris", "Marseille", "Lyon", "Toulouse", "Nice"}},
    {"Japan", {"Tokyo", "Osaka", "Kyoto", "Yokohama", "Nagoya"}},
    {"Australia", {"Sydney", "Melbourne", "Brisbane", "Perth", "Adelaide"}},
    {"Brazil", {"São Paulo", "Rio de Janeiro", "Brasília", "Salvador", "Fortaleza"}},
    {"India", {"Mumbai", "Delhi", "Bangalore", "Hyderabad", "Chennai"}},
    {"China", {"Shanghai", "Beijing", "Guangzhou", "Shenzhen", "Hangzhou"}},
};

struct generator {
    uint64_t state;
    uint64_t next;     // record number
    VEC(uint32_t) ids; // issued so far
};

struct generator *generator_new(uint64_t seed)
{
    struct generator *s = mem_zalloc(sizeof *s);
    s->state = seed;
    return s;
}

void generator_free(struct generator *s)
{
    vec_fini(&s->ids);
    mem_free(s);
}

// SplitMix64 (Steele, Lea, Flood 2014).
static uint64_t draw(struct generator *s)
{
    s->state += 0x9E3779B97F4A7C15ULL;
    uint64_t z = s->state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static unsigned draw_int(struct generator *s, unsigned from, unsigned to)
{
    return from + (unsigned)(draw(s) % (to - from + 1));
}

#define DRAW_PICK(s, list) ((list)[draw_int((s), 0, sizeof(list) / sizeof((list)[0]) - 1)])

static uint32_t draw_id(struct generator *s)
{
    if (s->next % GENERATE_ID_REPEAT == GENERATE_ID_REPEAT - 1)
        return s->ids.v[draw(s) % s->ids.n];
    uint32_t id = (uint32_t)(draw(s) >> 32);
    vec_push(&s->ids, id);
    return id;
}

static void put_amount(struct buf *out, unsigned cents)
{
    text_double(out, (double)cents / 100);
}

static void put_event_time(struct buf *out, unsigned back_s, unsigned us)
{
    struct civil t = civil_from_ms(GENERATE_BASE_MS - (int64_t)back_s * 1000);
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", (int)t.year, t.month, t.day, t.hour,
               t.minute, t.second, us);
}

static void put_user(struct generator *s, struct buf *out, unsigned *cents)
{
    buf_printf(out, "{\"transaction_id\":\"TXN-%08x\",\"timestamp\":\"", draw_id(s));
    unsigned back = (unsigned)(draw(s) % (GENERATE_BACK_S + 1));
    put_event_time(out, back, (unsigned)(draw(s) % 1000000));
    buf_printf(out, "\",\"user_id\":\"USER-%u\"", draw_int(s, 1000, 9999));
    buf_printf(out, ",\"user_name\":\"%s\"", DRAW_PICK(s, names));
    buf_printf(out, ",\"product_id\":\"PROD-%u\",\"amount\":", draw_int(s, 100, 999));
    *cents = draw_int(s, 1000, 100000);
    put_amount(out, *cents);
}

static void put_address(struct generator *s, struct buf *out, const char *city, const char *country)
{
    unsigned street = draw_int(s, 100, 999), zip = draw_int(s, 10000, 99999);
    buf_printf(out,
               ",\"shipping_address\":{\"street\":\"%u Main "
               "St\",\"zip\":\"%u\",\"city\":\"%s\",\"country\":\"%s\"}",
               street, zip, city, country);
}

static void put_device(struct generator *s, struct buf *out)
{
    const char *os = DRAW_PICK(s, systems), *browser = DRAW_PICK(s, browsers);
    buf_printf(out, ",\"device_info\":{\"os\":\"%s\",\"browser\":\"%s\",\"ip_address\":\"", os,
               browser);
    for (int i = 0; i < 4; i++)
        buf_printf(out, "%s%u", i ? "." : "", draw_int(s, 1, 255));
    buf_text(out, "\"}");
}

static void put_optional(struct generator *s, struct buf *out)
{
    unsigned rating = draw_int(s, 1, 5);
    if (draw(s) & 1)
        buf_printf(out, ",\"customer_rating\":%u", rating);
    else
        buf_text(out, ",\"customer_rating\":null");
    unsigned discount = draw_int(s, 100, 999);
    if (draw(s) & 1)
        buf_printf(out, ",\"discount_code\":\"DISCOUNT-%u\"", discount);
    else
        buf_text(out, ",\"discount_code\":null");
}

void generator_next(struct generator *s, struct buf *out, int64_t *timestamp)
{
    unsigned cents;
    put_user(s, out, &cents);
    buf_printf(out, ",\"currency\":\"%s\"", DRAW_PICK(s, currencies));
    buf_printf(out, ",\"transaction_type\":\"%s\"", DRAW_PICK(s, types));
    unsigned status = draw_int(s, 0, 4), country = draw_int(s, 0, 9);
    const char *city = countries[country].cities[draw_int(s, 0, 4)];
    buf_printf(out, ",\"status\":\"%s\",\"location\":{\"city\":\"%s\",\"country\":\"%s\"}",
               statuses[status], city, countries[country].name);
    buf_printf(out, ",\"payment_method\":\"%s\"", DRAW_PICK(s, methods));
    buf_printf(out, ",\"product_category\":\"%s\"", DRAW_PICK(s, categories));
    buf_printf(out, ",\"quantity\":%u", draw_int(s, 1, 10));
    put_address(s, out, city, countries[country].name);
    put_device(s, out);
    put_optional(s, out);
    unsigned per_mille = draw_int(s, 50, 200);
    buf_text(out, ",\"tax_amount\":");
    put_amount(out, status == 0 ? cents * per_mille / 1000 : 0);
    int64_t at = GENERATE_BASE_MS + GENERATE_STEP_MS * (int64_t)s->next;
    struct civil t = civil_from_ms(at);
    buf_printf(out,
               ",\"thread\":%llu,\"message_number\":%llu,\"timestamp_of_reception_log\":\"%02d/"
               "%02d/%04d %02d:%02d:%02d\"}",
               (unsigned long long)(s->next % GENERATE_THREADS),
               (unsigned long long)(s->next / GENERATE_THREADS), t.day, t.month, (int)t.year,
               t.hour, t.minute, t.second);
    *timestamp = at;
    s->next++;
}
