#include "jobs/run/job_url.h"

#include "jobs/spec/spec_output.h"

void job_url(struct warehouse_url *out, struct arena *a, const struct spec_url *u)
{
    struct str *params = ARENA_ZARRAY(a, struct str, 2 * u->param_count + 1);
    for (size_t i = 0; i < u->param_count; i++) {
        params[2 * i] = u->params[i].name;
        params[2 * i + 1] = secret_reveal(u->params[i].value);
    }
    *out = (struct warehouse_url){
        .scheme = u->scheme,
        .user = u->user,
        .password = secret_reveal(u->password),
        .host = u->host,
        .database = u->database,
        .path = u->path,
        .port = u->port,
        .params = params,
        .param_count = u->param_count,
        .display = u->display,
    };
}

const struct sink_type *job_sink_type(const struct sink_type *const *sinks, struct str scheme)
{
    for (; *sinks; sinks++)
        if (str_eq(str_from((*sinks)->name), scheme))
            return *sinks;
    return NULL;
}
