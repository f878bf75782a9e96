#include "schema/registry/registry_http.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"

#include <assert.h>
#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>

#define BACKOFF_MS     200
#define CONNECT_MS_MAX 5000
#define URL_MAX        4096
#define ACCEPT         "Accept: application/vnd.schemaregistry.v1+json, application/json"
#define CONTENT        "Content-Type: application/vnd.schemaregistry.v1+json"

struct known {
    int32_t id;
    const struct registry_schema *schema; // NULL: there was none at `asked_ms`
    int64_t asked_ms;
};

struct http {
    struct registry base;
    struct registry_http_spec spec;
    struct arena *a; // schemas; under the lock
    pthread_mutex_t lock;
    CURL *curl;
    struct curl_slist *headers;
    struct map *by_id; // → index in known
    VEC(struct known) known;
};

struct answer {
    long status;
    json_t *body; // NULL: none, or no JSON
};

static struct http *from_base(struct registry *s)
{
    assert(s);
    return (struct http *)s; // base is the first member
}

// --- one request -------------------------------------------------------------------------------------

static size_t take(char *p, size_t size, size_t n, void *arg)
{
    struct buf *out = arg;
    buf_put(out, p, size * n);
    return out->failed ? 0 : size * n;
}

// Everything but the path and the body is the same for all requests.
static void prepare(struct http *s, const char *url, const char *body, struct buf *out, char *error)
{
    CURL *c = s->curl;
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)s->spec.timeout_ms);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS_MAX);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, s->headers);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "sluice");
    if (s->spec.user.n) {
        curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(c, CURLOPT_USERNAME, s->spec.user.p);
        curl_easy_setopt(c, CURLOPT_PASSWORD, s->spec.password.n ? s->spec.password.p : "");
    }
    if (s->spec.ca_file.n)
        curl_easy_setopt(c, CURLOPT_CAINFO, s->spec.ca_file.p);
    if (s->spec.cert_file.n)
        curl_easy_setopt(c, CURLOPT_SSLCERT, s->spec.cert_file.p);
    if (s->spec.key_file.n)
        curl_easy_setopt(c, CURLOPT_SSLKEY, s->spec.key_file.p);
    if (s->spec.verify == REGISTRY_NO_VERIFY) {
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (body)
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
}

static bool unreachable(const struct http *s, const char *why, struct err *e)
{
    (void)err_fail(e, ERR_REMOTE, "schema registry %.*s: %s", STR_ARG(s->spec.url), why);
    return err_remedy(e, REMEDY_RETRY_RUN);
}

// Certificates and protocols do not get right by waiting.
static bool is_final(CURLcode code)
{
    return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_PEER_FAILED_VERIFICATION ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_WRITE_ERROR;
}

static bool once(struct answer *out, struct http *s, const char *url, const char *body,
                 struct err *e)
{
    char text[CURL_ERROR_SIZE] = "";
    struct buf bytes;
    json_error_t parse;
    buf_init(&bytes, REGISTRY_ANSWER_MAX);
    prepare(s, url, body, &bytes, text);
    const CURLcode code = curl_easy_perform(s->curl);
    bool ok = code == CURLE_OK;
    *out = (struct answer){0};
    if (ok) {
        curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &out->status);
        out->body = json_loadb(bytes.p ? bytes.p : "", bytes.n, JSON_DECODE_ANY, &parse);
    } else {
        ok = unreachable(s,
                         bytes.failed ? "the answer is too long"
                         : text[0]    ? text
                                      : curl_easy_strerror(code),
                         e);
        if (is_final(code)) {
            e->kind = ERR_CONFIG;
            e->remedy = REMEDY_FATAL;
        }
    }
    buf_fini(&bytes);
    return ok;
}

static bool is_passing(const struct answer *r)
{
    return r->status >= 500 || r->status == 429;
}

static bool request(struct answer *out, struct http *s, const char *url, const char *body,
                    struct err *e)
{
    for (int i = 0;; i++) {
        const bool ok = once(out, s, url, body, e);
        if (ok && !is_passing(out))
            return true;
        if (!ok && e->kind != ERR_REMOTE)
            return false;
        if (i + 1 == REGISTRY_ATTEMPTS) {
            char why[64];
            snprintf(why, sizeof why, "HTTP status %ld", ok ? out->status : 0);
            json_decref(ok ? out->body : NULL);
            return ok ? unreachable(s, why, e) : false;
        }
        if (ok)
            json_decref(out->body);
        s->spec.clock.sleep_ms(s->spec.clock.arg, (int64_t)BACKOFF_MS << (2 * i));
    }
}

// An answer that is none of those expected.
static bool refused(const struct http *s, const struct answer *r, const char *what, struct err *e)
{
    const char *text = json_string_value(json_object_get(r->body, "message"));
    const bool denied = r->status == 401 || r->status == 403;
    (void)err_fail(e, ERR_CONFIG, "schema registry %.*s: %s: HTTP status %ld%s%.200s",
                   STR_ARG(s->spec.url), what, r->status, text ? ": " : "", text ? text : "");
    if (denied)
        err_hint(e, "check user and password of schema_registry");
    return false;
}

