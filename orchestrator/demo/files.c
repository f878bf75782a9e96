#include "orchestrator/demo/files.h"

// The assembler reads the files as they are; the Makefile says which, so that a change rebuilds this object. A NUL ends each.
// NOLINTBEGIN(bugprone-macro-parentheses): a name and a literal to be joined
#define FILES_TEXT(symbol, path)                                                                 \
    __asm__(".pushsection .rodata\n" #symbol ":\n.incbin \"" path "\"\n.byte 0\n.popsection\n"); \
    extern const char symbol[]
// NOLINTEND(bugprone-macro-parentheses)

FILES_TEXT(demo_files_config_text, "orchestrator/demo/sluice.yaml");
FILES_TEXT(demo_files_sql_text, "examples/transactions/sql/transactions.sql");

struct str demo_files_config(void)
{
    return str_from(demo_files_config_text);
}

struct str demo_files_sql(void)
{
    return str_from(demo_files_sql_text);
}
