/*
 * Calls come first on a machine that they share with Postgres
 * (docs/adr/0021-calls-come-first.md). A service has a session of its own, whose processes the
 * Linux scheduler weighs together (autogroups, sched(7)); so its supervisor is raised, and what the
 * supervisor starts again has it too.
 */
#ifndef CP_TARGETS_PRIORITY_H
#define CP_TARGETS_PRIORITY_H

#include <stdbool.h>
#include <sys/types.h>

/* The nice value of what answers calls: three times the weight of another process. Higher, it would
 * leave too little to the monitors of Postgres when calls take all they can get. */
enum { CP_PRIORITY_OF_CALLS = -5 };

/* The session of this process, to CP_PRIORITY_OF_CALLS. false: it is gone, or that is not
 * permitted. Waits up to a second: the kernel changes one session at a time. */
bool cp_priority_raise(pid_t process);

/* Whether it has been. */
bool cp_priority_is_raised(pid_t process);

#endif
