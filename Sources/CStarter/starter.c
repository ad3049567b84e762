#define _GNU_SOURCE
#include "starter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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

static int exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + (WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static int child_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
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

// The parent of a process as /proc/PID/stat has it; 0 for none.
static pid_t parent_of(pid_t pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    if (size <= 0) return 0;
    text[size] = 0;
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
        add_pid(&parents, parent_of(pid));
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

// MARK: - The shim of one container

struct launch {
    uint32_t container, grace, memory;
    char *program, *directory, *log, *stage;
    char **arguments, **environment, **mounts;
    size_t mount_count;
};

// MARK: - Mounts

// Writes a whole file of /proc.
static int write_text(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t size = write(file, text, strlen(text));
    int problem = errno;
    close(file);
    errno = problem;
    return size < 0 ? -1 : 0;
}

// Mounts of its own for this process: as root, or in a user namespace in which it is nobody else.
static int enter_namespace(void) {
    uid_t user = geteuid();
    gid_t group = getegid();
    if (unshare(CLONE_NEWNS) != 0) {
        char text[64];
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return -1;
        if (write_text("/proc/self/setgroups", "deny") != 0 && errno != ENOENT) return -1;
        snprintf(text, sizeof text, "%u %u 1", user, user);
        if (write_text("/proc/self/uid_map", text) != 0) return -1;
        snprintf(text, sizeof text, "%u %u 1", group, group);
        if (write_text("/proc/self/gid_map", text) != 0) return -1;
    }
    // What is mounted outside later is seen, what is mounted here is not seen outside.
    return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
}

static int make_place(const char *path, int is_directory) {
    if (is_directory) return mkdir(path, 0755) != 0 && errno != EEXIST ? -1 : 0;
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0) return -1;
    close(file);
    return 0;
}

// Puts a folder of our own with the same content in the place of `path`, so that something can be added to it.
static int shadow(const char *path, const char *stage) {
    if (mount("sluice", stage, "tmpfs", 0, "mode=755") != 0) return -1;
    // Else it would be in itself, where it is below `path`.
    if (mount(NULL, stage, NULL, MS_UNBINDABLE, NULL) != 0) return -1;
    DIR *folder = opendir(path);
    if (!folder) return -1;
    int result = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(folder));) {
        char from[PATH_MAX], to[PATH_MAX], link[PATH_MAX];
        struct stat information;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        int length = snprintf(from, sizeof from, "%s/%s", path[1] ? path : "", entry->d_name);
        int other = snprintf(to, sizeof to, "%s/%s", stage, entry->d_name);
        if (length >= (int)sizeof from || other >= (int)sizeof to || lstat(from, &information) != 0) continue;
        if (S_ISLNK(information.st_mode)) {
            ssize_t size = readlink(from, link, sizeof link - 1);
            if (size < 0) continue;
            link[size] = 0;
            result = symlink(link, to);
        } else {
            result = make_place(to, S_ISDIR(information.st_mode));
            if (result == 0) result = mount(from, to, NULL, MS_BIND | MS_REC, NULL);
        }
        if (result != 0 && errno == ENOENT) result = 0;  // It went meanwhile.
    }
    int problem = errno;
    closedir(folder);
    errno = problem;
    if (result != 0) return -1;
    if (path[1]) return mount(stage, path, NULL, MS_MOVE, NULL);
    // The root cannot be moved onto.
    if (chdir(stage) != 0) return -1;
    if (syscall(SYS_pivot_root, ".", ".") == 0) return umount2(".", MNT_DETACH) != 0 ? -1 : chdir("/");
    return chroot(".") != 0 ? -1 : chdir("/");
}

// Whether `path` is at or below a place that is ours: what is made there is not made on the host.
static int is_ours(const char *path, char **mounts, size_t count, const char *shadowed) {
    size_t length = strlen(shadowed);
    if (length && strncmp(path, shadowed, length) == 0 && (path[length] == 0 || path[length] == '/')) return 1;
    for (size_t index = 0; index < count; index++) {
        const char *place = mounts[index * 3 + 1];
        length = strlen(place);
        if (strncmp(path, place, length) == 0 && (path[length] == 0 || path[length] == '/')) return 1;
    }
    return 0;
}