// --- answers -----------------------------------------------------------------------------------------

static struct str text_of(struct arena *a, const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    return json_is_string(v)
               ? arena_str(a, (struct str){json_string_value(v), json_string_length(v)})
               : STR_NONE;
}

static int32_t int_of(const json_t *j, const char *key)
{
    const json_int_t v = json_integer_value(json_object_get(j, key));
    return v > 0 && v <= INT32_MAX ? (int32_t)v : 0;
}

static bool kind_of(enum registry_kind *out, struct str name)
{
    *out = REGISTRY_AVRO; // not given: Avro
    if (str_eq(name, STR("PROTOBUF")))
        *out = REGISTRY_PROTOBUF;
    else if (str_eq(name, STR("JSON")))
        *out = REGISTRY_JSON;
    return !name.p || *out != REGISTRY_AVRO || str_eq(name, STR("AVRO"));
}

static bool read_schema(const struct registry_schema **out, struct http *s, const json_t *j,
                        struct err *e)
{
    struct registry_schema *schema = ARENA_NEW(s->a, struct registry_schema);
    const json_t *references = json_object_get(j, "references");
    const size_t n = json_array_size(references);
    struct registry_reference *list = ARENA_ARRAY(s->a, struct registry_reference, n + 1);
    const struct str kind = text_of(s->a, j, "schemaType");
    schema->text = text_of(s->a, j, "schema");
    schema->id = int_of(j, "id");
    schema->version = int_of(j, "version");
    if (!schema->text.p || !kind_of(&schema->kind, kind))
        return err_fail(e, ERR_DATA,
                        "schema registry %.*s: an answer without a schema, or of the "
                        "unknown type \"%.*s\"",
                        STR_ARG(s->spec.url), STR_ARG(kind));
    for (size_t i = 0; i < n; i++) {
        const json_t *r = json_array_get(references, i);
        list[i] = (struct registry_reference){text_of(s->a, r, "name"), text_of(s->a, r, "subject"),
                                              int_of(r, "version")};
    }
    schema->references = list;
    schema->reference_count = n;
    *out = schema;
    return true;
}

// GET url. The schema's id is set when the answer has it.
static enum registry_answer get(const struct registry_schema **out, struct http *s, const char *url,
                                const char *what, struct err *e)
{
    struct answer r;
    enum registry_answer answer = REGISTRY_FAILED;
    if (!request(&r, s, url, NULL, e))
        return REGISTRY_FAILED;
    if (r.status == 404)
        answer = REGISTRY_ABSENT;
    else if (r.status != 200)
        (void)refused(s, &r, what, e);
    else if (read_schema(out, s, r.body, e))
        answer = REGISTRY_FOUND;
    json_decref(r.body);
    return answer;
}

static struct known *find_known(struct http *s, int32_t id)
{
    bool added;
    const struct str key = {(const char *)&id, sizeof id};
    uint64_t *at = map_put(s->by_id, key, &added);
    if (added) {
        const struct known fresh = {.id = id};
        *at = s->known.n;
        vec_push(&s->known, fresh);
    }
    return &s->known.v[*at];
}

// Under the lock.
static enum registry_answer ask_id(struct http *s, const struct registry_schema **out, int32_t id,
                                   struct err *e)
{
    char url[URL_MAX];
    struct known *known = find_known(s, id);
    const int64_t now = s->spec.clock.mono_ms(s->spec.clock.arg);
    const struct registry_schema *found;
    if (!known->schema && known->asked_ms && now - known->asked_ms < REGISTRY_ABSENT_MS)
        return REGISTRY_ABSENT;
    if (!known->schema) {
        snprintf(url, sizeof url, "%.*s/schemas/ids/%d", STR_ARG(s->spec.url), (int)id);
        const enum registry_answer answer = get(&found, s, url, "schema by id", e);
        known->asked_ms = now ? now : 1;
        if (answer != REGISTRY_FOUND)
            return answer;
        struct registry_schema *own = ARENA_NEW(s->a, struct registry_schema);
        *own = *found;
        own->id = id;
        known->schema = own;
    }
    *out = known->schema;
    return REGISTRY_FOUND;
}

static enum registry_answer http_by_id(struct registry *base, const struct registry_schema **out,
                                       int32_t id, struct err *e)
{
    struct http *s = from_base(base);
    if (id <= 0)
        return REGISTRY_ABSENT;
    pthread_mutex_lock(&s->lock);
    const enum registry_answer answer = ask_id(s, out, id, e);
    pthread_mutex_unlock(&s->lock);
    return answer;
}

static bool subject_url(char url[URL_MAX], struct http *s, struct str subject, const char *rest,
                        struct err *e)
{
    char *escaped = curl_easy_escape(s->curl, subject.p, (int)subject.n);
    const int n = snprintf(url, URL_MAX, "%.*s/subjects/%s%s", STR_ARG(s->spec.url),
                           escaped ? escaped : "", rest);
    curl_free(escaped);
    return (n > 0 && n < URL_MAX) || err_fail(e, ERR_LIMIT, "subject %.*s is too long for a URL",
                                              (int)(subject.n < 100 ? subject.n : 100), subject.p);
}

