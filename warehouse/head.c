// Reading, comparing and printing rows of sluice_heads; declared in warehouse/upsert.h.
#include "warehouse/upsert.h"

#include "base/clock.h"
#include "base/hash.h"

#include <assert.h>
#include <stdio.h>

bool head_parse(struct head *out, const struct str texts[4], struct err *e)
{
    *out = (struct head){0};
    if (!str_to_u64(&out->batch, texts[0]) || !hash_from_hex(&out->digest, texts[1]) ||
        !hash_from_hex(&out->prev, texts[2])) {
        err_fail(e, ERR_DATA, SINK_HEADS_TABLE ": batch %.*s, digest %.*s: not what Sluice writes",
                 STR_ARG(texts[0]), STR_ARG(texts[1]));
        return err_hint(e, "restore the row: see the recovery handbook, \"damaged head\"");
    }
    const struct str plan = str_slice(texts[3], 0, sizeof out->plan - 1);
    if (plan.n)
        memcpy(out->plan, plan.p, plan.n);
    return true;
}

bool head_lost_table(const struct head *held, const struct sink_spec *spec, struct err *e)
{
    if (held->batch == 0 || spec->create == SINK_CREATE_AGAIN)
        return true;
    err_fail(e, ERR_BEHIND,
             "table %.*s does not exist any more, but batch %llu was delivered to it",
             STR_ARG(spec->table), (unsigned long long)held->batch);
    return err_hint(e, "restore the table; or sluice job resync %s %s creates and fills it",
                    spec->job, spec->output);
}

enum head_state head_compare(const struct head *held, const struct commit_step *step)
{
    assert(step->batch > step->prev_batch);
    if (held->batch == step->batch && held->digest == step->digest)
        return HEAD_REPLAY;
    if (held->batch == step->prev_batch && held->digest == step->prev_digest)
        return HEAD_NEXT;
    // Our previous batch with another digest was written by someone else: as bad as a later one.
    return held->batch < step->prev_batch ? HEAD_OLDER : HEAD_OTHER;
}

void head_print(struct head_texts *out, const struct commit_step *step)
{
    *out = (struct head_texts){0};
    hash_hex(out->digest, step->digest);
    hash_hex(out->prev, step->prev_digest);
    const char *plan = step->plan ? step->plan : "";
    size_t n = strlen(plan);
    if (n >= sizeof out->plan) {
        n = sizeof out->plan - 1;
        while (n && ((unsigned char)plan[n] & 0xC0) == 0x80)
            n--; // never half a character
    }
    memcpy(out->plan, plan, n);
    const struct civil t = civil_from_ms(step->now_ms);
    assert(t.year >= 1 && t.year <= 9999);
    snprintf(out->updated_at, sizeof out->updated_at, "%04d-%02d-%02d %02d:%02d:%02d.%03d",
             (int)t.year, t.month, t.day, t.hour, t.minute, t.second, t.ms);
}