// Makes what is missing of the path of a mount, on no file system of the host.
static int make_mountpoint(const char *path, int is_directory, const struct launch *launch, size_t done) {
    char partial[PATH_MAX], above[PATH_MAX] = "/", shadowed[PATH_MAX] = "";
    struct stat information;
    for (const char *next = path; *next;) {
        const char *end = strchr(next + 1, '/');
        size_t length = end ? (size_t)(end - path) : strlen(path);
        if (length >= sizeof partial) return errno = ENAMETOOLONG, -1;
        memcpy(partial, path, length);
        partial[length] = 0;
        next = path + length;
        if (stat(partial, &information) != 0) {
            if (errno != ENOENT) return -1;
            if (!is_ours(above, launch->mounts, done, shadowed)) {
                char real[PATH_MAX];
                // Links on the way lead to where it is to be added.
                if (!realpath(above, real)) return -1;
                if (shadow(real, launch->stage) != 0) return -1;
                memcpy(shadowed, above, sizeof shadowed);
            }
            if (make_place(partial, *next || is_directory) != 0) return -1;
        }
        memcpy(above, partial, sizeof above);
    }
    return 0;
}

static int mount_one(const char *source, const char *target, int is_read_only, const struct launch *launch, size_t done) {
    struct stat information;
    if (stat(source, &information) != 0) return -1;
    if (make_mountpoint(target, S_ISDIR(information.st_mode), launch, done) != 0) return -1;
    if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) != 0) return -1;
    if (!is_read_only) return 0;
    struct statvfs kept;
    if (statvfs(target, &kept) != 0) return -1;
    unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY;
    // In a user namespace these may not be taken away.
    if (kept.f_flag & ST_NOSUID) flags |= MS_NOSUID;
    if (kept.f_flag & ST_NODEV) flags |= MS_NODEV;
    if (kept.f_flag & ST_NOEXEC) flags |= MS_NOEXEC;
    if (kept.f_flag & ST_NOATIME) flags |= MS_NOATIME;
    if (kept.f_flag & ST_RELATIME) flags |= MS_RELATIME;
    return mount(NULL, target, NULL, flags, NULL);
}

// Gives the process what is mounted for it. Returns 0 or errno.
static int mount_all(const struct launch *launch) {
    if (!launch->mount_count) return 0;
    if (enter_namespace() != 0) return errno;
    for (size_t index = 0; index < launch->mount_count; index++) {
        char **one = launch->mounts + index * 3;
        if (mount_one(one[0], one[1], strcmp(one[2], "ro") == 0, launch, index) != 0) return errno;
    }
    return 0;
}

// The program itself, between fork and exec. Returns only where that fails.
static int run_program(const struct launch *launch, int output, int errors) {
    setsid();
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < 65; number++) sigaction(number, &standard, NULL);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) return errno;
    int problem = mount_all(launch);
    if (problem) return SLUICE_MOUNT_FAILED + problem;
    if (launch->directory[0] && chdir(launch->directory) != 0) return errno;
    syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(launch->program, launch->arguments, launch->environment);
    return errno;
}

// A new, empty file in the place of whatever has its name: what the container may have put there is neither followed nor waited for.
static int make_file(const char *path) {
    if (unlink(path) != 0 && errno != ENOENT) return -1;
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0644);
}

// MARK: - The log

// What a container writes comes through two pipes and goes to its log as a container runtime writes it, a time, the stream and F or P
// before each line: `2026-01-02T03:04:05.123456789Z stdout F text`. P is for a piece of a line that goes on, or that never ended. Nothing
// is read while a write is under way, so that a container waits for a slow disk and no more than the buffers here is held.

enum { line_room = 16384, output_room = 65536, stamp_length = 30, head_length = stamp_length + 10 };

// What one pipe has brought of a line whose end has not come.
struct stream {
    int pipe;  // -1 at its end.
    const char *name;
    size_t used;
    char line[line_room];
};

