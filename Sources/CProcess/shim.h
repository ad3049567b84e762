#ifndef SLUICE_CPROCESS_SHIM_H
#define SLUICE_CPROCESS_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// Starts a program in a session and process group of its own, with /dev/null on descriptor 0, `log` on 1 and 2 and nothing else
// of ours. The kernel kills it when the THREAD that calls this ends, so that thread has to outlive the process. `path` is already
// looked up; `address_space` limits RLIMIT_AS where it is not 0. Returns the PID, or the negative errno of what failed, exec
// included. Between fork and exec only async-signal-safe calls are made.
static inline pid_t sluice_spawn(
    const char *path, char *const *arguments, char *const *environment, const char *directory, int log,
    uint64_t address_space) {
    int channel[2];
    if (syscall(SYS_pipe2, channel, O_CLOEXEC) != 0) return -errno;
    sigset_t all, old;
    sigfillset(&all);
    // No handler of ours runs in the child before they are reset.
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t parent = getpid();
    pid_t child = fork();
    int problem = child < 0 ? errno : 0;
    if (child == 0) {
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        // The parent may have died before the call above; its death is not told again.
        if (getppid() != parent) _exit(127);
        struct sigaction action = {.sa_handler = SIG_DFL};
        for (int number = 1; number < 65; number++) sigaction(number, &action, NULL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) goto failed;
        if (address_space) {
            struct rlimit limit = {.rlim_cur = address_space, .rlim_max = address_space};
            if (setrlimit(RLIMIT_AS, &limit) != 0) goto failed;
        }
        if (directory && chdir(directory) != 0) goto failed;
        // Everything else, the channel too, closes at exec, so that exec can still fail and be told.
        syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
        execve(path, arguments, environment);
    failed:
        problem = errno;
        ssize_t ignored = write(channel[1], &problem, sizeof problem);
        (void)ignored;
        _exit(127);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(channel[1]);
    if (child > 0) {
        int told = 0;
        ssize_t count;
        do count = read(channel[0], &told, sizeof told);
        while (count < 0 && errno == EINTR);
        if (count == (ssize_t)sizeof told) {
            problem = told;
            while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        }
    }
    close(channel[0]);
    return problem ? -problem : child;
}

// A descriptor that becomes readable when the process ends; -1 and errno.
static inline int sluice_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0u); }

// A counter to poll, for waking a poller; -1 and errno.
static inline int sluice_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// Whether the process has ended, without taking its PID: what is left in its group can still be signalled safely.
static inline int sluice_has_ended(pid_t process) {
    siginfo_t info = {0};
    return waitid(P_PID, process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == process;
}

// Takes the end of a process that has ended: its exit code, or 128 and the signal; -1 when it is not ours.
static inline int sluice_reap(pid_t process) {
    siginfo_t info = {0};
    int result;
    do result = waitid(P_PID, process, &info, WEXITED);
    while (result < 0 && errno == EINTR);
    if (result < 0) return -1;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

// Sends a signal to a whole process group.
static inline int sluice_kill_group(pid_t leader, int number) { return kill(-leader, number) == 0 ? 0 : errno; }

// The functions below open files whose names a container may have given to something else: a FIFO, a device, a link to a file of
// ours. They neither wait nor follow nor touch what is not a regular file.

// A file for reading; -1 and errno, EINVAL where there is no regular file.
static inline int sluice_open_file(const char *path) {
    int file = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    if (file < 0) return -1;
    struct stat information;
    int problem = fstat(file, &information) != 0 ? errno : S_ISREG(information.st_mode) ? 0 : EINVAL;
    if (!problem) return file;
    close(file);
    errno = problem;
    return -1;
}

// A new, empty file for appending, in the place of whatever had its name; -1 and errno. What is made anew is a regular file.
static inline int sluice_make_file(const char *path) {
    if (unlink(path) != 0 && errno != ENOENT) return -1;
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0644);
}

#endif
