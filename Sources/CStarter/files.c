#define _GNU_SOURCE
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { folder_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static int is_dots(const char *name) { return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])); }

// Opens a folder, in which its owner may have let nobody write.
static int open_folder(int above, const char *name) {
    int folder = openat(above, name, folder_flags);
    if (folder < 0 && errno == EACCES) {
        int handle = openat(above, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        char own[64];
        snprintf(own, sizeof own, "/proc/self/fd/%d", handle);
        if (handle >= 0 && chmod(own, 0700) == 0) folder = openat(above, name, folder_flags);
        if (handle >= 0) close(handle);
    }
    if (folder >= 0) fchmod(folder, 0700);
    return folder;
}

// Removes what is in `folder`, except for folders that are not empty: those are moved to `top`, so that no path is long. Returns errno.
static int empty(int folder, int top, unsigned *last, int *is_more) {
    int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) {
        int problem = errno;
        if (copy >= 0) close(copy);
        return problem;
    }
    int problem = 0;
    rewinddir(list);
    for (struct dirent *entry; !problem && (entry = readdir(list));) {
        const char *name = entry->d_name;
        if (is_dots(name) || unlinkat(folder, name, 0) == 0 || errno == ENOENT) continue;
        if (errno != EISDIR && errno != EPERM) {
            problem = errno;
        } else if (unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
            continue;
        } else if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES) {
            problem = errno;
        } else if (folder == top) {
            int inner = open_folder(top, name);
            if (inner < 0) {
                problem = errno;
            } else {
                problem = empty(inner, top, last, is_more);
                close(inner);
                if (!problem && unlinkat(top, name, AT_REMOVEDIR) != 0 && errno != ENOENT) problem = errno;
            }
        } else {
            // Who moves a folder writes to it.
            int inner = open_folder(folder, name);
            if (inner < 0) problem = errno; else close(inner);
            char other[32];
            do {
                snprintf(other, sizeof other, ".sluice-%u", ++*last);
            } while (!problem && syscall(SYS_renameat2, folder, name, top, other, 1u /* RENAME_NOREPLACE */) != 0 && (errno == EEXIST || (problem = errno, 0)));
            *is_more = 1;
        }
    }
    closedir(list);
    return problem;
}

int sluice_remove(const char *path) {
    if (unlink(path) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return errno;
    int top = open_folder(AT_FDCWD, path);
    if (top < 0) return errno == ENOENT ? 0 : errno;
    unsigned last = 0;
    int problem = 0;
    for (int is_more = 1; is_more && !problem;) {
        is_more = 0;
        problem = empty(top, top, &last, &is_more);
    }
    close(top);
    return problem ? problem : rmdir(path) != 0 && errno != ENOENT ? errno : 0;
}

static void give(int above, const char *name, gid_t group, mode_t bits, int depth) {
    int handle = openat(above, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat information;
    if (handle < 0) return;
    char own[64];
    snprintf(own, sizeof own, "/proc/self/fd/%d", handle);
    // Of the file that is looked at, whatever has its name by now.
    if (fstat(handle, &information) == 0 && fchownat(handle, "", (uid_t)-1, group, AT_EMPTY_PATH) == 0) {
        mode_t mode = information.st_mode & 07777;
        if (S_ISREG(information.st_mode)) chmod(own, mode | bits);
        if (S_ISDIR(information.st_mode)) {
            chmod(own, mode | bits | 02110);
            int folder = depth < 512 ? openat(handle, ".", folder_flags) : -1;
            DIR *list = folder < 0 ? NULL : fdopendir(folder);
            for (struct dirent *entry; list && (entry = readdir(list));) {
                if (!is_dots(entry->d_name)) give(folder, entry->d_name, group, bits, depth + 1);
            }
            if (list) closedir(list); else if (folder >= 0) close(folder);
        }
    }
    close(handle);
}

void sluice_give(const char *path, gid_t group, mode_t bits) { give(AT_FDCWD, path, group, bits, 0); }