// Of the one container of this process.
static struct stream streams[2] = {{.pipe = -1, .name = "stdout"}, {.pipe = -1, .name = "stderr"}};
static struct {
    const char *path;
    int file;
    uint32_t rotated;  // The number of the last file that was put aside.
    int64_t size;      // Of the file.
    uint64_t lost;     // Bytes that could not be written, and why.
    int problem;
    time_t second;  // What the stamp tells, but for its nanoseconds.
    char stamp[stamp_length + 2];
    size_t used;
    char output[output_room];
} container_log = {.file = -1, .second = -1};

static void look_at_clock(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    char *stamp = container_log.stamp;
    if (time.tv_sec != container_log.second) {
        struct tm parts;
        gmtime_r(&time.tv_sec, &parts);
        if (strftime(stamp, sizeof container_log.stamp, "%Y-%m-%dT%H:%M:%S.000000000Z", &parts) != stamp_length) {
            memcpy(stamp, "9999-12-31T23:59:59.000000000Z", stamp_length + 1);
        }
        container_log.second = time.tv_sec;
    }
    long nanoseconds = time.tv_nsec;
    for (int index = stamp_length - 2; index > stamp_length - 11; index--, nanoseconds /= 10) {
        stamp[index] = (char)('0' + nanoseconds % 10);
    }
}

// Writes all of it to the file, or nothing. Whether that was done.
static int write_to_log(const char *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t size = write(container_log.file, bytes + done, count - done);
        if (size > 0) {
            done += (size_t)size;
        } else if (size == 0 || errno != EINTR) {
            container_log.problem = size == 0 ? ENOSPC : errno;
            // No part of a line is left: the next one is to begin with its time. Where that fails too a reader shows the part as it is.
            if (done && ftruncate(container_log.file, container_log.size) != 0) container_log.size += (int64_t)done;
            return 0;
        }
    }
    container_log.size += (int64_t)count;
    return 1;
}

// Writes what is in the buffer. On a full disk the container goes on, and the log tells later how much it lacks.
static void flush_log(void) {
    if (!container_log.used) return;
    int64_t before = container_log.size;
    uint64_t lost = container_log.lost;
    if (lost) {
        char text[256];
        int length = snprintf(text, sizeof text, "%s stderr F sluice: %llu bytes of this log could not be written: %s\n",
            container_log.stamp, (unsigned long long)lost, strerror(container_log.problem));
        if (length > 0 && length < (int)sizeof text && write_to_log(text, (size_t)length)) container_log.lost = 0;
    }
    if (!write_to_log(container_log.output, container_log.used)) {
        // There may be room for that line alone: it is told once, when there is room for more.
        if (container_log.size > before && ftruncate(container_log.file, before) == 0) {
            container_log.size = before;
            container_log.lost = lost;
        }
        container_log.lost += container_log.used;
    }
    container_log.used = 0;
}

// Puts the file aside under the next number and begins another; the oldest goes.
static void rotate_log(void) {
    char name[PATH_MAX];
    const char *path = container_log.path;
    flush_log();
    int length = snprintf(name, sizeof name, "%s.%u", path, container_log.rotated + 1);
    int is_aside = length < (int)sizeof name && rename(path, name) == 0;
    int file = make_file(path);
    if (file < 0) {
        // The container has seen to it that no file can be made here. Its log is no larger for that.
        if (is_aside) rename(name, path);
        if (ftruncate(container_log.file, 0) == 0) container_log.size = 0;
        return;
    }
    close(container_log.file);
    container_log.file = file;
    container_log.size = 0;
    container_log.rotated += 1;
    if (container_log.rotated < SLUICE_LOG_FILES) return;
    snprintf(name, sizeof name, "%s.%u", path, container_log.rotated + 1 - SLUICE_LOG_FILES);
    unlink(name);
}

