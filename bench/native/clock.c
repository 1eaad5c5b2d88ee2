/* Time, and CPU time from /proc. */
#include "loadgen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

u64 now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * NS_PER_S + (u64)t.tv_nsec;
}

static u64 cpu_ticks(int pid) {
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        fail("the measured process %d is gone", pid);
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = 0;
    unsigned long user = 0, system = 0;
    char *after_name = strrchr(line, ')');
    if (!after_name ||
        sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        fail("cannot read %s", path);
    return user + system;
}

u64 cpu_us_of(const char *pids) {
    u64 ticks = 0;
    for (const char *p = pids; p && *p;) {
        ticks += cpu_ticks(atoi(p));
        p = strchr(p, ',');
        if (p)
            p++;
    }
    return ticks * 1000000u / (u64)sysconf(_SC_CLK_TCK);
}

u64 own_cpu_us(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u64)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u + (u64)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}
