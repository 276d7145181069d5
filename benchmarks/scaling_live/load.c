/* Asks an HTTP server at a rate that follows a line, whether or not it keeps up (an open loop).
 *
 *     load ADDRESS PORT BEGINS_AT_S SEED OUT SECOND:RATE SECOND:RATE ...
 *
 * BEGINS_AT_S is on the monotonic clock of the machine, so that several begin together. Between two
 * points the rate is a straight line; arrivals are drawn from a Poisson process with SEED, so that
 * the same seed asks at the same moments. A request takes an open connection that nobody uses, or
 * opens one: it never waits for another request. Nothing is ever tried again.
 *
 * OUT gets a line a request, in the order of their ends: when it was due (s since the beginning),
 * how long until its whole answer was there, from when it was due (us), the status (0: none came),
 * and how late it was asked (us), which is this program's own fault. Ends once all are answered.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MOST = 4096, POINTS_MOST = 64, HEAD_MOST = 2048, EVENTS_MOST = 256 };
static const double TIMEOUT_S = 30.0; /* no answer by then is none */
static const double IDLE_MOST_S = 3.0; /* well below what a server waits before it closes */
static const double SWEEP_EVERY_S = 0.5;
static const char REQUEST[] = "GET /work HTTP/1.1\r\nHost: load\r\n\r\n";

typedef enum { FREE, CONNECTING, ASKED, IDLE } State;

typedef struct {
    int fd;
    State state;
    double due_s, asked_s, idle_since_s;
    char head[HEAD_MOST];
    size_t length; /* of what is in head */
    long body_left; /* -1 while the head is not complete */
    int status, closes;
} Connection;

static Connection connections[CONNECTIONS_MOST];
static int idle[CONNECTIONS_MOST], idle_count; /* the latest one on top */
static double point_s[POINTS_MOST], point_rate[POINTS_MOST];
static int point_count;
static uint64_t drawn;
static struct sockaddr_in server;
static int poller, under_way;
static double begins_s;
static FILE *out;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9 - begins_s;
}

static double uniform(void) { /* xorshift64*, in (0, 1] */
    drawn ^= drawn >> 12;
    drawn ^= drawn << 25;
    drawn ^= drawn >> 27;
    return ((double)((drawn * 2685821657736338717ULL) >> 11) + 1.0) / 9007199254740992.0;
}

static double rate_at(double at_s) {
    for (int i = 1; i < point_count; i++)
        if (at_s < point_s[i]) {
            double share = (at_s - point_s[i - 1]) / (point_s[i] - point_s[i - 1]);
            return point_rate[i - 1] + share * (point_rate[i] - point_rate[i - 1]);
        }
    return 0.0;
}

static double next_after(double at_s, double most) { /* thinning of a process at the highest rate */
    while (at_s < point_s[point_count - 1]) {
        at_s -= log(uniform()) / most;
        if (uniform() * most <= rate_at(at_s)) return at_s;
    }
    return INFINITY;
}

static void drop_idle(int index) {
    for (int i = 0; i < idle_count; i++)
        if (idle[i] == index) {
            memmove(&idle[i], &idle[i + 1], (size_t)(idle_count - i - 1) * sizeof idle[0]);
            idle_count--;
            return;
        }
}

static void hang_up(Connection *c) {
    close(c->fd);
    c->state = FREE;
}

static void note(Connection *c, int status) {
    double now = now_s();
    fprintf(out, "%.6f %.0f %d %.0f\n", c->due_s, (now - c->due_s) * 1e6, status,
            (c->asked_s - c->due_s) * 1e6);
    under_way--;
}

static void fail(Connection *c) {
    note(c, 0);
    hang_up(c);
}

static void ask(Connection *c) {
    c->length = 0;
    c->body_left = -1;
    c->closes = 0;
    c->state = ASKED;
    ssize_t sent = send(c->fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL);
    if (sent != (ssize_t)sizeof REQUEST - 1) fail(c);
}

static void begin(double due_s) {
    Connection *c = NULL;
    under_way++;
    if (idle_count) {
        c = &connections[idle[--idle_count]];
        c->due_s = due_s;
        c->asked_s = now_s();
        ask(c);
        return;
    }
    for (int i = 0; i < CONNECTIONS_MOST && !c; i++)
        if (connections[i].state == FREE) c = &connections[i];
    if (!c) { /* more than anybody would bear: counted as no answer */
        Connection none = {.due_s = due_s, .asked_s = now_s()};
        note(&none, 0);
        return;
    }
    int one = 1;
    c->due_s = due_s;
    c->asked_s = now_s();
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        note(c, 0);
        return;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->state = CONNECTING;
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = (uint32_t)(c - connections)};
    int begun = connect(c->fd, (struct sockaddr *)&server, sizeof server);
    if ((begun && errno != EINPROGRESS) || epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event)) fail(c);
}

