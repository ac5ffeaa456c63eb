/* A calibration and prices whose sums can be done by hand. */
#ifndef TESTS_UNIT_BENCH_SAMPLE_H
#define TESTS_UNIT_BENCH_SAMPLE_H

#include "bench/plan.h"

struct bench_calibration sample_calibration(void);
struct bench_prices sample_prices(void); /* all texts static: not to be freed */
struct bench_template sample_template(void);

#endif
