/* Server frames of RFC 6455, fed in pieces: headers are read, payloads are skipped. */
#include "loadgen.h"

#include <string.h>

/* Is the header complete? Then what it says is taken over. */
static bool header_complete(struct websocket *w) {
    const unsigned char *h = w->header;
    unsigned len7 = h[1] & 127, extra = len7 == 126 ? 2 : len7 == 127 ? 8 : 0;
    if (w->header_len < 2 || w->header_len < 2 + extra)
        return false;
    w->frame_left = extra ? 0 : len7;
    for (unsigned i = 0; i < extra; i++)
        w->frame_left = w->frame_left << 8 | h[2 + i];
    w->opcode = h[0] & 15;
    w->broken = h[0] & 0x70 || h[1] & 0x80;
    w->header_len = w->control_len = 0;
    return true;
}

static void skip_payload(struct websocket *w, const unsigned char **p, const unsigned char *end) {
    size_t n = (size_t)(end - *p) < w->frame_left ? (size_t)(end - *p) : (size_t)w->frame_left;
    if (w->opcode >= 8 && w->control_len + n <= sizeof w->control) {
        memcpy(w->control + w->control_len, *p, n);
        w->control_len += (uint8_t)n;
    }
    *p += n;
    w->frame_left -= n;
}

enum frame_news websocket_walk(struct websocket *w, const unsigned char **p, const unsigned char *end) {
    while (*p < end) {
        if (w->frame_left) {
            skip_payload(w, p, end);
        } else {
            w->header[w->header_len++] = *(*p)++;
            if (!header_complete(w))
                continue;
        }
        if (w->broken)
            return FRAME_BROKEN;
        if (w->frame_left || w->opcode < 8)
            continue;
        return w->opcode == 8 ? FRAME_CLOSE : w->opcode == 9 ? FRAME_PING : FRAME_NOTHING;
    }
    return FRAME_NOTHING;
}
