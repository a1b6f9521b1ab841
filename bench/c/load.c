/* load: the clients of an echo server. Each connection has one message under way, sends the next one when the answer
 * is complete, and compares every byte.
 *
 *   load PORT CONNECTIONS SIZE
 *
 * Talks with its driver line by line. Once every connection has had one message back it prints {"ready": N} and reads
 * a line: a number of seconds to work for, 0 to end. After those seconds it waits for the answers that are under way,
 * prints {"requests": N, "seconds": S, "p50": us, "p99": us}, and reads the next line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST (1 << 21) /* latencies kept */

struct client {
    int fd;
    unsigned char first; /* the byte that the message begins with */
    size_t received;
    uint64_t sent_at;
};

static struct client *clients;
static int poller, count, size;
static uint32_t latencies[MOST];
static long requests;
static char message[1 << 17], answer[1 << 17];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void ask(struct client *c) {
    c->first++;
    c->received = 0;
    c->sent_at = now();
    for (int done = 0; done < size;) { /* message[] counts up, so each first byte has a message of its own */
        ssize_t n = send(c->fd, message + c->first + done, size - done, MSG_NOSIGNAL);
        if (n <= 0)
            die("send");
        done += n;
    }
}

/* Take what is there; 1 if the answer is complete. */
static int take(struct client *c) {
    ssize_t n = recv(c->fd, answer, size - c->received, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        die(n ? "recv" : "recv: the server closed a connection");
    if (memcmp(answer, message + c->first + c->received, n)) {
        fprintf(stderr, "the server sent back other bytes than it got\n");
        exit(1);
    }
    c->received += n;
    return c->received == (size_t)size;
}

/* Answer events until `under_way` messages have come back; send new ones until `until`. */
static void converse(int under_way, uint64_t until) {
    struct epoll_event events[256];
    while (under_way) {
        int ready = epoll_wait(poller, events, 256, 20000);
        if (ready == 0) {
            fprintf(stderr, "%d of %d connections had no answer in 20 seconds\n", under_way, count);
            exit(1);
        }
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            if (!take(c))
                continue;
            uint64_t t = now();
            if (until) {
                if (requests < MOST)
                    latencies[requests] = (t - c->sent_at) / 100;
                requests++;
            }
            if (t < until)
                ask(c);
            else
                under_way--;
        }
    }
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    double seconds;
    int one = 1;
    if (argc != 4)
        return 2;
    address.sin_port = htons(atoi(argv[1]));
    count = atoi(argv[2]);
    size = atoi(argv[3]);
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = i;
    clients = calloc(count, sizeof *clients);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) {
        struct client *c = &clients[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        c->first = i;
        if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address))
            die("connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event))
            die("epoll_ctl");
        ask(c);
    }
    converse(count, 0);
    printf("{\"ready\": %d}\n", count);
    fflush(stdout);
    while (scanf("%lf", &seconds) == 1 && seconds > 0) {
        requests = 0;
        uint64_t start = now();
        for (int i = 0; i < count; i++)
            ask(&clients[i]);
        converse(count, start + seconds * 1e9);
        double took = (now() - start) / 1e9;
        long kept = requests < MOST ? requests : MOST;
        qsort(latencies, kept, sizeof *latencies, compare);
        printf("{\"requests\": %ld, \"seconds\": %.6f, \"p50\": %.1f, \"p99\": %.1f}\n", requests, took,
               latencies[kept / 2] / 10.0, latencies[kept * 99 / 100] / 10.0);
        fflush(stdout);
    }
    return 0;
}
