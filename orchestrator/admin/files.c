#include "orchestrator/admin/files.h"

// The assembler reads the files as they are; the Makefile says which, so that a change rebuilds this object. A NUL ends each.
// NOLINTBEGIN(bugprone-macro-parentheses): a name and a literal to be joined
#define FILES_TEXT(symbol, path)                                                                 \
    __asm__(".pushsection .rodata\n" #symbol ":\n.incbin \"" path "\"\n.byte 0\n.popsection\n"); \
    extern const char symbol[]
// NOLINTEND(bugprone-macro-parentheses)

FILES_TEXT(admin_files_page, "orchestrator/admin/page/index.html");
FILES_TEXT(admin_files_style, "orchestrator/admin/page/page.css");
FILES_TEXT(admin_files_script, "orchestrator/admin/page/page.js");
FILES_TEXT(admin_files_plots, "orchestrator/admin/page/plots.js");

bool admin_files_find(struct admin_file *out, const char *path)
{
    const struct admin_file files[] = {
        {"/", "text/html; charset=utf-8", str_from(admin_files_page)},
        {"/page.css", "text/css; charset=utf-8", str_from(admin_files_style)},
        {"/page.js", "text/javascript; charset=utf-8", str_from(admin_files_script)},
        {"/plots.js", "text/javascript; charset=utf-8", str_from(admin_files_plots)},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(files[i].path, path) == 0) {
            *out = files[i];
            return true;
        }
    }
    return false;
}
