/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <e3tp/e3tp.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

void bench_json_number(FILE *f, const char *key, double value)
{
    if (isfinite(value))
        fprintf(f, ",\"%s\":%.6g", key, value);
    else
        fprintf(f, ",\"%s\":null", key);
}

void bench_json_text(FILE *f, const char *key, const char *text)
{
    fprintf(f, ",\"%s\":\"", key);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(f, "\\%c", *text);
        else
            fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
    fputc('"', f);
}

static void cpu_name(char *name, size_t cap)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    snprintf(name, cap, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !colon)
            continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(name, cap, "%s", colon + 2);
        break;
    }
    if (f)
        fclose(f);
}

void bench_json_machine(FILE *f)
{
    char cpu[256], build[512];
    cpu_name(cpu, sizeof cpu);
    e3tp_build_info(build, sizeof build);
    fprintf(f, "{\"case\":\"machine\"");
    bench_json_text(f, "cpu", cpu);
    bench_json_number(f, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
    bench_json_text(f, "build", build);
    fprintf(f, "}\n");
}
