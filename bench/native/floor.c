/* The floor: what a loop around write(2) costs. Every GET is kept as a subscriber, every POST is
 * written to all of them as one SSE block. No log, no parsing beyond the request's head. */
#define _GNU_SOURCE
#include "loadgen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char STREAM_HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
static const char CREATED[] = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";

struct client {
    struct endpoint endpoint; /* first: the loop hands it back */
    char request[4096];
    size_t len;
};

static int *streams;
static u32 stream_count;

static void fan_out(const char *body, size_t len) {
    char block[4096];
    int n = snprintf(block, sizeof block, "id: floor-0\ndata: %.*s\n\n", (int)len, body);
    for (u32 i = 0; i < stream_count; i++)
        if (write(streams[i], block, (size_t)n) != n && errno == EPIPE)
            streams[i--] = streams[--stream_count];
}

static void answer(struct client *c, size_t head_len) {
    if (!strncmp(c->request, "GET ", 4)) {
        streams[stream_count++] = c->endpoint.fd;
        send(c->endpoint.fd, STREAM_HEAD, sizeof STREAM_HEAD - 1, MSG_NOSIGNAL);
        c->len = 0;
        return;
    }
    const char *length = strcasestr(c->request, "\r\nContent-Length:");
    size_t body_len = length ? strtoul(length + 17, NULL, 10) : 0;
    if (c->len < head_len + body_len)
        return;
    fan_out(c->request + head_len, body_len);
    send(c->endpoint.fd, CREATED, sizeof CREATED - 1, MSG_NOSIGNAL);
    c->len = 0;
}

static void forget(struct client *c) {
    for (u32 i = 0; i < stream_count; i++)
        if (streams[i] == c->endpoint.fd)
            streams[i--] = streams[--stream_count];
    close(c->endpoint.fd);
    c->endpoint.fd = -1;
}

static void on_client(struct endpoint *endpoint, u32 events) {
    struct client *c = (struct client *)endpoint;
    (void)events;
    ssize_t n = recv(endpoint->fd, c->request + c->len, sizeof c->request - 1 - c->len, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            forget(c);
        return;
    }
    c->len += (size_t)n;
    c->request[c->len] = 0;
    char *end = strstr(c->request, "\r\n\r\n");
    if (end)
        answer(c, (size_t)(end - c->request) + 4);
    else if (c->len == sizeof c->request - 1)
        forget(c);
}

static void on_listener(struct endpoint *listener, u32 events) {
    (void)events;
    for (;;) {
        int one = 1, fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct client *c = calloc(1, sizeof *c);
        c->endpoint = (struct endpoint){fd, on_client};
        loop_watch(&c->endpoint, EPOLLIN, false);
    }
}

void floor_serve(void) {
    static struct endpoint listener;
    int one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = (struct endpoint){socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on_listener};
    setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener.fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener.fd, 4096) < 0)
        fail("listen on port %d: %s", opt.port, strerror(errno));
    streams = calloc(65536, sizeof *streams);
    loop_watch(&listener, EPOLLIN, false);
    for (u64 end = now_ns() + (u64)(opt.limit_s * NS_PER_S); now_ns() < end;)
        loop_pump(now_ns() + NS_PER_S);
}
