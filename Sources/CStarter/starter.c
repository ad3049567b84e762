#define _GNU_SOURCE
#include "container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char starter_name[] = "sluice-starter";
enum { commands_fd = 3, reports_fd = 4, first_other_fd = 5 };
// Of containers whose Sluice was killed: none has more than this to end.
enum { longest_grace = 10000 };

static int64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void report(uint32_t kind, uint32_t container, int32_t value) {
    struct sluice_report report = {kind, container, value};
    // Shorter than PIPE_BUF: whole, or not at all where nobody reads any more.
    while (write(reports_fd, &report, sizeof report) < 0 && errno == EINTR) {}
}

int sluice_exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + (WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static int child_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void sluice_close_from(int first) {
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0) return;
    long limit = sysconf(_SC_OPEN_MAX);
    DIR *folder = opendir("/proc/self/fd");
    if (!folder) {
        for (long fd = first; fd < limit; fd++) close((int)fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        int fd = atoi(entry->d_name);
        if (fd >= first && fd != dirfd(folder) && entry->d_name[0] != '.') close(fd);
    }
    closedir(folder);
}

static void drain(int fd) {
    char bytes[4096];
    while (read(fd, bytes, sizeof bytes) > 0) {}
}

// MARK: - Descendants

struct pids {
    pid_t *list;
    size_t count, room;
};

static void add_pid(struct pids *pids, pid_t pid) {
    if (pids->count == pids->room) {
        size_t room = pids->room ? pids->room * 2 : 64;
        pid_t *list = realloc(pids->list, room * sizeof *list);
        if (!list) return;  // The next round finds it.
        pids->list = list;
        pids->room = room;
    }
    pids->list[pids->count++] = pid;
}

int sluice_read_text(const char *path, char *text, size_t room) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t size = read(file, text, room - 1);
    close(file);
    if (size <= 0) return 0;
    text[size] = 0;
    return 1;
}

pid_t sluice_parent_of(pid_t pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!sluice_read_text(path, text, sizeof text)) return 0;
    // The name is in parentheses and may hold anything, others of them too.
    char *end = strrchr(text, ')');
    char state;
    int parent = 0;
    return end && sscanf(end + 1, " %c %d", &state, &parent) == 2 ? parent : 0;
}

// Adds the children of a process, as /proc lists them. Returns 0 where this kernel does not.
static int add_children(pid_t pid, struct pids *found) {
    char path[96], text[4096];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks) return 1;  // It is gone.
    int is_known = 1;
    // Each thread has the children that it forked.
    for (struct dirent *entry; is_known && (entry = readdir(tasks));) {
        if (atoi(entry->d_name) <= 0) continue;
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, atoi(entry->d_name));
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0) {
            is_known = errno != ENOENT || access("/proc/self/task", F_OK) != 0 || kill(pid, 0) != 0;
            continue;
        }
        pid_t child = 0;
        for (ssize_t size; (size = read(file, text, sizeof text)) > 0;) {
            for (ssize_t index = 0; index < size; index++) {
                if (text[index] >= '0' && text[index] <= '9') {
                    child = child * 10 + (text[index] - '0');
                } else if (child) {
                    add_pid(found, child);
                    child = 0;
                }
            }
        }
        close(file);
    }
    closedir(tasks);
    return is_known;
}

static void scan_descendants(pid_t root, struct pids *found);

// `root` and all processes below it.
static void find_descendants(pid_t root, struct pids *found) {
    found->count = 0;
    add_pid(found, root);
    for (size_t next = 0; next < found->count; next++) {
        if (!add_children(found->list[next], found)) return scan_descendants(root, found);
    }
}

// Likewise with one look at all of /proc, for kernels that do not list children.
static void scan_descendants(pid_t root, struct pids *found) {
    struct pids all = {0}, parents = {0};
    DIR *proc = opendir("/proc");
    if (!proc) return;
    for (struct dirent *entry; (entry = readdir(proc));) {
        pid_t pid = atoi(entry->d_name);
        if (pid <= 0) continue;
        size_t before = all.count;
        add_pid(&all, pid);
        if (all.count == before) continue;
        add_pid(&parents, sluice_parent_of(pid));
        if (parents.count != all.count) all.count = parents.count;
    }
    closedir(proc);
    found->count = 0;
    add_pid(found, root);
    for (size_t next = 0; next < found->count; next++) {
        for (size_t index = 0; index < all.count; index++) {
            if (parents.list[index] == found->list[next] && all.list[index] != root) add_pid(found, all.list[index]);
        }
    }
    free(all.list);
    free(parents.list);
}

