/* The head of an HTTP/1.1 response, fed in pieces, and how much body is to come. */
#define _GNU_SOURCE
#include "loadgen.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void response_reset(struct response *r) {
    r->head_len = r->prefix_len = 0;
    r->body_left = 0;
    r->status = 0;
    r->in_body = false;
}

bool response_header(const struct response *r, const char *name, char *out, size_t out_size) {
    size_t name_len = strlen(name);
    for (const char *line = r->head; (line = strstr(line, "\r\n")) && line[2] != '\r';) {
        line += 2;
        if (strncasecmp(line, name, name_len) || line[name_len] != ':')
            continue;
        const char *value = line + name_len + 1 + strspn(line + name_len + 1, " \t");
        size_t len = strcspn(value, "\r\n");
        if (len >= out_size)
            fail("a %s header of %zu bytes is longer than expected", name, len);
        memcpy(out, value, len);
        out[len] = 0;
        return true;
    }
    return false;
}

static void head_complete(struct response *r) {
    char value[32];
    r->status = r->head_len > 12 ? atoi(r->head + 9) : 0;
    r->in_body = true;
    r->body_left = response_header(r, "Content-Length", value, sizeof value) ? strtoull(value, NULL, 10) : 0;
}

size_t response_feed(struct response *r, const char *p, size_t len) {
    if (r->in_body)
        return 0;
    size_t before = r->head_len, room = sizeof r->head - 1 - before, n = len < room ? len : room;
    memcpy(r->head + before, p, n);
    r->head[before + n] = 0;
    char *end = memmem(r->head, before + n, "\r\n\r\n", 4);
    if (!end) {
        if (n < len)
            fail("a response head is longer than %zu bytes", sizeof r->head);
        r->head_len += n;
        return n;
    }
    r->head_len = (size_t)(end - r->head) + 4;
    r->head[r->head_len] = 0;
    head_complete(r);
    return r->head_len - before;
}

void response_body(struct response *r, const char *p, size_t len) {
    size_t room = sizeof r->prefix - 1 - r->prefix_len, n = len < room ? len : room;
    memcpy(r->prefix + r->prefix_len, p, n);
    r->prefix_len += n;
    r->prefix[r->prefix_len] = 0;
    r->body_left -= len;
}

bool response_cursor(const struct response *r, char *out, size_t out_size) {
    static const char KEY[] = "\"cursor\":";
    if (response_header(r, "Tricast-Cursor", out, out_size))
        return true;
    const char *at = r->prefix_len ? strstr(r->prefix, KEY) : NULL;
    if (!at || !(at = strchr(at + sizeof KEY - 1, '"')))
        return false;
    size_t len = strcspn(at + 1, "\"");
    if (len >= out_size)
        fail("a cursor of %zu bytes is longer than expected", len);
    memcpy(out, at + 1, len);
    out[len] = 0;
    return true;
}
