#ifndef SLUICE_STARTER_H
#define SLUICE_STARTER_H

#include <stdint.h>
#include <sys/types.h>

// The starter: a small process of this program's own that starts containers and ends all that comes of them. This program runs itself
// again under the name of the starter; starter.c takes over before `main` there.
//
// Beside each container stands a shim, which is the reaper of everything that descends from it: whoever forks twice, or makes a session
// of its own, stays below it. It writes what they print to the log. When the main process ends the shim kills the rest. The shim kills
// everything when the starter dies, and the starter ends everything when this program dies: SIGTERM, the grace period, SIGKILL.

// Commands, as frames on the stream: the length of what follows, the kind, the container, all of 32 bits, and
enum sluice_command {
    // launch: grace period in ms, numbers of arguments, of variables and of mounts, limit of memory in KiB or 0; then NUL-terminated: program, directory, log, an empty
    // folder for building mounts, arguments, variables, and for each mount what is mounted, where, and `ro` or `rw`
    SLUICE_LAUNCH = 1,
    // signal: its number. SIGKILL is for all processes of the container, others for its main process
    SLUICE_SIGNAL = 2,
    // stop: ms. SIGTERM for all main processes, SIGKILL for what is left after that time or its grace period, and the end of the starter
    SLUICE_STOP = 3,
};

enum sluice_report_kind {
    // the process ID of the container's main process, or what failed as a negative errno; less SLUICE_MOUNT_FAILED where it was a mount
    SLUICE_STARTED = 1,
    // its exit code, or 128 and its signal; nothing of the container is left
    SLUICE_EXITED = 2,
    // likewise, of one that was killed since it had more memory than its limit
    SLUICE_OUT_OF_MEMORY = 3,
};

enum { SLUICE_MOUNT_FAILED = 10000 };

// How large a file of a log becomes, and how many a container has: the one that is written to, which has the name, and others with a
// number behind it, which counts up. As with a kubelet (containerLogMaxSize, containerLogMaxFiles).
enum { SLUICE_LOG_SIZE = 10 << 20, SLUICE_LOG_FILES = 5 };

// What is told of containers, whole ones in a pipe. The pipe ends when the starter and all shims have.
struct sluice_report {
    uint32_t kind, container;
    int32_t value;
};

// Starts the starter in a session of its own. Gives the stream for commands and the pipe of reports; both are closed on exec. Returns its
// process ID, which is to be reaped after the end of the reports, or a negative errno.
pid_t sluice_start_starter(int *commands, int *reports);

#endif
