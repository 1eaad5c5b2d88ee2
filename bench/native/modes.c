/* What a run does, phase by phase, and the one line of JSON it prints. */
#include "loadgen.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u64 seconds(double s) { return (u64)(s * NS_PER_S); }

static double since_s(u64 start) { return (double)(now_ns() - start) / NS_PER_S; }

static void pump_for(double s) {
    for (u64 end = now_ns() + seconds(s); now_ns() < end;)
        loop_pump(end);
}

static double connect_all(void) {
    u64 start = now_ns(), deadline = start + seconds(opt.limit_s);
    while (subs.ready < opt.subs) {
        subscribers_connect_more();
        loop_pump(now_ns() + NS_PER_S / 100);
        if (subs.refused || subs.closed || now_ns() > deadline)
            fail("%u of %u subscribers are ready, %u closed; %s", subs.ready, opt.subs, subs.closed, subs.why);
    }
    double took = since_s(start);
    pump_for(opt.settle_s);
    return took;
}

static void print_text(const char *name, const char *text) {
    printf(",\"%s\":\"", name);
    for (; *text; text++)
        putchar(*text == '"' || *text == '\\' || (unsigned char)*text < ' ' || (unsigned char)*text > '~' ? '\'' : *text);
    putchar('"');
}

static void print_common(void) {
    printf(",\"subs\":%u,\"closed\":%u,\"resets\":%u,\"misordered\":%llu", opt.subs, subs.closed, subs.resets,
           (unsigned long long)tally.misordered);
    print_text("why", *subs.why ? subs.why : publishing.why);
    puts("}");
    fflush(stdout);
}

/* ---- hold: connections that do nothing ---- */

void run_hold(void) {
    double took = connect_all();
    printf("{\"ready\":%u,\"ready_s\":%.3f}\n", subs.ready, took);
    fflush(stdout);
    struct pollfd input = {.fd = 0, .events = POLLIN};
    u64 deadline = now_ns() + seconds(opt.limit_s);
    while (now_ns() < deadline && poll(&input, 1, 0) == 0)
        pump_for(0.05);
    printf("{\"held\":%u", subs.ready);
    print_common();
}

/* ---- load: publishers, paced or never idle ---- */

struct window {
    u64 start_ns, end_ns, cpu_us, own_us;
};

static void window_open(struct window *w) {
    w->cpu_us = cpu_us_of(opt.pids);
    w->own_us = own_cpu_us();
    w->start_ns = now_ns();
    tally.window = true;
}

static void window_close(struct window *w) {
    tally.window = false;
    w->end_ns = now_ns();
    w->cpu_us = cpu_us_of(opt.pids) - w->cpu_us;
    w->own_us = own_cpu_us() - w->own_us;
}

/* Publishes what falls due until `end`; what waits for a free connection keeps its due time. */
static u64 pace_until(u64 next, u64 end, u64 period) {
    while (now_ns() < end) {
        while (next <= now_ns() && publish_any(next))
            next += period;
        loop_pump(next < end && next > now_ns() ? next : next <= now_ns() ? now_ns() + NS_PER_S / 1000 : end);
    }
    return next;
}

static void run_paced(struct window *w) {
    u64 period = seconds(1 / opt.rate), first = now_ns() + period;
    /* The window's edges lie between two events. */
    u64 warm = first + (u64)(opt.warmup_s * opt.rate) * period + period / 2;
    u64 next = pace_until(first, warm, period);
    window_open(w);
    pace_until(next, warm + (u64)(opt.duration_s * opt.rate) * period, period);
    window_close(w);
}

static void run_flowing(struct window *w) {
    publishers_start_all();
    pump_for(opt.warmup_s);
    window_open(w);
    pump_for(opt.duration_s);
    window_close(w);
    publishing.flowing = false;
}

/* Waits for what was published and not yet delivered; gives up when nothing moves for 2 s. */
static double drain(void) {
    u64 start = now_ns(), deadline = start + seconds(opt.drain_s), moved_at = start, before = tally.delivered;
    while (now_ns() < deadline && now_ns() - moved_at < 2 * NS_PER_S) {
        if (publishers_idle() && tally.delivered - tally.misordered >= publishing.acked * opt.subs)
            break;
        loop_pump(now_ns() + NS_PER_S / 100);
        if (tally.delivered != before)
            moved_at = now_ns();
        before = tally.delivered;
    }
    return since_s(start);
}

