/* Counting deliveries exactly: every event is marked, every mark is read. */
#include "loadgen.h"

#include <stdlib.h>
#include <string.h>

struct tally tally;
static u32 publisher_count;
static u32 *last_seq; /* [subscriber][publisher]: the newest sequence number seen */
static const char MARK[] = "~tc~";

void tally_init(u32 n_subs, u32 n_publishers) {
    publisher_count = n_publishers;
    last_seq = calloc((size_t)n_subs * n_publishers + 1, sizeof *last_seq);
    if (!last_seq)
        fail("out of memory");
}

void histogram_add(struct histogram *h, u64 v) {
    u32 slot = (u32)v;
    if (v >= 64) {
        int exponent = 63 - __builtin_clzll(v);
        slot = (u32)(exponent - 5) * 64 + (u32)((v >> (exponent - 6)) & 63);
    }
    h->counts[slot]++;
    h->n++;
    if (v > h->max)
        h->max = v;
}

double histogram_us(const struct histogram *h, double quantile) {
    u64 wanted = (u64)(quantile * (double)h->n), seen = 0;
    for (u32 slot = 0; slot < HISTOGRAM_SLOTS; slot++) {
        seen += h->counts[slot];
        if (seen <= wanted)
            continue;
        if (slot < 64)
            return slot / 1000.0;
        u32 exponent = slot / 64 + 5;
        return (double)((64ull + slot % 64) << (exponent - 6)) / 1000.0;
    }
    return (double)h->max / 1000.0;
}

static void hex_write(char *at, u64 v, int digits) {
    for (int i = digits - 1; i >= 0; i--, v >>= 4)
        at[i] = "0123456789abcdef"[v & 15];
}

static u64 hex_read(const char *at, int digits) {
    u64 v = 0;
    for (int i = 0; i < digits; i++)
        v = v << 4 | (u64)((at[i] & 15) + (at[i] > '9' ? 9 : 0));
    return v;
}

void mark_write(char *at, u32 publisher, u32 seq, u64 due_ns) {
    memcpy(at, MARK, 4);
    hex_write(at + 4, publisher, 4);
    hex_write(at + 8, seq, 8);
    hex_write(at + 16, due_ns, 16);
}

static void deliver(u32 sub, const char *mark, u64 at_ns) {
    u32 publisher = (u32)hex_read(mark + 4, 4), seq = (u32)hex_read(mark + 8, 8);
    u64 due = hex_read(mark + 16, 16);
    tally.delivered++;
    tally.last_at = at_ns;
    if (publisher < publisher_count) {
        u32 *last = &last_seq[(size_t)sub * publisher_count + publisher];
        if (seq <= *last)
            tally.misordered++;
        else
            *last = seq;
    }
    if (tally.window) {
        tally.in_window++;
        histogram_add(&tally.latency, at_ns > due ? at_ns - due : 0);
    }
}

u32 tally_scan(u32 sub, const char *p, size_t len, u64 at_ns) {
    const char *end = p + len;
    u32 found = 0;
    while ((p = memchr(p, MARK[0], (size_t)(end - p))) && end - p >= MARK_LEN) {
        if (memcmp(p, MARK, 4)) {
            p++;
            continue;
        }
        deliver(sub, p, at_ns);
        found++;
        p += MARK_LEN;
    }
    return found;
}
