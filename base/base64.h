// Base64 (RFC 4648 section 4) of bytes. Pure functions, any thread. Encoding always pads; the two readers that
// ksqlDB goes through differ in what they let pass, so decoding names the form. Neither looks at the unused low
// bits of a last digit.
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/arena.h"
#include "base/buf.h"

enum base64_form {
    BASE64_COMPACT, // java.util.Base64: no blanks, "=" only at the end and it may be missing
    BASE64_PADDED, // Jackson: whole quartets, blanks and control characters between them are skipped
};

void base64_encode(struct buf *out, struct str bytes);
// False: text is malformed, *out is untouched.
bool base64_decode(struct str *out, struct arena *a, struct str text, enum base64_form form);

#endif