// MARK: - The shim itself

// Takes the ends of all that has ended. Whether nothing is left.
static int reap(pid_t program, int *code) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == program) *code = sluice_exit_code(status);
    }
    return pid < 0 && errno == ECHILD;
}

// Kills everything below this process, again and again until nothing is left: what forks meanwhile is found in the next round.
static void kill_all(pid_t program, int *code) {
    struct pids found = {0};
    while (!reap(program, code)) {
        find_descendants(getpid(), &found);
        for (size_t index = 1; index < found.count; index++) kill(found.list[index], SIGKILL);
        struct timespec moment = {.tv_nsec = 1000000};
        nanosleep(&moment, NULL);
    }
    free(found.list);
}

// How often the memory of a container with a limit is looked at.
enum { memory_interval = 200 };

// What the container has in memory for itself, in KiB: without what it shares, the files of programs above all, and without the process
// that is ours.
static uint64_t memory_used(pid_t ours) {
    struct pids found = {0};
    find_descendants(getpid(), &found);
    uint64_t pages = 0;
    for (size_t index = 1; index < found.count; index++) {
        if (found.list[index] == ours) continue;
        char path[64], text[128];
        snprintf(path, sizeof path, "/proc/%d/statm", found.list[index]);
        if (!sluice_read_text(path, text, sizeof text)) continue;
        unsigned long long resident, shared;
        if (sscanf(text, "%*u %llu %llu", &resident, &shared) == 2 && resident > shared) pages += resident - shared;
    }
    free(found.list);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

// The container has ended with all of it: its log does, and that is told.
static _Noreturn void end_shim(const struct launch *launch, uint32_t kind, int code) {
    sluice_finish_log();
    report(kind, launch->container, code);
    _exit(0);
}

// What the program's process is to read and write; opened before anything is mounted over /dev.
static int program_input, program_output, program_errors;

// Changes to a directory; what is missing of it is made where that may be, as a container runtime does.
static int enter_directory(const char *path) {
    char partial[PATH_MAX];
    if (chdir(path) == 0) return 0;
    if (errno != ENOENT || path[0] != '/' || strlen(path) >= sizeof partial) return -1;
    for (const char *next = path; *next;) {
        const char *end = strchr(next + 1, '/');
        size_t length = end ? (size_t)(end - path) : strlen(path);
        memcpy(partial, path, length);
        partial[length] = 0;
        next = path + length;
        if (mkdir(partial, 0755) != 0 && errno != EEXIST) break;
    }
    // Where none may be made there is none.
    if (chdir(path) == 0) return 0;
    if (errno == EROFS) errno = ENOENT;
    return -1;
}

// Runs the program, which is looked for in the PATH of the container where it is a name alone. Returns an errno.
static int execute(const struct launch *launch) {
    char path[PATH_MAX];
    const char *folders = NULL;
    for (char **variable = launch->environment; *variable; variable++) {
        if (strncmp(*variable, "PATH=", 5) == 0) folders = *variable + 5;
    }
    if (strchr(launch->program, '/') || !folders) {
        execve(launch->program, launch->arguments, launch->environment);
        return errno;
    }
    int problem = ENOENT;
    for (const char *end; *folders; folders = *end ? end + 1 : end) {
        end = strchrnul(folders, ':');
        if (end == folders) continue;
        int length = snprintf(path, sizeof path, "%.*s/%s", (int)(end - folders), folders, launch->program);
        if (length >= (int)sizeof path) continue;
        execve(path, launch->arguments, launch->environment);
        if (errno == EACCES) {
            problem = EACCES;
        } else if (errno != ENOENT && errno != ENOTDIR) {
            return errno;
        }
    }
    return problem;
}

// The program itself, between fork and exec. Returns only where that fails.
static int run_program(const struct launch *launch) {
    setsid();
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < 65; number++) sigaction(number, &standard, NULL);
    if (dup2(program_input, 0) < 0 || dup2(program_output, 1) < 0 || dup2(program_errors, 2) < 0) return errno;
    if (launch->directory[0] && enter_directory(launch->directory) != 0) return SLUICE_DIRECTORY_FAILED + errno;
    // All others have been opened to be closed on exec.
    for (int fd = commands_fd; fd < first_other_fd; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
    syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
    // As a container runtime does it: the container's user may open /dev/stdout.
    if (geteuid() == 0 && launch->is.user != SLUICE_NOBODY) {
        for (int fd = 1; fd < 3; fd++) {
            if (fchown(fd, launch->is.user, (gid_t)-1) != 0) continue;
        }
    }
    int problem = sluice_become_user(launch);
    if (problem) return problem;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return execute(launch);
}

static _Noreturn void run_shim(const struct launch *launch, int control) {
    prctl(PR_SET_NAME, "sluice-shim");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int signals = child_signals();
    int problem[2], output[2], errors[2];
    if (signals < 0 || pipe2(problem, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0
        || sluice_begin_log(launch->log, output[0], errors[0]) != 0) {
        report(SLUICE_STARTED, launch->container, -errno);
        _exit(0);
    }
    int owns_cgroup = !launch->is.joined;
    int refused = owns_cgroup ? sluice_make_cgroup(launch) : 0;
    if (refused) {
        report(SLUICE_STARTED, launch->container, -(SLUICE_CGROUP_FAILED + refused));
        _exit(0);
    }
    program_input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    program_output = output[1];
    program_errors = errors[1];
    pid_t program = sluice_start_program(launch, problem[1], run_program);
    int error = program < 0 ? -program : 0;
    close(program_input);
    close(output[1]);
    close(errors[1]);
    close(problem[1]);
    ssize_t size = 0;
    while (!error && (size = read(problem[0], &error, sizeof error)) < 0 && errno == EINTR) {}
    close(problem[0]);
    int code = -1;
    if (error) {
        if (program > 0) kill_all(program, &code);
        if (owns_cgroup) sluice_remove_cgroup(launch);
        report(SLUICE_STARTED, launch->container, -error);
        _exit(0);
    }
    report(SLUICE_STARTED, launch->container, program);
    int64_t next_look = now_ms() + memory_interval;
    for (;;) {
        struct pollfd events[] = {
            {signals, POLLIN, 0}, {control, POLLIN, 0}, {sluice_log_pipe(0), POLLIN, 0}, {sluice_log_pipe(1), POLLIN, 0}};
        // A control group does not need to be looked at.
        int is_watched = launch->is.memory && !launch->cgroup[0];
        int64_t wait = is_watched ? next_look - now_ms() : -1;
        int count = poll(events, 4, is_watched && wait < 0 ? 0 : (int)wait);
        if (count < 0) continue;
        if (is_watched && now_ms() >= next_look) {
            if (memory_used(launch->is.flags & SLUICE_OWN_PROCESSES ? program : 0) > launch->is.memory) {
                kill_all(program, &code);
                end_shim(launch, SLUICE_OUT_OF_MEMORY, 137);
            }
            next_look = now_ms() + memory_interval;
        }
        if (events[0].revents) {
            drain(signals);
            reap(program, &code);
        }
        if (code < 0 && events[1].revents) {
            unsigned char number;
            ssize_t size = read(control, &number, 1);
            if (size == 1 && number != SIGKILL) {
                // It is not reaped yet, so that nobody else has its number.
                kill(program, number);
            } else if (size >= 0) {
                // The starter is gone, or wants all of it to be.
                if (owns_cgroup) sluice_kill_cgroup(launch);
                kill_all(program, &code);
            }
        }
        if (code >= 0) {
            // Probes and hooks are in it, but below other shims.
            if (owns_cgroup) sluice_kill_cgroup(launch);
            kill_all(program, &code);
            int is_hungry = owns_cgroup && sluice_was_out_of_memory(launch);
            if (owns_cgroup) sluice_remove_cgroup(launch);
            end_shim(launch, is_hungry ? SLUICE_OUT_OF_MEMORY : SLUICE_EXITED, code);
        }
        for (int index = 0; index < 2; index++) {
            if (events[2 + index].revents) sluice_read_log(index);
        }
    }
}

// MARK: - The starter

struct shim {
    uint32_t container, grace;
    pid_t pid;
    int control;
};

static struct shim *shims;
static size_t shim_count, shim_room;

static void send_signal(struct shim *shim, unsigned char number) {
    // A shim that does not read has 64 KiB of signals to act on.
    if (write(shim->control, &number, 1) < 0 && number == SIGKILL && shim->control >= 0) {
        close(shim->control);
        shim->control = -1;
    }
}

static void launch_container(struct launch *launch) {
    int control[2];
    if (shim_count == shim_room) {
        size_t room = shim_room ? shim_room * 2 : 64;
        struct shim *larger = realloc(shims, room * sizeof *larger);
        if (!larger) return report(SLUICE_STARTED, launch->container, -ENOMEM);
        shims = larger;
        shim_room = room;
    }
    if (pipe2(control, O_CLOEXEC) != 0) return report(SLUICE_STARTED, launch->container, -errno);
    fcntl(control[1], F_SETFL, O_NONBLOCK);
    pid_t pid = fork();
    if (pid == 0) {
        // Nothing of the starter's is kept: an end of another shim's pipe would hide the starter's death from it.
        int own = dup2(control[0], commands_fd);
        sluice_close_from(first_other_fd);
        if (own < 0) _exit(1);
        run_shim(launch, own);
    }
    int problem = errno;
    close(control[0]);
    if (pid < 0) {
        close(control[1]);
        return report(SLUICE_STARTED, launch->container, -problem);
    }
    shims[shim_count++] = (struct shim){launch->container, launch->is.grace, pid, control[1]};
}

static struct shim *shim_of(pid_t pid) {
    for (size_t index = 0; index < shim_count; index++) {
        if (shims[index].pid == pid) return &shims[index];
    }
    return NULL;
}

// What comes to the starter for want of a shim, which somebody has killed.
static void kill_orphans(void) {
    struct pids found = {0};
    find_descendants(getpid(), &found);
    for (size_t index = 1; index < found.count; index++) {
        pid_t pid = found.list[index];
        if (sluice_parent_of(pid) == getpid() && !shim_of(pid)) kill(pid, SIGKILL);
    }
    free(found.list);
}

static void reap_shims(void) {
    int status, has_orphans = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct shim *shim = shim_of(pid);
        if (!shim || !WIFEXITED(status) || WEXITSTATUS(status) != 0) has_orphans = 1;
        if (!shim) continue;
        // One that ended in order has told.
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) report(SLUICE_EXITED, shim->container, 137);
        if (shim->control >= 0) close(shim->control);
        *shim = shims[--shim_count];
    }
    if (has_orphans) kill_orphans();
}

