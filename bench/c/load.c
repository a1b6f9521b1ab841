/* load: the clients of a server. Each has one request under way and checks every byte of the answer.
 *
 *   load PORT CONNECTIONS SIZE ROUNDS [tls] [fresh] [http]
 *
 * A request is SIZE bytes that an echo server sends back; with "http" a GET whose answer carries the number that it
 * asked for. With "tls" connections are encrypted (compile with -DTLS and OpenSSL). With "fresh" each request has a
 * connection of its own, and the time it takes begins with connect().
 *
 * Talks with its driver line by line. Once every client has had ROUNDS answers it prints {"ready": N} and reads lines:
 * seconds to work for, 0 to end, and requests a second. A rate of 0 means that each client asks again when it has its
 * answer. With a rate requests begin when it is time for them, whatever the server does; one that finds all clients
 * busy waits, and its latency counts from when it was due. After those seconds it waits for the answers that are under
 * way, prints {"requests": N, "seconds": S, "p50": us, "p99": us}, and reads the next line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/ssl.h>
#endif

#define MOST (1 << 21) /* latencies kept */
#define SECOND 1000000000ull

struct client {
    int fd;            /* -1: not connected */
    unsigned number;   /* of its request; an echoed message begins with its lowest byte */
    size_t received;   /* bytes of the answer */
    uint64_t asked_at; /* when the request was due */
    struct client *next; /* in the queue of those without a request */
#ifdef TLS
    SSL *ssl;
#endif
    char answer[1024]; /* of HTTP; an echo is compared as it comes */
};

static struct client *clients, *first_idle, **last_idle = &first_idle;
static struct sockaddr_in address = {.sin_family = AF_INET};
static int poller, count, size, rounds, tls, fresh, http;
static uint32_t latencies[MOST];
static long requests;
static char message[1 << 17], incoming[1 << 17];
#ifdef TLS
static SSL_CTX *context;
#endif

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void wrong(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* ---- connections; sending and connecting wait, receiving does not */

static void open_connection(struct client *c) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address))
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
#ifdef TLS
    if (tls) {
        c->ssl = SSL_new(context);
        SSL_set_fd(c->ssl, c->fd);
        if (SSL_connect(c->ssl) != 1)
            wrong("the handshake failed");
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
    }
#endif
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event))
        die("epoll_ctl");
}

static void close_connection(struct client *c) {
#ifdef TLS
    if (tls)
        SSL_free(c->ssl);
#endif
    close(c->fd);
    c->fd = -1;
}

static void send_all(struct client *c, const char *data, int length) {
    for (int done = 0; done < length;) {
        ssize_t n;
#ifdef TLS
        if (tls) {
            n = SSL_write(c->ssl, data + done, length - done);
            if (n <= 0 && SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_WRITE)
                continue; /* the server will take it soon */
        } else
#endif
            n = send(c->fd, data + done, length - done, MSG_NOSIGNAL);
        if (n <= 0)
            die("send");
        done += n;
    }
}