static void add_to_log(const struct stream *stream, char tag, const char *text, size_t count) {
    size_t size = head_length + count + 1;
    int64_t whole = container_log.size + (int64_t)container_log.used;
    if (whole && whole + (int64_t)size > SLUICE_LOG_SIZE) rotate_log();
    if (container_log.used + size > output_room) flush_log();
    char *next = container_log.output + container_log.used;
    memcpy(next, container_log.stamp, stamp_length);
    next[stamp_length] = ' ';
    memcpy(next + stamp_length + 1, stream->name, 6);
    next[stamp_length + 7] = ' ';
    next[stamp_length + 8] = tag;
    next[stamp_length + 9] = ' ';
    memcpy(next + head_length, text, count);
    next[head_length + count] = '\n';
    container_log.used += size;
}

// Writes what has come of a line that does not go on.
static void end_line(struct stream *stream) {
    if (!stream->used) return;
    look_at_clock();
    add_to_log(stream, 'P', stream->line, stream->used);
    flush_log();
    stream->used = 0;
}

// Reads once from a pipe, without waiting. Returns the number of bytes, 0 where there is nothing now or any more.
static size_t read_stream(struct stream *stream) {
    if (stream->pipe < 0) return 0;
    ssize_t size = read(stream->pipe, stream->line + stream->used, line_room - stream->used);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (size <= 0) {
        close(stream->pipe);
        stream->pipe = -1;
        end_line(stream);
        return 0;
    }
    look_at_clock();
    char *begin = stream->line, *end = begin + stream->used + size;
    for (char *next = begin + stream->used, *newline; (newline = memchr(next, '\n', (size_t)(end - next)));) {
        add_to_log(stream, 'F', begin, (size_t)(newline - begin));
        begin = next = newline + 1;
    }
    if (end - begin == line_room) {
        add_to_log(stream, 'P', begin, line_room);
        begin = end;
    }
    stream->used = (size_t)(end - begin);
    memmove(stream->line, begin, stream->used);
    flush_log();
    return (size_t)size;
}

// Reads what is in the pipes when the container has ended. Who still has one of them open, from outside, is not waited for.
static void finish_log(void) {
    int64_t left[2] = {0, 0};
    for (int index = 0; index < 2; index++) {
        int room = streams[index].pipe < 0 ? 0 : fcntl(streams[index].pipe, F_GETPIPE_SZ);
        left[index] = room > 0 ? room : 65536;
    }
    for (int is_more = 1; is_more;) {
        is_more = 0;
        for (int index = 0; index < 2; index++) {
            size_t size = left[index] > 0 ? read_stream(&streams[index]) : 0;
            left[index] -= (int64_t)size;
            is_more |= size > 0;
        }
    }
    for (int index = 0; index < 2; index++) end_line(&streams[index]);
}

// MARK: - The shim itself

// Takes the ends of all that has ended. Whether nothing is left.
static int reap(pid_t program, int *code) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == program) *code = exit_code(status);
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

// What the container has in memory for itself, in KiB: without what it shares, the files of programs above all.
static uint64_t memory_used(void) {
    struct pids found = {0};
    find_descendants(getpid(), &found);
    uint64_t pages = 0;
    for (size_t index = 1; index < found.count; index++) {
        char path[64], text[128];
        snprintf(path, sizeof path, "/proc/%d/statm", found.list[index]);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0) continue;
        ssize_t size = read(file, text, sizeof text - 1);
        close(file);
        if (size <= 0) continue;
        text[size] = 0;
        unsigned long long resident, shared;
        if (sscanf(text, "%*u %llu %llu", &resident, &shared) == 2 && resident > shared) pages += resident - shared;
    }
    free(found.list);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

// The container has ended with all of it: its log does, and that is told.
static _Noreturn void end_shim(const struct launch *launch, uint32_t kind, int code) {
    finish_log();
    report(kind, launch->container, code);
    _exit(0);
}

