/* The load generator's shared declarations: one thread, one epoll loop, many connections. */
#ifndef LOADGEN_H
#define LOADGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;

#define NS_PER_S 1000000000ull

enum dialect { TRICAST, NCHAN, FLOOR };
enum transport { WEBSOCKET, SSE, POLL };

struct options {
    const char *mode;
    enum dialect dialect;
    enum transport transport;
    int port;
    u32 subs, sources, inflight;
    bool browser, private_topics;
    const char *pids;
    u32 publishers, batch, size, events, reps;
    double rate, settle_s, warmup_s, duration_s, drain_s, limit_s;
};
extern struct options opt;

/* ---- clock.c: time and CPU ---- */
u64 now_ns(void);
u64 cpu_us_of(const char *pids); /* utime + stime of a comma-separated list of processes */
u64 own_cpu_us(void);

/* ---- tally.c: what arrived, when, in which order ----
 * A published event carries a mark of fixed width: "~tc~", then in hex the publisher (4), its
 * sequence number from 1 (8) and the time it was due in ns (16). "~" occurs nowhere else in the
 * streams, so finding marks is one memchr per event. */
#define MARK_LEN 32
#define HISTOGRAM_SLOTS (64 * 60)
struct histogram {
    u64 counts[HISTOGRAM_SLOTS];
    u64 n, max;
};
void histogram_add(struct histogram *h, u64 ns);
double histogram_us(const struct histogram *h, double quantile);

struct tally {
    u64 delivered;   /* all marks seen */
    u64 misordered;  /* seen twice, or older than one already seen from the same publisher */
    u64 in_window;   /* arrived inside the measured window */
    u64 last_at;     /* when the newest delivery arrived */
    bool window;
    struct histogram latency; /* of those in the window */
};
extern struct tally tally;
void tally_init(u32 subs, u32 publishers);
void mark_write(char *at, u32 publisher, u32 seq, u64 due_ns);
/* Counts the marks in [p, p+len) for one subscriber and says how many there were. */
u32 tally_scan(u32 sub, const char *p, size_t len, u64 at_ns);

/* ---- loop.c: sockets and the epoll loop ---- */
struct endpoint {
    int fd;
    void (*ready)(struct endpoint *self, u32 events);
};
void loop_init(void);
void loop_watch(struct endpoint *e, u32 events, bool added);
void loop_pump(u64 until_ns); /* handles what is ready; waits at most until then */
int dial(u32 source);         /* a connect under way, from 127.0.0.(1 + source) */
int dial_blocking(void);      /* connected; reads give up after 5 s */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- response.c: the head of an HTTP response, fed in pieces ---- */
struct response {
    char head[4096], prefix[192]; /* prefix: how the body begins */
    size_t head_len, prefix_len;
    u64 body_left;
    int status;
    bool in_body;
};
size_t response_feed(struct response *r, const char *p, size_t len); /* bytes used; stops at the body */
void response_body(struct response *r, const char *p, size_t len);
bool response_header(const struct response *r, const char *name, char *out, size_t out_size);
bool response_cursor(const struct response *r, char *out, size_t out_size); /* tricast's, from head or body */
void response_reset(struct response *r);

/* ---- websocket.c ---- */
struct websocket {
    u64 frame_left;
    unsigned char header[10], control[125];
    uint8_t header_len, control_len, opcode;
    bool broken;
};
enum frame_news { FRAME_NOTHING, FRAME_PING, FRAME_CLOSE, FRAME_BROKEN };
/* Walks on from *p until there is news or no more bytes. */
enum frame_news websocket_walk(struct websocket *w, const unsigned char **p, const unsigned char *end);

/* ---- subscriber.c ---- */
struct subscribers {
    u32 started, ready, live, complete, closed, resets, refused;
    char why[256]; /* the first thing that went wrong */
};
extern struct subscribers subs;
void subscribers_init(u32 n, u64 complete_at);
void subscribers_connect_more(void);
void subscribers_since(const char *cursor); /* where streams begin; NULL: at the latest */

/* ---- publisher.c ---- */
struct publishing {
    u64 sent, acked, refused, acked_in_window;
    bool flowing; /* closed loop: send the next as soon as the last is acknowledged */
    struct histogram ack;
    char why[256];
};
extern struct publishing publishing;
void publishers_init(u32 n, u32 batch, const char *topic);
void publishers_retarget(u32 publisher, const char *topic);
bool publish(u32 publisher, u64 due_ns); /* false: that connection still waits for its answer */
bool publish_any(u64 due_ns);
bool publishers_idle(void);
void publishers_start_all(void);
void fetch_cursor(char *out, size_t size); /* tricast's cursor of now */

/* ---- floor.c ---- */
void floor_serve(void);

#endif
