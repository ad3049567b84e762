#define _GNU_SOURCE
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int is_there(const struct launch *launch) { return launch->cgroup[0] != 0; }

// Writes to a file of the group. Returns 0 or errno.
static int set(const struct launch *launch, const char *name, const char *text) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", launch->cgroup, name) >= (int)sizeof path) return ENAMETOOLONG;
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return errno;
    int problem = write(file, text, strlen(text)) < 0 ? errno : 0;
    close(file);
    return problem;
}

int sluice_make_cgroup(const struct launch *launch) {
    if (!is_there(launch)) return 0;
    char text[64];
    int problem = mkdir(launch->cgroup, 0755) != 0 ? errno : 0;
    if (!problem && launch->is.memory) {
        snprintf(text, sizeof text, "%" PRIu64, (uint64_t)launch->is.memory * 1024);
        problem = set(launch, "memory.max", text);
        // As with a kubelet: all of it is killed, and none of it is swapped, where there is swap.
        if (!problem) problem = set(launch, "memory.oom.group", "1");
        int swap = problem ? 0 : set(launch, "memory.swap.max", "0");
        if (swap && swap != ENOENT) problem = swap;
    }
    if (!problem && launch->is.cpu) {
        uint64_t quota = (uint64_t)launch->is.cpu * 100;
        snprintf(text, sizeof text, "%" PRIu64 " 100000", quota < 1000 ? 1000 : quota);
        problem = set(launch, "cpu.max", text);
    }
    if (!problem && launch->is.weight) {
        snprintf(text, sizeof text, "%u", launch->is.weight);
        problem = set(launch, "cpu.weight", text);
    }
    if (problem) rmdir(launch->cgroup);
    return problem;
}

int sluice_enter_cgroup(const struct launch *launch) { return is_there(launch) ? set(launch, "cgroup.procs", "0") : 0; }

void sluice_kill_cgroup(const struct launch *launch) {
    // Since Linux 5.14; before, each is killed.
    if (is_there(launch)) set(launch, "cgroup.kill", "1");
}

int sluice_was_out_of_memory(const struct launch *launch) {
    char path[PATH_MAX], text[512];
    if (!is_there(launch) || snprintf(path, sizeof path, "%s/memory.events", launch->cgroup) >= (int)sizeof path) return 0;
    if (!sluice_read_text(path, text, sizeof text)) return 0;
    char *kills = strstr(text, "\noom_kill ");
    return kills && kills[10] != '0';
}

void sluice_remove_cgroup(const struct launch *launch) {
    if (!is_there(launch)) return;
    // The kernel takes a moment to forget what has been reaped.
    for (int times = 0; times < 200 && rmdir(launch->cgroup) != 0 && errno == EBUSY; times++) {
        struct timespec moment = {.tv_nsec = 1000000};
        nanosleep(&moment, NULL);
    }
}
