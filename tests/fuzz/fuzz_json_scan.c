// The JSON reader of the SQL functions: what it accepts is printed compactly, and that text is accepted and printed the same.
#include "sql/exec/json_scan.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_value v;
    bool empty;
    struct buf once;
    struct buf twice;
    if (!json_scan(&v, &empty, (struct str){(const char *)data, size}))
        return 0;
    buf_init(&once, (size_t)64 << 20);
    buf_init(&twice, (size_t)64 << 20);
    json_put_value(&once, &v);
    assert(!once.failed);
    assert(json_scan(&v, &empty, buf_view(&once)) && v.text.n == once.n);
    json_put_value(&twice, &v);
    assert(str_eq(buf_view(&once), buf_view(&twice)));
    buf_fini(&once);
    buf_fini(&twice);
    return 0;
}