static enum registry_answer http_by_subject(struct registry *base,
                                            const struct registry_schema **out, struct str subject,
                                            int32_t version, struct err *e)
{
    struct http *s = from_base(base);
    char url[URL_MAX], rest[64];
    enum registry_answer answer = REGISTRY_FAILED;
    if (version == REGISTRY_LATEST)
        snprintf(rest, sizeof rest, "/versions/latest");
    else
        snprintf(rest, sizeof rest, "/versions/%d", (int)version);
    pthread_mutex_lock(&s->lock);
    if (subject_url(url, s, subject, rest, e))
        answer = get(out, s, url, "schema by subject", e);
    pthread_mutex_unlock(&s->lock);
    return answer;
}

// --- registering -------------------------------------------------------------------------------------

static char *body_of(const struct registry_schema *schema)
{
    json_t *references = json_array();
    for (size_t i = 0; i < schema->reference_count; i++) {
        const struct registry_reference *r = &schema->references[i];
        json_array_append_new(references,
                              json_pack("{s:s%,s:s%,s:i}", "name", r->name.p, r->name.n, "subject",
                                        r->subject.p, r->subject.n, "version", (int)r->version));
    }
    json_t *j = json_pack("{s:s%}", "schema", schema->text.p, schema->text.n);
    if (schema->kind != REGISTRY_AVRO) // what old registries take
        json_object_set_new(j, "schemaType", json_string(registry_kind_name(schema->kind)));
    if (schema->reference_count)
        json_object_set(j, "references", references);
    char *text = json_dumps(j, JSON_COMPACT);
    json_decref(references);
    json_decref(j);
    return text;
}

static bool put(struct http *s, int32_t *id, struct str subject, const char *body, struct err *e)
{
    char url[URL_MAX];
    struct answer r;
    bool ok = false;
    if (!subject_url(url, s, subject, "/versions", e) || !request(&r, s, url, body, e))
        return false;
    *id = int_of(r.body, "id");
    if (r.status == 200 && *id)
        ok = true;
    else if (r.status == 409)
        (void)err_fail(e, ERR_CONFIG,
                       "the schema for subject %.*s is not compatible with the "
                       "registered one: %.300s",
                       STR_ARG(subject), json_string_value(json_object_get(r.body, "message")));
    else
        (void)refused(s, &r, "registering a schema", e);
    json_decref(r.body);
    return ok;
}

static bool http_put(struct registry *base, int32_t *id, struct str subject,
                     const struct registry_schema *schema, struct err *e)
{
    struct http *s = from_base(base);
    void (*release)(void *);
    char *body = body_of(schema);
    if (!body)
        return err_fail(e, ERR_DATA, "the schema for subject %.*s is no valid UTF-8",
                        STR_ARG(subject));
    pthread_mutex_lock(&s->lock);
    const bool ok = put(s, id, subject, body, e);
    pthread_mutex_unlock(&s->lock);
    json_get_alloc_funcs(NULL, &release);
    release(body);
    return ok;
}

static const struct registry_type http_type = {
    .by_id = http_by_id,
    .by_subject = http_by_subject,
    .put = http_put,
};

// --- opening -----------------------------------------------------------------------------------------

static void http_free(void *arg)
{
    struct http *s = arg;
    curl_easy_cleanup(s->curl);
    curl_slist_free_all(s->headers);
    vec_fini(&s->known);
    pthread_mutex_destroy(&s->lock);
    curl_global_cleanup();
}

static void copy_spec(struct http *s, struct arena *a, const struct registry_http_spec *spec)
{
    struct registry_http_spec *own = &s->spec;
    *own = *spec;
    own->url = arena_str(a, spec->url);
    while (own->url.n && own->url.p[own->url.n - 1] == '/')
        own->url.n--;
    own->user = arena_str(a, spec->user);
    own->password = arena_str(a, spec->password);
    own->ca_file = arena_str(a, spec->ca_file);
    own->cert_file = arena_str(a, spec->cert_file);
    own->key_file = arena_str(a, spec->key_file);
}

bool registry_http_new(struct registry **out, struct arena *a,
                       const struct registry_http_spec *spec, struct err *e)
{
    struct http *s = ARENA_NEW(a, struct http);
    assert(spec->url.n && spec->timeout_ms > 0);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_fail(e, ERR_IO, "libcurl cannot be set up");
    s->base.type = &http_type;
    s->a = arena_new(a);
    s->by_id = map_new(s->a);
    copy_spec(s, s->a, spec);
    pthread_mutex_init(&s->lock, NULL);
    s->curl = curl_easy_init();
    s->headers = curl_slist_append(curl_slist_append(NULL, ACCEPT), CONTENT);
    arena_on_free(a, http_free, s);
    *out = &s->base;
    return (s->curl && s->headers) || err_fail(e, ERR_IO, "libcurl cannot be set up");
}
