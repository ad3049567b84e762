#ifndef SLUICE_CONTAINER_H
#define SLUICE_CONTAINER_H

// What the files of the starter share; no part of the module's interface.

#include "starter.h"

#include <stddef.h>

// One container to start, as its command has it.
struct launch {
    uint32_t container;
    struct sluice_launch is;
    const char *program, *directory, *log, *stage, *groups, *cgroup;
    char **arguments, **environment, **mounts;
    pid_t joined_shim;
};

// MARK: - sandbox.c

// Starts the process of a container, in namespaces of its own where it is to have some, and in it `run`, which returns an errno where the
// program cannot be run. That, or an errno with the step that failed (SLUICE_MOUNT_FAILED), is written to `problem`. Returns the process
// ID, or the negative of such a number. Called once in a shim.
pid_t sluice_start_program(const struct launch *launch, int problem, int (*run)(const struct launch *));

// The last step before exec: the user, and what it may do. Returns 0 or errno.
int sluice_become_user(const struct launch *launch);

// Closes all descriptors from this one on, also where the kernel or a filter of system calls has no close_range.
void sluice_close_from(int first);

// Reads the beginning of a file of /proc or of a control group as text. Whether there is any.
int sluice_read_text(const char *path, char *text, size_t room);

// The parent of a process as /proc/PID/stat has it; 0 for none.
pid_t sluice_parent_of(pid_t pid);

// The exit code of a process, or 128 and its signal.
int sluice_exit_code(int status);

// MARK: - cgroup.c

// Makes the control group of a container with its limits; nothing where it has none. Returns 0 or errno.
int sluice_make_cgroup(const struct launch *launch);
// Moves this process there. Returns 0 or errno.
int sluice_enter_cgroup(const struct launch *launch);
// Kills all that is in it, at once.
void sluice_kill_cgroup(const struct launch *launch);
// Whether something in it was killed for want of memory.
int sluice_was_out_of_memory(const struct launch *launch);
// Removes it, when all its processes have ended.
void sluice_remove_cgroup(const struct launch *launch);

// MARK: - log.c

// A new, empty file in the place of whatever has its name: what the container may have put there is neither followed nor waited for.
int sluice_make_log_file(const char *path);
// Begins the log of this process' container, which writes to these two pipes. Returns 0 or errno.
int sluice_begin_log(const char *path, int output, int errors);
// The pipe of the output (0) or of the errors (1); -1 at its end.
int sluice_log_pipe(int index);
// Reads once from a pipe, without waiting.
void sluice_read_log(int index);
// Reads what is in the pipes when the container has ended. Who still has one of them open, from outside, is not waited for.
void sluice_finish_log(void);

#endif
