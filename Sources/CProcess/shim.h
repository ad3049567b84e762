#ifndef SLUICE_CPROCESS_SHIM_H
#define SLUICE_CPROCESS_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// Starts a program in a session and process group of its own, with nothing of ours but the log on its descriptors 1 and 2. It dies
// with the thread that calls this: the caller is a thread that lives as long as the process. Returns the PID, or the negative
// errno of what failed, exec included. Between fork and exec only async-signal-safe calls are made.
static inline pid_t sluice_spawn(
    const char *path, char *const *arguments, char *const *environment, const char *directory, int log) {
    int channel[2];
    if (syscall(SYS_pipe2, channel, O_CLOEXEC) != 0) return -errno;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        // The parent may have died before the call above.
        if (getppid() != parent) _exit(127);
        struct sigaction action = {.sa_handler = SIG_DFL};
        for (int number = 1; number < 65; number++) sigaction(number, &action, NULL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        int null = open("/dev/null", O_RDONLY);
        if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) goto failed;
        // All but the first three, and the channel, close by themselves at exec; what others opened carelessly is closed here.
        syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
        if (directory && chdir(directory) != 0) goto failed;
        execve(path, arguments, environment);
    failed:;
        int problem = errno;
        ssize_t ignored = write(channel[1], &problem, sizeof problem);
        (void)ignored;
        _exit(127);
    }
    int forkProblem = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(channel[1]);
    int problem = 0;
    if (child < 0) {
        problem = forkProblem;
    } else {
        ssize_t count;
        do count = read(channel[0], &problem, sizeof problem);
        while (count < 0 && errno == EINTR);
        if (count != sizeof problem) problem = 0;
        if (problem) waitpid(child, NULL, 0);
    }
    close(channel[0]);
    return problem ? -problem : child;
}

// A pipe that does not block and is not inherited.
static inline int sluice_pipe(int *descriptors) {
    return (int)syscall(SYS_pipe2, descriptors, O_CLOEXEC | O_NONBLOCK);
}

// A descriptor that becomes readable when the process ends.
static inline int sluice_pidfd(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0u); }

// Takes the end of a process: its exit code, or 128 and the signal.
static inline int sluice_exit_code(pid_t process) {
    int status = 0;
    pid_t result;
    do result = waitpid(process, &status, 0);
    while (result < 0 && errno == EINTR);
    if (result < 0) return 255;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

#endif
