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
    // launch: struct sluice_launch; then NUL-terminated: program, directory, log, an empty folder for building mounts, supplementary groups
    // as `1,2`, the control group (v2) that is made for it, or that it joins, if any, arguments, variables, and for each mount its source, where it is to be, and what it is (sluice_mounts)
    SLUICE_LAUNCH = 1,
    // signal: its number. SIGKILL is for all processes of the container, others for its main process
    SLUICE_SIGNAL = 2,
    // stop: ms. SIGTERM for all main processes, SIGKILL for what is left after that time or its grace period, and the end of the starter
    SLUICE_STOP = 3,
};

// How a container is started. Numbers that are not set are 0, users and groups SLUICE_NOBODY.
struct sluice_launch {
    uint32_t grace;    // ms
    uint32_t arguments, variables, mounts;  // How many there are.
    uint32_t memory;   // KiB that it may have
    uint32_t cpu;      // Thousandths of a core that it may use
    uint32_t weight;   // Its share of busy cores, as cgroups have it: 1 to 10000
    uint32_t flags;    // sluice_flags
    uint32_t user, group;
    uint32_t capabilities[2];  // Those that root keeps, the lower 32 first.
    // The container whose namespaces it enters, and the process that was told of its start.
    uint32_t joined, joined_process;
};

enum { SLUICE_NOBODY = 0xffffffff };

enum sluice_flags {
    // Processes of its own: it sees and reaches no others. Its first one is ours, reaps orphans and passes signals on to the program.
    SLUICE_OWN_PROCESSES = 1,
    // All that is not mounted for it can only be read, and its /dev has what every program may expect.
    SLUICE_OWN_FILES = 2,
    // But the machine's /dev.
    SLUICE_ALL_DEVICES = 4,
    // No program that it runs may do more than it.
    SLUICE_NO_NEW_PRIVILEGES = 8,
    // Of root's capabilities only the given ones.
    SLUICE_FEWER_CAPABILITIES = 16,
};

// What a mount is, by its word:
//   ro, rw  the source, read-only or not. With `:NUMBER` behind it a part of the volume whose path has so many bytes: made where it is
//           missing, and never outside of the volume, whatever links are in it
//   seal    the source, read-only once the other mounts have been made in it
//   hide    an empty folder, or file, in the place of one that is there; where none is, nothing
//   layer   what is there, with a layer for changes that is kept in the folders `upper` and `work` of the source

enum sluice_report_kind {
    // the process ID of the container's main process, or what failed as a negative errno; less SLUICE_MOUNT_FAILED where the sandbox could
    // not be built, and less that once more for each mount up to the one that failed
    SLUICE_STARTED = 1,
    // its exit code, or 128 and its signal; nothing of the container is left
    SLUICE_EXITED = 2,
    // likewise, of one that was killed since it had more memory than its limit
    SLUICE_OUT_OF_MEMORY = 3,
};

enum { SLUICE_MOUNT_FAILED = 10000 };
// Of SLUICE_STARTED, with a negative errno: its control group could not be made or entered.
enum { SLUICE_CGROUP_FAILED = 5000 };
// Likewise: it cannot begin in its directory.
enum { SLUICE_DIRECTORY_FAILED = 2500 };

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
