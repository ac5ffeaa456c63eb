/* The error list as texts. */
#include "base/err.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>

enum { NAME_MAX_BYTES = 32 };

static const char *const upper_names[CC_ERROR_COUNT] = {
#define X(name, text) #name,
    CC_ERROR_LIST(X)
#undef X
};

static const char *const texts[CC_ERROR_COUNT] = {
#define X(name, text) text,
    CC_ERROR_LIST(X)
#undef X
};

static char lower_names[CC_ERROR_COUNT][NAME_MAX_BYTES];
static pthread_once_t lowered = PTHREAD_ONCE_INIT;

static void lower_all(void)
{
    for (size_t i = 0; i < CC_ERROR_COUNT; i++) {
        for (size_t j = 0; upper_names[i][j] != '\0' && j < NAME_MAX_BYTES - 1; j++)
            lower_names[i][j] = (char)tolower((unsigned char)upper_names[i][j]);
    }
}

const char *cc_error_name(enum cc_error error)
{
    if ((unsigned)error >= CC_ERROR_COUNT)
        return "unknown";
    (void)pthread_once(&lowered, lower_all);
    return lower_names[error];
}

const char *cc_error_text(enum cc_error error)
{
    return (unsigned)error < CC_ERROR_COUNT ? texts[error] : "unknown error";
}