static uint32_t number_at(const char *bytes) {
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    return number;
}

// Acts on one frame, whose last byte is NUL where it has strings. Returns the grace period of a stop, else -1.
static int64_t obey(char *frame, uint32_t length) {
    if (length < 12) return -1;
    uint32_t kind = number_at(frame), container = number_at(frame + 4), first = number_at(frame + 8);
    if (kind == SLUICE_STOP) return first;
    if (kind == SLUICE_SIGNAL) {
        for (size_t index = 0; index < shim_count; index++) {
            if (shims[index].container == container) send_signal(&shims[index], (unsigned char)first);
        }
        return -1;
    }
    struct launch launch = {.container = container};
    if (kind != SLUICE_LAUNCH || length < 9 + sizeof launch.is || frame[length - 1]) return -1;
    memcpy(&launch.is, frame + 8, sizeof launch.is);
    size_t arguments = launch.is.arguments, variables = launch.is.variables;
    size_t sum = arguments + variables + (size_t)launch.is.mounts * 3;
    char **strings = sum < length ? calloc(sum + 2, sizeof *strings) : NULL;
    if (!strings) return report(SLUICE_STARTED, container, -E2BIG), -1;
    char *next = frame + 8 + sizeof launch.is, *end = frame + length;
    const char **heads[] = {&launch.program, &launch.directory, &launch.log, &launch.stage, &launch.groups, &launch.cgroup};
    enum { head_count = sizeof heads / sizeof *heads };
    int is_whole = 1;
    for (size_t index = 0; index < head_count + sum; index++) {
        if (next >= end) {
            is_whole = 0;
            break;
        }
        // The arguments end with NULL, and so do the variables behind them; mounts follow.
        size_t at = index - head_count;
        if (index < head_count) *heads[index] = next; else strings[at + (at >= arguments) + (at >= arguments + variables)] = next;
        next += strlen(next) + 1;
    }
    launch.arguments = strings;
    launch.environment = strings + arguments + 1;
    launch.mounts = launch.environment + variables + 1;
    for (size_t index = 0; index < shim_count; index++) {
        if (shims[index].container == launch.is.joined) launch.joined_shim = shims[index].pid;
    }
    if (is_whole && next == end) launch_container(&launch); else report(SLUICE_STARTED, container, -EINVAL);
    free(strings);
    return -1;
}

