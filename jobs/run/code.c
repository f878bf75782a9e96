#include "jobs/run/code.h"

#include "sql/exec/exec.h"

static bool code_control_has(const struct control *c, struct str fingerprint)
{
    for (size_t i = 0; i < c->fingerprint_count; i++)
        if (str_eq(c->fingerprints[i], fingerprint))
            return true;
    return false;
}

static bool code_program_has(const struct program *p, struct str fingerprint)
{
    for (size_t i = 0; i < program_fingerprint_count(p); i++)
        if (str_eq(program_fingerprint(p, i), fingerprint))
            return true;
    return false;
}

// An operator that comes back must not go on from where it was taken out: the records in between are missing there.
static bool code_forget(const struct control *c, const struct program *p, struct kv_txn *t,
                        struct err *e)
{
    for (size_t i = 0; i < c->fingerprint_count; i++)
        if (!code_program_has(p, c->fingerprints[i]) && !exec_forget(t, c->fingerprints[i], e))
            return false;
    for (size_t i = 0; i < program_fingerprint_count(p); i++)
        if (!code_control_has(c, program_fingerprint(p, i)) &&
            !exec_forget(t, program_fingerprint(p, i), e))
            return false;
    return true;
}

bool code_store(struct control *c, const struct program *p, struct kv_txn *t, struct err *e)
{
    bool same = c->fingerprint_count == program_fingerprint_count(p);
    for (size_t i = 0; same && i < c->fingerprint_count; i++)
        same = str_eq(c->fingerprints[i], program_fingerprint(p, i));
    if (same)
        return true;
    if (!code_forget(c, p, t, e))
        return false;
    c->fingerprint_count = program_fingerprint_count(p);
    c->fingerprints = ARENA_ZARRAY(c->a, struct str, c->fingerprint_count + 1);
    for (size_t i = 0; i < c->fingerprint_count; i++)
        c->fingerprints[i] = arena_str(c->a, program_fingerprint(p, i));
    return true;
}