static int read_head(Connection *c) { /* 1: complete, 0: not yet, -1: it is none */
    c->head[c->length] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return c->length >= HEAD_MOST - 1 ? -1 : 0;
    char *said = strcasestr(c->head, "\r\ncontent-length:");
    if (sscanf(c->head, "HTTP/1.%*1d %d", &c->status) != 1 || !said || said > end) return -1;
    char *closing = strcasestr(c->head, "\r\nconnection: close");
    c->closes = closing && closing < end;
    c->body_left = atol(said + 17) - (long)(c->length - (size_t)(end + 4 - c->head));
    return 1;
}

static void hear(Connection *c) {
    static char skipped[65536];
    for (;;) {
        int in_head = c->body_left < 0;
        char *where = in_head ? c->head + c->length : skipped;
        ssize_t got = recv(c->fd, where, in_head ? HEAD_MOST - 1 - c->length : sizeof skipped, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            fail(c);
            return;
        }
        if (in_head) {
            c->length += (size_t)got;
            if (read_head(c) < 0) {
                fail(c);
                return;
            }
        } else {
            c->body_left -= got;
        }
        if (c->body_left == 0) break;
    }
    note(c, c->status);
    if (c->closes) {
        hang_up(c);
        return;
    }
    c->state = IDLE;
    c->idle_since_s = now_s();
    idle[idle_count++] = (int)(c - connections);
}

static void happened(Connection *c, uint32_t events) {
    if (c->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)(c - connections)};
        if (error || (events & EPOLLERR) || epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event))
            fail(c);
        else
            ask(c);
    } else if (c->state == ASKED) {
        hear(c);
    } else if (c->state == IDLE) { /* the server has no more use for it */
        drop_idle((int)(c - connections));
        hang_up(c);
    }
}

static void sweep(void) {
    double now = now_s();
    for (int i = 0; i < CONNECTIONS_MOST; i++) {
        Connection *c = &connections[i];
        int waits = c->state == CONNECTING || c->state == ASKED;
        if (waits && now - c->due_s > TIMEOUT_S) fail(c);
        if (c->state == IDLE && now - c->idle_since_s > IDLE_MOST_S) {
            drop_idle(i);
            hang_up(c);
        }
    }
}

static void run(double most) {
    struct epoll_event events[EVENTS_MOST];
    double due_s = next_after(0.0, most), swept_s = 0.0;
    while (due_s < INFINITY || under_way) {
        double now = now_s();
        while (due_s <= now) {
            begin(due_s);
            due_s = next_after(due_s, most);
        }
        if (now - swept_s > SWEEP_EVERY_S) {
            sweep();
            swept_s = now;
        }
        double wait_s = fmin(due_s - now_s(), SWEEP_EVERY_S);
        int wait_ms = wait_s > 0 ? (int)ceil(wait_s * 1e3) : 0;
        int count = epoll_wait(poller, events, EVENTS_MOST, wait_ms);
        for (int i = 0; i < count; i++)
            happened(&connections[events[i].data.u32], events[i].events);
    }
}

int main(int count, char **words) {
    double most = 0.0;
    if (count < 8 || count - 6 > POINTS_MOST) {
        fprintf(stderr, "load ADDRESS PORT BEGINS_AT_S SEED OUT SECOND:RATE SECOND:RATE ...\n");
        return 2;
    }
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(words[2]));
    begins_s = atof(words[3]);
    drawn = strtoull(words[4], NULL, 10) * 0x9E3779B97F4A7C15ULL + 1;
    out = fopen(words[5], "w");
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (inet_pton(AF_INET, words[1], &server.sin_addr) != 1 || !out || poller < 0) {
        perror("load");
        return 1;
    }
    for (int i = 6; i < count; i++, point_count++) {
        double *at_s = &point_s[point_count], *rate = &point_rate[point_count];
        if (sscanf(words[i], "%lf:%lf", at_s, rate) != 2) return 2;
        most = fmax(most, point_rate[point_count]);
    }
    run(most);
    return fclose(out) ? 1 : 0;
}
