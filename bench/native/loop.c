/* Sockets and the epoll loop. */
#define _GNU_SOURCE
#include "loadgen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static int epoll_fd = -1;

void fail(const char *format, ...) {
    char why[512];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    for (char *c = why; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            *c = '\'';
    printf("{\"error\":\"%s\"}\n", why);
    fflush(stdout);
    _exit(1);
}

void loop_init(void) {
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        fail("epoll_create1: %s", strerror(errno));
}

void loop_watch(struct endpoint *e, u32 events, bool added) {
    struct epoll_event ev = {.events = events, .data.ptr = e};
    if (epoll_ctl(epoll_fd, added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, e->fd, &ev) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

void loop_pump(u64 until_ns) {
    struct epoll_event ready[256];
    u64 now = now_ns();
    /* Whole milliseconds are slept, the rest is spun: pacing stays true. */
    int timeout_ms = until_ns > now ? (int)((until_ns - now) / 1000000u) : 0;
    int n = epoll_wait(epoll_fd, ready, 256, timeout_ms);
    if (n < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        struct endpoint *e = ready[i].data.ptr;
        if (e->fd >= 0)
            e->ready(e, ready[i].events);
    }
}

static void connect_to_server(int fd) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
}

int dial_blocking(void) {
    struct timeval patience = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connect_to_server(fd);
    return fd;
}

int dial(u32 source) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket: %s (the limit of open files, 'ulimit -n', must exceed the connections)", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (opt.sources > 1) {
        struct sockaddr_in a = {.sin_family = AF_INET};
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source % opt.sources);
        if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
            fail("bind to 127.0.0.%u: %s", 1 + source % opt.sources, strerror(errno));
    }
    connect_to_server(fd);
    return fd;
}
