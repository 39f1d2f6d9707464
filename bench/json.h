/* SPDX-License-Identifier: MIT */
/* Fields of a JSON line. */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <stdio.h>

/* Write ,"key":value with six digits, null where it is not finite; text with " and \ escaped. */
void bench_json_number(FILE *f, const char *key, double value);
void bench_json_text(FILE *f, const char *key, const char *text);
/* CPU, cores, compiler and tiers, as a line with "case":"machine". */
void bench_json_machine(FILE *f);

#endif