static _Noreturn void run_shim(const struct launch *launch, int control) {
    prctl(PR_SET_NAME, "sluice-shim");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int signals = child_signals();
    container_log.path = launch->log;
    container_log.file = make_file(launch->log);
    int problem[2], output[2], errors[2];
    if (container_log.file < 0 || signals < 0 || pipe2(problem, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0
        || pipe2(errors, O_CLOEXEC) != 0) {
        report(SLUICE_STARTED, launch->container, -errno);
        _exit(0);
    }
    pid_t program = fork();
    if (program == 0) {
        int error = run_program(launch, output[1], errors[1]);
        while (write(problem[1], &error, sizeof error) < 0 && errno == EINTR) {}
        _exit(127);
    }
    int error = program < 0 ? errno : 0;
    close(output[1]);
    close(errors[1]);
    close(problem[1]);
    streams[0].pipe = output[0];
    streams[1].pipe = errors[0];
    // Of this end only: the container's waits.
    for (int index = 0; index < 2; index++) fcntl(streams[index].pipe, F_SETFL, O_NONBLOCK);
    ssize_t size = 0;
    while (!error && (size = read(problem[0], &error, sizeof error)) < 0 && errno == EINTR) {}
    close(problem[0]);
    int code = -1;
    if (error) {
        if (program > 0) kill_all(program, &code);
        report(SLUICE_STARTED, launch->container, -error);
        _exit(0);
    }
    report(SLUICE_STARTED, launch->container, program);
    int64_t next_look = now_ms() + memory_interval;
    for (;;) {
        struct pollfd events[] = {
            {signals, POLLIN, 0}, {control, POLLIN, 0}, {streams[0].pipe, POLLIN, 0}, {streams[1].pipe, POLLIN, 0}};
        int64_t wait = launch->memory ? next_look - now_ms() : -1;
        int count = poll(events, 4, launch->memory && wait < 0 ? 0 : (int)wait);
        if (count < 0) continue;
        if (launch->memory && now_ms() >= next_look) {
            if (memory_used() > launch->memory) {
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
                kill_all(program, &code);
            }
        }
        if (code >= 0) {
            kill_all(program, &code);
            end_shim(launch, SLUICE_EXITED, code);
        }
        for (int index = 0; index < 2; index++) {
            if (events[2 + index].revents) read_stream(&streams[index]);
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
        syscall(SYS_close_range, (unsigned)first_other_fd, ~0u, 0u);
        if (own < 0) _exit(1);
        run_shim(launch, own);
    }
    int problem = errno;
    close(control[0]);
    if (pid < 0) {
        close(control[1]);
        return report(SLUICE_STARTED, launch->container, -problem);
    }
    shims[shim_count++] = (struct shim){launch->container, launch->grace, pid, control[1]};
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
        if (parent_of(pid) == getpid() && !shim_of(pid)) kill(pid, SIGKILL);
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
    if (kind != SLUICE_LAUNCH || length < 32 || frame[length - 1]) return -1;
    size_t arguments = number_at(frame + 12), variables = number_at(frame + 16), mounts = number_at(frame + 20);
    uint32_t memory = number_at(frame + 24);
    size_t sum = arguments + variables + mounts * 3;
    char **strings = sum < length ? calloc(sum + 2, sizeof *strings) : NULL;
    if (!strings) return report(SLUICE_STARTED, container, -E2BIG), -1;
    struct launch launch = {.container = container, .grace = first, .memory = memory};
    char *next = frame + 28, *end = frame + length;
    char **heads[] = {&launch.program, &launch.directory, &launch.log, &launch.stage};
    int is_whole = 1;
    for (size_t index = 0; index < 4 + sum; index++) {
        if (next >= end) {
            is_whole = 0;
            break;
        }
        // The arguments end with NULL, and so do the variables behind them; mounts follow.
        size_t at = index < 4 ? 0 : index - 4;
        char **place = index < 4 ? heads[index] : &strings[at + (at >= arguments) + (at >= arguments + variables)];
        *place = next;
        next += strlen(next) + 1;
    }
    launch.arguments = strings;
    launch.environment = strings + arguments + 1;
    launch.mounts = launch.environment + variables + 1;
    launch.mount_count = mounts;
    if (is_whole) launch_container(&launch); else report(SLUICE_STARTED, container, -EINVAL);
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
    syscall(SYS_close_range, (unsigned)first_other_fd, ~0u, 0u);
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
