/* loadgen MODE --option value …: see bench/README.md. Prints one line of JSON. */
#include "loadgen.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void run_hold(void);
void run_load(void);
void run_probe(void);
void run_replay(void);

struct options opt = {
    .subs = 1000, .sources = 1, .inflight = 200, .publishers = 4, .batch = 1, .size = 200, .events = 1000,
    .reps = 20, .settle_s = 0.5, .warmup_s = 1, .duration_s = 5, .drain_s = 30, .limit_s = 60, .pids = "",
};

static u32 choice(const char *name, const char *value, const char *const *words) {
    for (u32 i = 0; words[i]; i++)
        if (!strcmp(words[i], value))
            return i;
    fail("--%s cannot be '%s'", name, value);
}

static void set_option(const char *name, const char *value) {
    static const char *const dialects[] = {"tricast", "nchan", "floor", NULL};
    static const char *const transports[] = {"websocket", "sse", "poll", NULL};
    struct { const char *name; u32 *at; } counts[] = {
        {"subs", &opt.subs}, {"sources", &opt.sources}, {"inflight", &opt.inflight}, {"publishers", &opt.publishers},
        {"batch", &opt.batch}, {"size", &opt.size}, {"events", &opt.events}, {"reps", &opt.reps},
    };
    struct { const char *name; double *at; } numbers[] = {
        {"rate", &opt.rate}, {"settle", &opt.settle_s}, {"warmup", &opt.warmup_s}, {"duration", &opt.duration_s},
        {"drain", &opt.drain_s}, {"limit", &opt.limit_s},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (!strcmp(name, counts[i].name)) {
            *counts[i].at = (u32)strtoul(value, NULL, 10);
            return;
        }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!strcmp(name, numbers[i].name)) {
            *numbers[i].at = strtod(value, NULL);
            return;
        }
    if (!strcmp(name, "port"))
        opt.port = atoi(value);
    else if (!strcmp(name, "pids"))
        opt.pids = value;
    else if (!strcmp(name, "dialect"))
        opt.dialect = choice(name, value, dialects);
    else if (!strcmp(name, "transport"))
        opt.transport = choice(name, value, transports);
    else if (!strcmp(name, "browser"))
        opt.browser = atoi(value);
    else if (!strcmp(name, "private"))
        opt.private_topics = atoi(value);
    else
        fail("there is no option --%s", name);
}

static void parse(int argc, char **argv) {
    opt.mode = argc > 1 ? argv[1] : "";
    for (int i = 2; i < argc; i += 2) {
        if (strncmp(argv[i], "--", 2) || i + 1 == argc)
            fail("expected '--option value', got '%s'", argv[i]);
        set_option(argv[i] + 2, argv[i + 1]);
    }
    if (opt.port <= 0 || opt.port > 65535)
        fail("--port must be 1 to 65535");
    if (opt.size < 64 || opt.size > 3000)
        fail("--size must be 64 to 3000 bytes");
    if (!opt.batch || !opt.inflight || !opt.sources || opt.sources > 200 || !opt.publishers)
        fail("--batch, --inflight, --sources (up to 200) and --publishers must be at least 1");
}

static void allow_files(u32 wanted) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t before = limit.rlim_cur;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted; /* granted to root only */
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 && before < wanted)
        fail("%u open files are needed and the limit is %lu: raise it with 'ulimit -n'", wanted, (unsigned long)before);
}

static void out_of_time(int signal) {
    static const char text[] = "{\"error\":\"the load generator ran out of time\"}\n";
    (void)signal;
    (void)!write(1, text, sizeof text - 1);
    _exit(1);
}

int main(int argc, char **argv) {
    parse(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, out_of_time);
    alarm((unsigned)(2 * opt.limit_s + opt.settle_s + opt.warmup_s + opt.duration_s + opt.drain_s + 30));
    allow_files(opt.subs + opt.publishers + 64);
    loop_init();
    bool replay = !strcmp(opt.mode, "replay");
    if (!strcmp(opt.mode, "floor")) {
        floor_serve();
        return 0;
    }
    tally_init(opt.subs, opt.publishers < 2 ? 2 : opt.publishers);
    subscribers_init(opt.subs, replay ? opt.events : 0);
    if (replay)
        run_replay();
    else if (!strcmp(opt.mode, "hold"))
        run_hold();
    else if (!strcmp(opt.mode, "load"))
        run_load();
    else if (!strcmp(opt.mode, "probe"))
        run_probe();
    else
        fail("the modes are load, hold, probe, replay and floor, not '%s'", opt.mode);
    return 0;
}
