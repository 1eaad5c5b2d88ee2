/* Publishers: keep-alive connections, one request under way on each. */
#define _GNU_SOURCE
#include "loadgen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct publisher {
    struct endpoint endpoint; /* first: the loop hands it back */
    u32 id, seq, batch;
    bool connected, busy, wants_write;
    char *request;
    size_t request_len, sent;
    size_t *marks; /* where each event's mark stands in the request */
    u64 sent_at;
    struct response response;
};

struct publishing publishing;
static struct publisher *all;
static u32 count;

/* An event's data: a JSON object of exactly opt.size bytes that holds a mark. */
static size_t append_data(char *at, size_t *mark) {
    size_t n = (size_t)sprintf(at, "{\"m\":\"");
    *mark = n;
    memset(at + n, '0', MARK_LEN);
    n += MARK_LEN;
    n += (size_t)sprintf(at + n, "\",\"p\":\"");
    size_t pad = opt.size - n - 2;
    for (size_t i = 0; i < pad; i++)
        at[n + i] = (char)('a' + i % 26);
    n += pad;
    return n + (size_t)sprintf(at + n, "\"}");
}

static size_t append_body(struct publisher *p, char *at, const char *topic) {
    size_t n = 0;
    if (p->batch > 1)
        at[n++] = '[';
    for (u32 i = 0; i < p->batch; i++) {
        if (i)
            at[n++] = ',';
        if (opt.dialect == TRICAST)
            n += (size_t)sprintf(at + n, "{\"topic\":\"bench/%s\",\"type\":\"bench.tick\",\"data\":", topic);
        size_t start = n;
        n += append_data(at + n, &p->marks[i]);
        p->marks[i] += start;
        if (opt.dialect == TRICAST)
            at[n++] = '}';
    }
    if (p->batch > 1)
        at[n++] = ']';
    return n;
}

/* The request is built once; a publish only writes the marks' digits into it. */
static void build_request(struct publisher *p, const char *topic) {
    size_t room = (size_t)p->batch * (opt.size + 128) + 1024;
    char *body = malloc(room), path[128] = "/v1/events";
    free(p->request);
    p->request = malloc(room + 512);
    if (!body || !p->request)
        fail("out of memory");
    size_t body_len = append_body(p, body, topic);
    if (opt.dialect != TRICAST)
        snprintf(path, sizeof path, "/pub?id=%s", topic);
    int head = sprintf(p->request,
                       "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n",
                       path, opt.port, body_len);
    memcpy(p->request + head, body, body_len);
    p->request_len = (size_t)head + body_len;
    for (u32 i = 0; i < p->batch; i++)
        p->marks[i] += (size_t)head;
    free(body);
}

static void write_rest(struct publisher *p) {
    while (p->sent < p->request_len) {
        ssize_t n = send(p->endpoint.fd, p->request + p->sent, p->request_len - p->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            fail("a publish was not sent: %s", strerror(errno));
        p->sent += (size_t)n;
    }
    bool wants_write = p->sent < p->request_len;
    if (wants_write != p->wants_write)
        loop_watch(&p->endpoint, EPOLLIN | (wants_write ? EPOLLOUT : 0), true);
    p->wants_write = wants_write;
}

bool publish(u32 publisher, u64 due_ns) {
    struct publisher *p = &all[publisher];
    if (p->busy)
        return false;
    for (u32 i = 0; i < p->batch; i++)
        mark_write(p->request + p->marks[i], p->id, ++p->seq, due_ns);
    p->busy = true;
    p->sent = 0;
    p->sent_at = now_ns();
    publishing.sent += p->batch;
    response_reset(&p->response);
    write_rest(p);
    return true;
}

bool publish_any(u64 due_ns) {
    for (u32 i = 0; i < count; i++)
        if (publish(i, due_ns))
            return true;
    return false;
}

bool publishers_idle(void) {
    for (u32 i = 0; i < count; i++)
        if (all[i].busy)
            return false;
    return true;
}

void publishers_start_all(void) {
    publishing.flowing = true;
    for (u32 i = 0; i < count; i++)
        publish(i, now_ns());
}

static void answered(struct publisher *p) {
    struct response *r = &p->response;
    p->busy = false;
    if (r->status >= 200 && r->status < 300) {
        publishing.acked += p->batch;
        if (tally.window) {
            publishing.acked_in_window += p->batch;
            histogram_add(&publishing.ack, now_ns() - p->sent_at);
        }
    } else {
        publishing.refused += p->batch;
        if (!*publishing.why)
            snprintf(publishing.why, sizeof publishing.why, "%d %.200s", r->status, r->prefix);
        if (publishing.refused > 100 * p->batch && !publishing.acked)
            fail("no publish is accepted: %s", publishing.why);
    }
    if (publishing.flowing)
        publish(p->id, now_ns());
}

static void on_ready(struct endpoint *endpoint, u32 events) {
    struct publisher *p = (struct publisher *)endpoint;
    static char buffer[64 * 1024];
    if (!p->connected) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(endpoint->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error)
            fail("a publisher could not connect: %s", strerror(error));
        p->connected = true;
        loop_watch(endpoint, EPOLLIN, true);
        return;
    }
    if (events & EPOLLOUT)
        write_rest(p);
    if (!(events & ~(u32)EPOLLOUT))
        return;
    ssize_t n = recv(endpoint->fd, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        fail("the server closed a publisher's connection (%s)", n ? strerror(errno) : "end of file");
    size_t used = response_feed(&p->response, buffer, (size_t)n);
    if (!p->response.in_body)
        return;
    response_body(&p->response, buffer + used, (size_t)n - used);
    if (!p->response.body_left)
        answered(p);
}

void publishers_init(u32 n, u32 batch, const char *topic) {
    count = n;
    all = calloc(n + 1, sizeof *all);
    if (!all)
        fail("out of memory");
    for (u32 i = 0; i < n; i++) {
        struct publisher *p = &all[i];
        *p = (struct publisher){.id = i, .batch = batch, .endpoint = {dial(0), on_ready}};
        p->marks = calloc(batch, sizeof *p->marks);
        build_request(p, topic);
        loop_watch(&p->endpoint, EPOLLOUT, false);
    }
    u64 deadline = now_ns() + 5 * NS_PER_S;
    for (u32 i = 0; i < n; i++)
        while (!all[i].connected) {
            loop_pump(deadline);
            if (now_ns() > deadline)
                fail("publishers could not connect within 5 s");
        }
}

void publishers_retarget(u32 publisher, const char *topic) { build_request(&all[publisher], topic); }

static void read_answer(int fd, struct response *r) {
    char text[4096];
    do {
        ssize_t n = recv(fd, text, sizeof text, 0);
        if (n <= 0)
            fail("no answer to the request for a cursor");
        size_t used = response_feed(r, text, (size_t)n);
        if (r->in_body)
            response_body(r, text + used, (size_t)n - used);
    } while (!r->in_body || r->body_left);
}

void fetch_cursor(char *out, size_t size) {
    char request[256];
    struct response r;
    response_reset(&r);
    int fd = dial_blocking();
    int n = snprintf(request, sizeof request,
                     "GET /v1/events?topic=bench/fanout&cursor=latest&timeout=0 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                     "Accept: application/json\r\n\r\n",
                     opt.port);
    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        fail("the request for a cursor was not sent: %s", strerror(errno));
    read_answer(fd, &r);
    close(fd);
    if (!response_cursor(&r, out, size))
        fail("no cursor in the answer %d %s", r.status, r.prefix);
}
