// The option table of schema_registry.
#include "jobs/spec/spec_internal.h"

#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OPT(type_, field, key_, kind) \
    .key = (key_), .type = (kind), .offset = offsetof(struct type_, field)

// User and password stand beside the URL: in it they would get into messages.
static bool parse_registry_url(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    struct registry_spec *out = field;
    struct str v;
    if (!conf_scalar(r, &v, n))
        return false;
    const size_t head = str_starts(v, STR("https://")) ? 8 : str_starts(v, STR("http://")) ? 7 : 0;
    if (head == 0 || v.n == head)
        return conf_fail(r, n, "as in http://registry:8081", "url is not an http(s) URL");
    for (size_t i = head; i < v.n && v.p[i] != '/'; i++) {
        if (v.p[i] != '@')
            continue;
        conf_display(r, STR("***"));
        return conf_fail(r, n, "set user and password beside url",
                         "the URL of the schema registry has a user in it");
    }
    out->url = v;
    return true;
}

static bool parse_password(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    struct registry_spec *out = field;
    struct str v;
    if (!conf_scalar(r, &v, n))
        return false;
    if (!secret_has_reference(n->text))
        conf_display(r, STR("***"));
    out->password = secret_from(v);
    return true;
}

static const struct conf_opt registry_opts[] = {
    {.key = "url",
     .type = CONF_CUSTOM,
     .flags = CONF_REQUIRED,
     .parse = parse_registry_url,
     .kind = "URL",
     .env = "SLUICE_SCHEMA_REGISTRY_URL",
     .help = "Where it is, http:// or https://; with the path in front of `/subjects`, if any."},
    {OPT(registry_spec, user, "user", CONF_TEXT), .help = "User for HTTP basic authentication."},
    {.key = "password",
     .type = CONF_CUSTOM,
     .parse = parse_password,
     .kind = "text",
     .help = "Password of the user; `${env:NAME}` and `${file:PATH}` are put in."},
    {OPT(registry_spec, ca_file, "ca_file", CONF_PATH),
     .help = "Certificates (PEM) that sign the registry's; without it the system's."},
    {OPT(registry_spec, cert_file, "cert_file", CONF_PATH),
     .help = "Certificate (PEM) that the client shows."},
    {OPT(registry_spec, key_file, "key_file", CONF_PATH), .help = "Its private key (PEM)."},
    {OPT(registry_spec, verify, "verify", CONF_BOOL), .def = "true",
     .help = "Check the registry's certificate and name."},
    {OPT(registry_spec, timeout_ms, "timeout", CONF_DURATION), .def = "10s", .min = 100,
     .max = INT64_C(600000), .help = "Longest time of one request; three are tried."},
};
const struct conf_table spec_registry_table = {
    .name = "schema_registry",
    .help = "The schema registry (Confluent's API) of the formats AVRO, PROTOBUF and JSON_SR.",
    .opts = registry_opts,
    .count = COUNT(registry_opts),
    .bytes = sizeof(struct registry_spec),
    .at_offset = offsetof(struct registry_spec, at),
};