/* What is there, at most `most` bytes; 0 if nothing is. */
static size_t receive(struct client *c, char *into, size_t most) {
    ssize_t n;
#ifdef TLS
    if (tls) {
        n = SSL_read(c->ssl, into, most);
        if (n <= 0 && SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ)
            return 0;
    } else
#endif
        n = recv(c->fd, into, most, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        die(n ? "recv" : "recv: the server closed a connection");
    return n;
}

/* ---- requests and answers */

static void ask(struct client *c, uint64_t due) {
    c->number++;
    c->received = 0;
    c->asked_at = due;
    if (c->fd < 0)
        open_connection(c);
    if (http) {
        char request[256];
        int length = snprintf(request, sizeof request,
                              "GET /hello?%u HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load/1.0\r\n"
                              "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: %s\r\n\r\n",
                              c->number, fresh ? "close" : "keep-alive");
        send_all(c, request, length);
    } else
        send_all(c, message + (c->number & 255), size); /* message[] counts up: each first byte has one of its own */
}

static int take_echo(struct client *c) {
    size_t n = receive(c, incoming, size - c->received);
    if (memcmp(incoming, message + (c->number & 255) + c->received, n))
        wrong("the server sent back other bytes than it got");
    c->received += n;
    return c->received == (size_t)size;
}

static int take_reply(struct client *c) {
    char body[32], *end, *length;
    c->received += receive(c, c->answer + c->received, sizeof c->answer - 1 - c->received);
    c->answer[c->received] = 0;
    end = strstr(c->answer, "\r\n\r\n");
    if (!end) {
        if (c->received == sizeof c->answer - 1)
            wrong("the head of a reply is too long");
        return 0;
    }
    length = strcasestr(c->answer, "\r\ncontent-length:");
    if (strncmp(c->answer, "HTTP/1.1 200 ", 13) || !length || length > end)
        wrong("a reply is no 200 with a Content-Length");
    size_t whole = end + 4 - c->answer + atoi(length + 17);
    if (c->received < whole)
        return 0;
    snprintf(body, sizeof body, "hello %u", c->number);
    if (c->received > whole || strcmp(end + 4, body))
        wrong("a reply is that of another request");
    return 1;
}

static void rest(struct client *c) {
    c->next = NULL;
    *last_idle = c;
    last_idle = &c->next;
}

static struct client *resting(void) {
    struct client *c = first_idle;
    if (c && !(first_idle = c->next))
        last_idle = &first_idle;
    return c;
}

/* Ask until `until`, every `interval` ns or, if that is 0, whenever there is a client for it; then wait for what is
 * under way. */
static void converse(uint64_t start, uint64_t until, uint64_t interval) {
    struct epoll_event events[256];
    int under_way = 0, timer = -1, more = 1;
    uint64_t due = start;
    if (interval) {
        struct itimerspec every = {{0, interval}, {0, interval}};
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
        timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
        if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) || epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event))
            die("timerfd");
    }
    while (under_way || more) {
        uint64_t t = now();
        while (more && first_idle && (!interval || due <= t)) {
            ask(resting(), interval ? due : now());
            under_way++;
            due += interval;
            more = interval ? due < until : !until || t < until;
            if (!until && !first_idle)
                more = 0;
        }
        more = more && (!until || t < until);
        if (!under_way && !more)
            break;
        int ready = epoll_wait(poller, events, 256, 20000);
        if (ready == 0) {
            fprintf(stderr, "%d of %d clients had no answer in 20 seconds\n", under_way, count);
            exit(1);
        }
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            if (!c) {
                uint64_t times;
                if (read(timer, &times, sizeof times) < 0 && errno != EAGAIN)
                    die("read");
                continue;
            }
            if (!(http ? take_reply(c) : take_echo(c)))
                continue;
            if (requests < MOST)
                latencies[requests] = (now() - c->asked_at) / 100;
            requests++;
            under_way--;
            if (fresh)
                close_connection(c);
            rest(c);
        }
    }
    if (timer >= 0)
        close(timer);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void read_arguments(int argc, char **argv) {
    if (argc < 5)
        wrong("usage: load PORT CONNECTIONS SIZE ROUNDS [tls] [fresh] [http]");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(atoi(argv[1]));
    count = atoi(argv[2]);
    size = atoi(argv[3]);
    rounds = atoi(argv[4]);
    for (int i = 5; i < argc; i++) {
        tls |= !strcmp(argv[i], "tls");
        fresh |= !strcmp(argv[i], "fresh");
        http |= !strcmp(argv[i], "http");
    }
#ifdef TLS
    context = SSL_CTX_new(TLS_client_method());
#else
    if (tls)
        wrong("compiled without TLS");
#endif
}

int main(int argc, char **argv) {
    double seconds, rate;
    read_arguments(argc, argv);
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = i;
    clients = calloc(count, sizeof *clients);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) {
        clients[i].fd = -1;
        clients[i].number = i * 1000;
        rest(&clients[i]);
    }
    for (int i = 0; i < rounds; i++)
        converse(now(), 0, 0);
    printf("{\"ready\": %d}\n", count);
    fflush(stdout);
    while (scanf("%lf %lf", &seconds, &rate) == 2 && seconds > 0) {
        requests = 0;
        uint64_t start = now();
        converse(start, start + seconds * SECOND, rate > 0 ? SECOND / rate : 0);
        double took = (now() - start) / 1e9;
        long kept = requests < MOST ? requests : MOST;
        if (!kept)
            wrong("no request was answered");
        qsort(latencies, kept, sizeof *latencies, compare);
        printf("{\"requests\": %ld, \"seconds\": %.6f, \"p50\": %.1f, \"p99\": %.1f}\n", requests, took,
               latencies[kept / 2] / 10.0, latencies[kept * 99 / 100] / 10.0);
        fflush(stdout);
    }
    return 0;
}
