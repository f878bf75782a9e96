#include "orchestrator/cli/commands.h"
#include "orchestrator/demo/generate.h"

static bool demo_generate(struct cli *c, struct err *e)
{
    const char *brokers = cli_opt(c, "brokers"), *topic = cli_opt(c, "topic");
    struct generate_spec spec = {.brokers = brokers ? brokers : "127.0.0.1:9092",
                                 .topic = topic ? topic : "transaction_log"};
    uint64_t partitions;
    if (!cli_opt_u64(&spec.seed, c, "seed", GENERATE_SEED, e) ||
        !cli_opt_u64(&spec.first, c, "first", 0, e) ||
        !cli_opt_u64(&spec.count, c, "count", GENERATE_COUNT, e) ||
        !cli_opt_u64(&partitions, c, "partitions", GENERATE_PARTITIONS, e))
        return false;
    if (partitions == 0 || partitions > 10000)
        return cli_usage(c, e, "--partitions: %llu is not between 1 and 10000",
                         (unsigned long long)partitions);
    spec.partitions = (int32_t)partitions;
    if (!generate_produce(&spec, e))
        return false;
    struct buf out;
    buf_init(&out, 4096);
    buf_printf(&out, "%s records to topic %s at %s\n", cli_count(c->a, spec.count), spec.topic,
               spec.brokers);
    bool ok = cli_print(&out, e);
    buf_fini(&out);
    return ok;
}

static const struct cli_opt demo_generate_opts[] = {
    {"brokers", "HOST:PORT", "the broker (default 127.0.0.1:9092)"},
    {"topic", "NAME", "created when absent (default transaction_log)"},
    {"count", "N", "how many records (default 1000)"},
    {"first", "N", "number of the first record (default 0)"},
    {"seed", "N", "of the generator (default 42)"},
    {"partitions", "N", "of a topic that is created (default 4)"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_demo_generate = {
    .name = "demo generate",
    .args = "",
    .summary = "Produce deterministic transactions to a real broker: the same records for the same "
               "seed, always.",
    .opts = demo_generate_opts,
    .run = demo_generate,
    .examples = "  sluice demo generate --count 5000 --topic transaction_log\n"
                "  sluice demo generate --first 5000 --count 5000 --brokers kafka:9092\n",
};
