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

// glibc has it for _GNU_SOURCE only.
extern int clone(int (*function)(void *), void *stack, int flags, void *argument, ...);

struct sluice_launch {
    const char *path, *directory;
    char *const *arguments, *const *environment;
    int log;
    uint64_t address_space;
    pid_t parent;
    // Set by the child where something fails: it shares our memory.
    int problem;
};

// The child between clone and exec. It runs in our memory on a stack of its own, with all signals blocked: system calls alone.
static inline int sluice_exec(void *argument) {
    struct sluice_launch *launch = argument;
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The parent may have died before the call above; its death is not told again.
    if (getppid() != launch->parent) _exit(127);
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < 65; number++) sigaction(number, &action, NULL);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(launch->log, 1) < 0 || dup2(launch->log, 2) < 0) goto failed;
    if (launch->address_space) {
        struct rlimit limit = {.rlim_cur = launch->address_space, .rlim_max = launch->address_space};
        if (setrlimit(RLIMIT_AS, &limit) != 0) goto failed;
    }
    if (launch->directory && chdir(launch->directory) != 0) goto failed;
    syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
    sigset_t none;
    sigemptyset(&none);
    // Handlers are the default ones by now: none of ours can run here.
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(launch->path, launch->arguments, launch->environment);
failed:
    launch->problem = errno;
    _exit(127);
}

// Starts a program in a session and process group of its own, with /dev/null on descriptor 0, `log` on 1 and 2 and nothing else
// of ours. The kernel kills it when the THREAD that calls this ends, so that thread has to outlive the process. `path` is already
// looked up; `address_space` limits RLIMIT_AS where it is not 0. Returns the PID, or the negative errno of what failed, exec
// included. The cost does not grow with our memory, as that of fork does: no page table is copied. This thread waits until exec.
static inline pid_t sluice_spawn(
    const char *path, char *const *arguments, char *const *environment, const char *directory, int log,
    uint64_t address_space) {
    struct sluice_launch launch = {
        .path = path, .directory = directory, .arguments = arguments, .environment = environment, .log = log,
        .address_space = address_space, .parent = getpid()};
    char stack[32768] __attribute__((aligned(16)));
    sigset_t all, old;
    sigfillset(&all);
    // No handler of ours runs in the child before they are reset.
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t child = clone(sluice_exec, stack + sizeof stack, 0x100 /* CLONE_VM */ | 0x4000 /* CLONE_VFORK */ | SIGCHLD, &launch);
    int problem = child < 0 ? errno : launch.problem;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (child > 0 && problem) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    }
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
