#ifndef SLUICE_CPROCESS_SHIM_H
#define SLUICE_CPROCESS_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

// A counter to poll, for waking a poller; -1 and errno.
static inline int sluice_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// Where the last newline of so many bytes is; -1 where there is none.
static inline long sluice_last_newline(const void *bytes, long count) {
    while (count > 0 && ((const char *)bytes)[count - 1] != '\n') count--;
    return count - 1;
}

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
