#include "base/log.h"
#include "control-plane/cli/commands.h"

int main(int argc, char **argv)
{
    struct cp_context context = {0};
    cc_log_init("control-plane", CC_LOG_WARNING);
    int status = cp_cli_run(&context, argc - 1, argv + 1);
    cp_context_free(&context);
    return status;
}
