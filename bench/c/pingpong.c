/* pingpong ROUNDS: a byte to and fro over a socketpair, waiting in epoll before each read. The floor under `trampoline`:
 * both ends are armed anew for each wait, as one must who knows nothing about a descriptor.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void wait_readable(int poller, int fd) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
    if (epoll_wait(poller, &event, 1, -1) != 1 || event.data.fd != fd) {
        perror("epoll_wait");
        exit(1);
    }
}

int main(int argc, char **argv) {
    long rounds = argc > 1 ? atol(argv[1]) : 1000;
    int ends[2], poller = epoll_create1(0);
    struct epoll_event none = {0};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends))
        return 1;
    epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &none);
    epoll_ctl(poller, EPOLL_CTL_ADD, ends[1], &none);
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (long i = 0; i < rounds; i++) {
        char byte = i, back = ~i;
        if (write(ends[0], &byte, 1) != 1)
            return 1;
        wait_readable(poller, ends[1]);
        if (read(ends[1], &back, 1) != 1 || write(ends[1], &back, 1) != 1)
            return 1;
        wait_readable(poller, ends[0]);
        if (read(ends[0], &back, 1) != 1 || back != byte)
            return 1;
    }
    wall = seconds(CLOCK_MONOTONIC) - wall, cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"cpu\": %.4f, \"wall\": %.4f}\n", cpu * 1e6 / rounds, wall * 1e6 / rounds);
    return 0;
}
