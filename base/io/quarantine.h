/*
 * A bounded file of records that can never be delivered, one a line, kept for a person: so that one
 * bad record holds up none behind it and is not lost unseen.
 */
#ifndef CC_IO_QUARANTINE_H
#define CC_IO_QUARANTINE_H

#include "base/io/loop.h"
#include "base/slice.h"

/* With the kernel when it returns, on the disk soon after (the thread pool syncs). Several records
 * with newlines between them are kept all or none. Once the file has maximum_bytes it is left as it
 * is, what is wrong shows in its first lines too: CC_TOO_LARGE. CC_FULL (disk), CC_IO: nothing was
 * kept, try again. */
enum cc_error cc_quarantine_append(struct cc_loop *loop, const char *path, int64_t maximum_bytes,
                                   struct cc_slice record) CC_MUST_CHECK;

#endif