// Kills the containers whose grace period, or ours, is over. Returns in how many ms the next one's is; -1 where all are killed: they are
// waited for, however long the kernel takes.
static int kill_overdue(int64_t stopping, int64_t patience) {
    int64_t passed = now_ms() - stopping, next = -1;
    for (size_t index = 0; index < shim_count; index++) {
        struct shim *shim = &shims[index];
        int64_t grace = shim->grace < patience ? shim->grace : patience;
        if (shim->control < 0) continue;
        if (passed >= grace) {
            close(shim->control);
            shim->control = -1;
        } else if (next < 0 || grace - passed < next) {
            next = grace - passed;
        }
    }
    return (int)next;
}

static _Noreturn void run_starter(void) {
    prctl(PR_SET_NAME, "sluice-starter");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    // Whoever stops Sluice stops it, and Sluice stops this.
    for (int number = 1; number < 32; number++) {
        if (number != SIGCHLD && number != SIGSEGV && number != SIGBUS && number != SIGILL && number != SIGFPE && number != SIGABRT) {
            sigaction(number, &ignore, NULL);
        }
    }
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    sluice_close_from(first_other_fd);
    int signals = child_signals();
    fcntl(commands_fd, F_SETFL, O_NONBLOCK);
    char *buffer = NULL;
    size_t size = 0, room = 0;
    int64_t stopping = -1, patience = 0;  // Since when, and how long at most, an end is under way.
    int is_open = 1;
    while (stopping < 0 || shim_count) {
        struct pollfd events[] = {{signals, POLLIN, 0}, {is_open ? commands_fd : -1, POLLIN, 0}};
        poll(events, 2, stopping < 0 ? -1 : kill_overdue(stopping, patience));
        if (events[0].revents) {
            drain(signals);
            reap_shims();
        }
        int64_t grace = -1;
        if (events[1].revents) {
            if (room - size < 65536) {
                char *larger = realloc(buffer, room = size + 131072);
                if (!larger) _exit(1);
                buffer = larger;
            }
            ssize_t count = read(commands_fd, buffer + size, room - size);
            if (count > 0) size += (size_t)count;
            size_t begin = 0;
            while (size - begin >= 4 && size - begin - 4 >= number_at(buffer + begin)) {
                uint32_t length = number_at(buffer + begin);
                int64_t stop = obey(buffer + begin + 4, length);
                if (stop >= 0) grace = stop;
                begin += 4 + length;
            }
            memmove(buffer, buffer + begin, size -= begin);
            if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
                // Nobody is there any more to say how long.
                is_open = 0;
                if (stopping < 0 && grace < 0) grace = longest_grace;
            }
        }
        if (grace < 0) continue;
        stopping = now_ms();
        patience = grace;
        for (size_t index = 0; index < shim_count && grace > 0; index++) send_signal(&shims[index], SIGTERM);
    }
    _exit(0);
}

