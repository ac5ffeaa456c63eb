/*
 * What is wrong, judged from the JSON of `status --output json` (pure).
 */
#ifndef CP_CLI_DOCTOR_JUDGE_H
#define CP_CLI_DOCTOR_JUDGE_H

#include "base/err.h"
#include "base/json.h"

/* ok: as it should be; note: worth knowing; finding: to be mended (exit status 1). */
enum cp_verdict { CP_OK, CP_NOTE, CP_FINDING };

/* How far a clock may be off, as the alert EdgeClockWrong has it. */
#define CP_SKEW_MAX_S 30.0

/* Appends {"check","verdict","text","do"} to findings. */
void cp_doctor_add(json_t *findings, enum cp_verdict verdict, const char *check, const char *todo,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

void cp_doctor_judge(const json_t *status, int64_t now_us, json_t *findings);

#endif
