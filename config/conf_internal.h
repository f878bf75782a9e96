// What config/conf.c (reading) and config/conf_print.c (showing) share. Not for others.
#ifndef CONFIG_CONF_INTERNAL_H
#define CONFIG_CONF_INTERNAL_H

#include "base/vec.h"
#include "config/conf.h"

// One effective setting, as shown.
struct conf_setting {
    struct str path, text, origin;
};

struct conf_reader {
    struct arena *a;
    const struct conf_spec *spec;
    struct conf_errors *errors;
    bool *override_used;
    struct str path;    // of the value being parsed
    const char *origin; // "SLUICE_STATE", "--set" of a value that is not from the file; else NULL
    struct str display; // given by a hook; p NULL = none
    VEC(struct conf_setting) settings;
};

struct conf_at conf_at_of(const struct yaml_node *n); // n may be NULL
bool conf_value_scalar(struct conf_reader *r, const struct conf_opt *o, void *field,
                       const struct yaml_node *n);
bool conf_value_texts(struct conf_reader *r, const struct conf_opt *o, struct conf_texts *out,
                      const struct yaml_node *n);
const char *conf_type_text(struct arena *a, const struct conf_opt *o);

#endif