__attribute__((constructor)) static void become_starter(int argc, char **argv) {
    if (argc == 1 && argv[0] && strcmp(argv[0], starter_name) == 0) run_starter();
}

pid_t sluice_start_starter(int *commands, int *reports) {
    int sockets[2], pipes[2], theirs[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return -errno;
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        int problem = errno;
        close(sockets[0]);
        close(sockets[1]);
        return -problem;
    }
    // Out of the way of the numbers that they get there.
    theirs[0] = fcntl(sockets[1], F_DUPFD_CLOEXEC, 16);
    theirs[1] = fcntl(pipes[1], F_DUPFD_CLOEXEC, 16);
    int problem = theirs[0] < 0 || theirs[1] < 0 ? errno : 0;
    close(sockets[1]);
    close(pipes[1]);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, theirs[0], commands_fd);
    posix_spawn_file_actions_adddup2(&actions, theirs[1], reports_fd);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    char name[sizeof starter_name];
    memcpy(name, starter_name, sizeof name);
    char *arguments[] = {name, NULL};
    pid_t pid = -1;
    if (!problem) problem = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (theirs[0] >= 0) close(theirs[0]);
    if (theirs[1] >= 0) close(theirs[1]);
    if (problem) {
        close(sockets[0]);
        close(pipes[0]);
        return -problem;
    }
    *commands = sockets[0];
    *reports = pipes[0];
    return pid;
}
