#include "warehouse/params.h"

#include <assert.h>

static const struct warehouse_param *find(const struct warehouse_param *params, size_t count,
                                          struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(name, str_from(params[i].name)))
            return &params[i];
    }
    return NULL;
}

static bool unknown(const struct warehouse_param *params, size_t count,
                    const struct warehouse_url *url, struct str name, struct err *e)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (str_distance(name, str_from(params[i].name)) <
            str_distance(name, str_from(params[best].name)))
            best = i;
    }
    err_fail(e, ERR_CONFIG, "%.*s: unknown parameter %.*s", STR_ARG(url->display), STR_ARG(name));
    return count ? err_hint(e, "did you mean %s?", params[best].name) : false;
}

bool warehouse_params(void *settings, const struct warehouse_param *params, size_t count,
                      const struct warehouse_url *url, struct err *e)
{
    assert(settings && url);
    for (size_t i = 0; i < url->param_count; i++) {
        const struct str name = url->params[2 * i], value = url->params[2 * i + 1];
        const struct warehouse_param *p = find(params, count, name);
        if (!p)
            return unknown(params, count, url, name, e);
        void *field = (char *)settings + p->offset;
        if (p->min > p->max) {
            memcpy(field, &value, sizeof value);
            continue;
        }
        int64_t v;
        if (!str_to_i64(&v, value) || v < p->min || v > p->max)
            return err_fail(e, ERR_CONFIG, "%.*s: parameter %s is %.*s, must be %lld to %lld",
                            STR_ARG(url->display), p->name, STR_ARG(value), (long long)p->min,
                            (long long)p->max);
        memcpy(field, &v, sizeof v);
    }
    return true;
}
