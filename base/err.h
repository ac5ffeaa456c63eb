/*
 * Errors are values: one enumeration for all three programs, generated from one list.
 * A function that can fail returns enum cc_error and is CC_MUST_CHECK. The place that handles an
 * error logs it, once.
 */
#ifndef CC_ERR_H
#define CC_ERR_H

#define CC_MUST_CHECK __attribute__((warn_unused_result))

#define CC_ERROR_LIST(X)                                                                           \
    X(OK, "no error")                                                                              \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(INVALID, "input is not valid")                                                               \
    X(TOO_LARGE, "input is larger than its bound")                                                 \
    X(NOT_FOUND, "no such thing")                                                                  \
    X(CONFLICT, "contradicts what is stored")                                                      \
    X(FORBIDDEN, "not allowed")                                                                    \
    X(SIGNATURE, "signature does not verify")                                                      \
    X(EXPIRED, "too old")                                                                          \
    X(STALE, "older than what is already held")                                                    \
    X(TOO_DIFFERENT, "differs more than it says")                                                  \
    X(CORRUPT, "stored bytes are damaged")                                                         \
    X(FULL, "a bound is reached")                                                                  \
    X(TIMEOUT, "no answer before the deadline")                                                    \
    X(UNAVAILABLE, "the other side cannot be reached")                                             \
    X(CANCELLED, "given up by the caller or by shutdown")                                          \
    X(PROTOCOL, "the other side answered nonsense")                                                \
    X(UNKNOWN_OUTCOME, "may or may not have happened; retry under the same key")                   \
    X(IO, "the operating system refused")                                                          \
    X(CRYPTO, "the cryptographic library refused")                                                 \
    X(UNSUPPORTED, "not supported")

enum cc_error {
#define X(name, text) CC_##name,
    CC_ERROR_LIST(X)
#undef X
        CC_ERROR_COUNT
};

/* Stable lower-case identifier for logs, for example "not_found". Static storage. */
const char *cc_error_name(enum cc_error error);

/* One human sentence fragment. Static storage. */
const char *cc_error_text(enum cc_error error);

#endif