void run_load(void) {
    struct window w = {0};
    double ready_s = connect_all();
    publishers_init(opt.publishers, opt.batch, "fanout");
    if (opt.rate > 0)
        run_paced(&w);
    else
        run_flowing(&w);
    double drain_s = drain(), window_s = (double)(w.end_ns - w.start_ns) / NS_PER_S;
    u64 expected = publishing.acked * opt.subs, unique = tally.delivered - tally.misordered;
    printf("{\"ready_s\":%.3f,\"window_s\":%.4f,\"drain_s\":%.3f", ready_s, window_s, drain_s);
    printf(",\"published\":%llu,\"acked\":%llu,\"refused\":%llu,\"acked_per_s\":%.1f", (unsigned long long)publishing.sent,
           (unsigned long long)publishing.acked, (unsigned long long)publishing.refused,
           (double)publishing.acked_in_window / window_s);
    printf(",\"expected\":%llu,\"delivered\":%llu,\"in_window\":%llu,\"delivered_per_s\":%.1f", (unsigned long long)expected,
           (unsigned long long)unique, (unsigned long long)tally.in_window, (double)tally.in_window / window_s);
    printf(",\"server_cpu_us\":%llu,\"server_cpu_share\":%.4f,\"own_cpu_share\":%.4f", (unsigned long long)w.cpu_us,
           (double)w.cpu_us / 1e6 / window_s, (double)w.own_us / 1e6 / window_s);
    printf(",\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f", histogram_us(&tally.latency, 0.5),
           histogram_us(&tally.latency, 0.9), histogram_us(&tally.latency, 0.99), (double)tally.latency.max / 1000);
    printf(",\"ack_p50_us\":%.1f,\"ack_p99_us\":%.1f", histogram_us(&publishing.ack, 0.5),
           histogram_us(&publishing.ack, 0.99));
    print_common();
}

/* ---- probe: one event at a time, until its last delivery ---- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double probe_once(u32 publisher, u64 deliveries) {
    u64 before = tally.delivered, sent = now_ns(), deadline = sent + 20 * NS_PER_S;
    publish(publisher, sent);
    while (tally.delivered - before < deliveries || !publishers_idle()) {
        loop_pump(deadline);
        if (now_ns() > deadline)
            fail("after 20 s %llu of %llu deliveries of one event", (unsigned long long)(tally.delivered - before),
                 (unsigned long long)deliveries);
    }
    double took_us = (double)(tally.last_at - sent) / 1000;
    pump_for(0.05);
    return took_us;
}

static void print_quantiles(const char *name, double *us, u32 n) {
    qsort(us, n, sizeof *us, ascending);
    u32 p99 = (99 * n + 99) / 100 - 1; /* the nearest rank */
    printf(",\"%s_p50_us\":%.1f,\"%s_p99_us\":%.1f,\"%s_max_us\":%.1f", name, us[n / 2], name, us[p99],
           name, us[n - 1]);
}

void run_probe(void) {
    double ready_s = connect_all(), *last = calloc(opt.reps, sizeof *last), *own = calloc(opt.reps, sizeof *own);
    char topic[64];
    publishers_init(2, 1, "common");
    probe_once(0, opt.subs); /* not counted: the first one */
    for (u32 i = 0; i < opt.reps; i++) {
        last[i] = probe_once(0, opt.subs);
        snprintf(topic, sizeof topic, opt.dialect == TRICAST ? "private/%u" : "private-%u", i * 7919u % opt.subs);
        publishers_retarget(1, topic);
        own[i] = probe_once(1, 1);
    }
    printf("{\"ready_s\":%.3f,\"reps\":%u", ready_s, opt.reps);
    print_quantiles("last", last, opt.reps);
    print_quantiles("own", own, opt.reps);
    print_common();
}

/* ---- replay: everybody comes back at once ---- */

static void publish_backlog(void) {
    publishers_init(1, opt.batch, "fanout");
    u64 deadline = now_ns() + 30 * NS_PER_S;
    while (publishing.sent < opt.events || !publishers_idle()) {
        if (publishing.sent < opt.events)
            publish(0, now_ns());
        loop_pump(now_ns() + NS_PER_S / 100);
        if (now_ns() > deadline || publishing.refused)
            fail("the events to be replayed could not be published: %s", publishing.why);
    }
}

void run_replay(void) {
    static char cursor[128];
    if (opt.dialect == TRICAST) {
        fetch_cursor(cursor, sizeof cursor);
        subscribers_since(cursor);
    }
    publish_backlog();
    pump_for(opt.settle_s);
    struct window w = {0};
    u64 deadline = now_ns() + seconds(opt.limit_s), wanted = (u64)opt.events * opt.subs;
    double all_received_s = 0;
    window_open(&w);
    while ((subs.complete < opt.subs || (opt.dialect == TRICAST && subs.live < opt.subs)) && !subs.refused && !subs.closed) {
        subscribers_connect_more();
        loop_pump(now_ns() + NS_PER_S / 100);
        if (!all_received_s && subs.complete == opt.subs)
            all_received_s = (double)(tally.last_at - w.start_ns) / NS_PER_S;
        if (now_ns() > deadline)
            break;
    }
    window_close(&w);
    double took = (double)(w.end_ns - w.start_ns) / NS_PER_S;
    printf("{\"complete\":%u,\"live\":%u,\"all_received_s\":%.4f,\"all_live_s\":%.4f", subs.complete, subs.live,
           all_received_s, took);
    printf(",\"expected\":%llu,\"delivered\":%llu,\"delivered_per_s\":%.1f", (unsigned long long)wanted,
           (unsigned long long)(tally.delivered - tally.misordered),
           (double)tally.delivered / (all_received_s ? all_received_s : took));
    printf(",\"server_cpu_us\":%llu,\"own_cpu_share\":%.4f", (unsigned long long)w.cpu_us, (double)w.own_us / 1e6 / took);
    print_common();
}
