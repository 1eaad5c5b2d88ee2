/* Subscribers: WebSocket, Server-Sent Events and long-poll clients. */
#define _GNU_SOURCE
#include "loadgen.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The sample nonce of RFC 6455 section 1.3 and the answer it must get. */
#define WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define CARRY (MARK_LEN - 1)
#define BUFFER (256 * 1024)

struct subscriber {
    struct endpoint endpoint; /* first: the loop hands it back */
    u32 index;
    bool connected, ready, live, complete;
    uint8_t carry_len;
    char carry[CARRY]; /* the end of what was read, where a mark may have begun */
    u64 received;
    struct websocket ws;
    struct response *response; /* while a head is read; polls keep it */
    char cursor[128], modified[64];
};

struct subscribers subs;
static struct subscriber *all;
static u32 count;
static u64 complete_at;
static const char *since;
static char buffer[CARRY + 1 + BUFFER];

void subscribers_init(u32 n, u64 events_until_complete) {
    count = n;
    complete_at = events_until_complete;
    all = calloc(n + 1, sizeof *all);
    if (!all)
        fail("out of memory");
}

void subscribers_since(const char *cursor) { since = cursor; }

/* ---- requests ---- */

static const char COOKIE[] =
    "session=eyJzdWIiOiJiZW5jaCIsInJvbGUiOiJ2aWV3ZXIiLCJpYXQiOjE3NjcyMjU2MDB9.aVUx4A.Zm9vYmFyYmF6cXV4Y29yZ2VncmF1bHQ; "
    "theme=dark; locale=en-GB; consent=%7B%22necessary%22%3Atrue%2C%22analytics%22%3Afalse%2C%22ads%22%3Afalse%7D; "
    "_ga=GA1.1.1204857163.1767225600; _ga_K3V9Q2XZ10=GS2.1.s1767225600$o1$g1$t1767229200$j60$l0$h0; "
    "visitor=5f0d1c9a7b3e4e2fa8c6d4b2909f1e37; last_seen=2026-01-01T12%3A00%3A00.000Z";

