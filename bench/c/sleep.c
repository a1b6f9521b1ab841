/* sleep TIMES: how late epoll itself wakes: a timerfd in epoll, 1 to 5 ms each time. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    int times = argc > 1 ? atoi(argv[1]) : 100, poller = epoll_create1(0);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    double *late = calloc(times + 1, sizeof *late), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
    for (int i = 0; i < times; i++) {
        long wanted = 1000000 + (i * 397L % 4000) * 1000;
        struct itimerspec spec = {.it_value.tv_nsec = wanted};
        uint64_t expired;
        double start = now(CLOCK_MONOTONIC);
        timerfd_settime(timer, 0, &spec, NULL);
        if (epoll_wait(poller, &event, 1, -1) != 1 || read(timer, &expired, 8) != 8)
            return 1;
        late[i] = now(CLOCK_MONOTONIC) - start - wanted;
    }
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    qsort(late, times, sizeof *late, compare);
    printf("{\"late\": %.1f, \"late_p99\": %.1f, \"cpu\": %.2f}\n", late[times / 2] / 1e3, late[times * 99 / 100] / 1e3,
           cpu / 1e3 / times);
    return 0;
}
