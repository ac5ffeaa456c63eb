/*
 * The HTML report before and after its JSON document: bench/report.html, made part of the program
 * by the build.
 */
#ifndef BENCH_REPORT_PAGE_H
#define BENCH_REPORT_PAGE_H

extern const char bench_report_page_head[];
extern const char bench_report_page_tail[];

#endif