static int browser_headers(char *at, size_t room, bool stream) {
    return snprintf(at, room,
                    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                    "Chrome/140.0.0.0 Safari/537.36\r\n"
                    "Accept-Language: en-GB,en;q=0.9,de;q=0.8,fr;q=0.7\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
                    "Cache-Control: no-cache\r\nCookie: %s\r\n%s",
                    COOKIE,
                    stream ? "Referer: http://127.0.0.1/shop/dashboard/index.html?view=live&environment=production\r\n"
                             "Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n"
                           : "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
}

static void escape(char *out, const char *text) {
    for (; *text; text++)
        out += sprintf(out, isalnum((unsigned char)*text) || strchr("-._~:", *text) ? "%c" : "%%%02X", (unsigned char)*text);
    *out = 0;
}

static int target(const struct subscriber *s, char *at, size_t room) {
    char own[64] = "", from[sizeof s->cursor * 3 + 32] = "", escaped[sizeof s->cursor * 3];
    const char *cursor = opt.transport == POLL ? s->cursor : since;
    if (opt.dialect == NCHAN) {
        if (opt.private_topics)
            return snprintf(at, room, "/both?id=common&own=private-%u", s->index);
        return snprintf(at, room, "/%s?id=fanout", complete_at ? "oldest" : "sub");
    }
    if (opt.private_topics)
        snprintf(own, sizeof own, "&topic=bench/private/%u", s->index);
    if (cursor && *cursor) {
        escape(escaped, cursor);
        snprintf(from, sizeof from, "&cursor=%s", escaped);
    } else if (opt.transport == POLL) {
        snprintf(from, sizeof from, "&cursor=latest&timeout=0");
    }
    return snprintf(at, room, "/v1/events?topic=bench/%s%s%s", opt.private_topics ? "common" : "fanout", own, from);
}

static void request(struct subscriber *s) {
    char text[4096], *at = text, *end = text + sizeof text;
    at += sprintf(at, "GET ");
    at += target(s, at, (size_t)(end - at));
    at += snprintf(at, (size_t)(end - at), " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", opt.port);
    if (opt.transport == WEBSOCKET)
        at += snprintf(at, (size_t)(end - at),
                       "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s",
                       WS_KEY, opt.dialect == TRICAST ? "Sec-WebSocket-Protocol: tricast.v1\r\n" : "");
    else
        at += snprintf(at, (size_t)(end - at), "Connection: keep-alive\r\nAccept: %s\r\n",
                       opt.transport == SSE ? "text/event-stream" : "application/json");
    if (opt.browser && opt.transport == WEBSOCKET)
        at += snprintf(at, (size_t)(end - at), "Origin: http://127.0.0.1:%d\r\n", opt.port);
    if (opt.browser)
        at += browser_headers(at, (size_t)(end - at), opt.transport != WEBSOCKET);
    if (opt.dialect == NCHAN && opt.transport == POLL && *s->cursor)
        at += snprintf(at, (size_t)(end - at), "If-Modified-Since: %s\r\nIf-None-Match: %s\r\n", s->modified, s->cursor);
    at += sprintf(at, "\r\n");
    if (send(s->endpoint.fd, text, (size_t)(at - text), MSG_NOSIGNAL) != at - text)
        fail("a subscriber's request was not sent: %s", strerror(errno));
}

/* ---- what arrives ---- */

static void close_subscriber(struct subscriber *s) {
    close(s->endpoint.fd);
    s->endpoint.fd = -1;
    subs.closed++;
}

static void refuse(struct subscriber *s, const char *why, const char *detail) {
    if (!*subs.why)
        snprintf(subs.why, sizeof subs.why, "%s: %.160s", why, detail);
    subs.refused++;
    close_subscriber(s);
}

static void mark_ready(struct subscriber *s) {
    if (!s->ready)
        subs.ready++;
    s->ready = true;
}

static void mark_live(struct subscriber *s) {
    if (!s->live)
        subs.live++;
    s->live = true;
}

/* Tricast's control events; `carried` bytes of them were looked at before. */
static void scan_control(struct subscriber *s, const char *p, size_t len, size_t carried) {
    const char *end = p + len, *fresh = p + carried;
    static const char TYPE[] = "\"tricast.";
    while ((p = memmem(p, (size_t)(end - p), TYPE, sizeof TYPE - 1))) {
        const char *name = p + sizeof TYPE - 1;
        p = name;
        if (end - name < 6 || name + 6 <= fresh)
            continue;
        if (!memcmp(name, "hello\"", 6))
            mark_ready(s);
        else if (!memcmp(name, "live\"", 5))
            mark_live(s);
        else if (!memcmp(name, "reset\"", 6))
            subs.resets++;
    }
}

static void scan(struct subscriber *s, char *p, size_t len) {
    size_t carried = s->carry_len;
    p -= carried; /* there is always room before: the buffer's first bytes, or a head already read */
    memcpy(p, s->carry, carried);
    len += carried;
    u32 found = tally_scan(s->index, p, len, now_ns());
    s->received += found;
    if (complete_at && s->received >= complete_at && !s->complete) {
        s->complete = true;
        subs.complete++;
    }
    if (opt.dialect == TRICAST && opt.transport != POLL && (!found || !s->ready || (s->complete && !s->live)))
        scan_control(s, p, len, carried);
    s->carry_len = (uint8_t)(len < CARRY ? len : CARRY);
    memcpy(s->carry, p + len - s->carry_len, s->carry_len);
}

static void pong(struct subscriber *s) {
    unsigned char frame[2 + 4 + 125] = {0x8a, 0x80 | s->ws.control_len}; /* masked with zeros */
    memcpy(frame + 6, s->ws.control, s->ws.control_len);
    send(s->endpoint.fd, frame, 6u + s->ws.control_len, MSG_NOSIGNAL);
}

static void read_frames(struct subscriber *s, const unsigned char *p, size_t len) {
    char code[32];
    for (const unsigned char *end = p + len; p < end && s->endpoint.fd >= 0;) {
        enum frame_news news = websocket_walk(&s->ws, &p, end);
        if (news == FRAME_PING)
            pong(s);
        if (news == FRAME_BROKEN)
            refuse(s, "a WebSocket frame", "is masked or compressed");
        if (news != FRAME_CLOSE)
            continue;
        snprintf(code, sizeof code, "%d", s->ws.control_len > 1 ? s->ws.control[0] << 8 | s->ws.control[1] : 1005);
        refuse(s, "a WebSocket was closed by the server with code", code);
    }
}

static void stream_body(struct subscriber *s, char *p, size_t len) {
    if (!len)
        return;
    scan(s, p, len);
    if (opt.transport == WEBSOCKET)
        read_frames(s, (unsigned char *)p, len);
}

static bool stream_accepted(struct subscriber *s) {
    char accept[128];
    struct response *r = s->response;
    if (opt.transport == SSE)
        return r->status == 200;
    return r->status == 101 && response_header(r, "Sec-WebSocket-Accept", accept, sizeof accept) &&
           !strcmp(accept, WS_ACCEPT);
}

static void stream_read(struct subscriber *s, char *p, size_t len) {
    if (s->response) {
        size_t used = response_feed(s->response, p, len);
        if (!s->response->in_body)
            return;
        if (!stream_accepted(s)) {
            refuse(s, "a subscription was refused", s->response->head);
            return;
        }
        free(s->response);
        s->response = NULL;
        if (opt.dialect != TRICAST)
            mark_ready(s);
        p += used;
        len -= used;
    }
    stream_body(s, p, len);
}

/* ---- long-poll ---- */

static void poll_answered(struct subscriber *s) {
    struct response *r = s->response;
    bool timed_out = r->status == 304 || r->status == 408 || r->status == 204;
    if (r->status != 200 && !timed_out) {
        refuse(s, "a poll was refused", r->head);
        return;
    }
    if (opt.dialect == NCHAN) {
        response_header(r, "Etag", s->cursor, sizeof s->cursor);
        response_header(r, "Last-Modified", s->modified, sizeof s->modified);
    } else if (!timed_out && !response_cursor(r, s->cursor, sizeof s->cursor)) {
        refuse(s, "a poll's answer has no cursor", r->prefix);
        return;
    }
    response_reset(r);
    s->carry_len = 0;
    request(s);
    mark_ready(s);
}

static void poll_read(struct subscriber *s, char *p, size_t len) {
    while (len && s->endpoint.fd >= 0) {
        struct response *r = s->response;
        size_t used = response_feed(r, p, len);
        p += used;
        len -= used;
        if (!r->in_body)
            return;
        if (strcasestr(r->head, "\r\nTransfer-Encoding:"))
            fail("a poll was answered in chunks; the load generator reads only Content-Length");
        size_t n = len < r->body_left ? len : (size_t)r->body_left;
        if (n) {
            response_body(r, p, n);
            scan(s, p, n);
        }
        p += n;
        len -= n;
        if (!r->body_left)
            poll_answered(s);
    }
}

/* ---- connection ---- */

static void connected(struct subscriber *s) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(s->endpoint.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        refuse(s, "a subscriber could not connect", strerror(error));
        return;
    }
    s->connected = true;
    loop_watch(&s->endpoint, EPOLLIN, true);
    request(s);
    if (opt.transport == POLL && opt.dialect != TRICAST)
        mark_ready(s);
}

static void on_ready(struct endpoint *endpoint, u32 events) {
    struct subscriber *s = (struct subscriber *)endpoint;
    (void)events;
    if (!s->connected) {
        connected(s);
        return;
    }
    char *p = buffer + CARRY + 1;
    ssize_t n = recv(endpoint->fd, p, BUFFER, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close_subscriber(s);
        return;
    }
    if (opt.transport == POLL)
        poll_read(s, p, (size_t)n);
    else
        stream_read(s, p, (size_t)n);
}

void subscribers_connect_more(void) {
    while (subs.started < count && subs.started - subs.ready - subs.refused < opt.inflight) {
        struct subscriber *s = &all[subs.started];
        s->index = subs.started++;
        s->response = calloc(1, sizeof *s->response);
        s->endpoint = (struct endpoint){dial(s->index), on_ready};
        loop_watch(&s->endpoint, EPOLLOUT, false);
    }
}
