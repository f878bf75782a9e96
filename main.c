// Entry point of ./sluice; everything else is in the library so that tests link what ships.
#include "orchestrator/cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
