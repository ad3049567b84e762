#define _GNU_SOURCE
#include "container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// These came with Linux 5.2 and 5.12, and to C libraries later. Their numbers are the same on all machines.
enum { open_tree_call = 428, move_mount_call = 429, open_call = 437, set_mount_call = 442 };
enum { clone_tree = 1, whole_tree = 0x8000 /* AT_RECURSIVE */, empty_path = 4, follow_target = 0x10, read_only_attribute = 1 };
struct mount_attributes {
    uint64_t set, clear, propagation, user_namespace;
};
// Of openat2: no way out of the folder, by `..`, by a link or by one of /proc.
enum { stay_below = 0x08 | 0x02 };
struct open_how {
    uint64_t flags, mode, resolve;
};

// Who this process is outside, and whether it has a user namespace of its own.
static struct {
    uid_t user;
    gid_t group;
    int is_mapped;
    // The mount namespace of the container that is joined, and that of its control groups, else -1.
    int mounts, cgroups;
} identity = {.mounts = -1, .cgroups = -1};

// An empty folder for building what is then moved to its place. That of a container with files of its own is in its /dev, over which
// nobody mounts anything.
static const char *stage;
static const char own_stage[] = "/dev/.sluice";

static int has(const struct launch *launch, uint32_t flag) { return (launch->is.flags & flag) != 0; }

// Whether `path` is `folder` or below it.
static int is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return length && strncmp(path, folder, length) == 0 && (path[length] == 0 || path[length] == '/');
}

// MARK: - Users

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

// In its user namespace the process is the one user that it is outside, by the name that the container wants.
static int map_user(const struct launch *launch) {
    char text[64];
    if (write_text("/proc/self/setgroups", "deny") != 0 && errno != ENOENT) return -1;
    uint32_t user = launch->is.user == SLUICE_NOBODY ? identity.user : launch->is.user;
    uint32_t group = launch->is.group == SLUICE_NOBODY ? identity.group : launch->is.group;
    snprintf(text, sizeof text, "%u %u 1", user, identity.user);
    if (write_text("/proc/self/uid_map", text) != 0) return -1;
    snprintf(text, sizeof text, "%u %u 1", group, identity.group);
    return write_text("/proc/self/gid_map", text);
}

static int set_groups(const char *text) {
    gid_t groups[1024];
    size_t count = 0;
    for (char *end; *text; text = *end ? end + 1 : end) {
        if (count == sizeof groups / sizeof *groups) return errno = EINVAL, -1;
        groups[count++] = (gid_t)strtoul(text, &end, 10);
        if (end == text) return errno = EINVAL, -1;
    }
    return setgroups(count, groups);
}

int sluice_become_user(const struct launch *launch) {
    const struct sluice_launch *is = &launch->is;
    if (has(launch, SLUICE_FEWER_CAPABILITIES) && (geteuid() == 0 || identity.is_mapped)) {
        // Neither what would be handed on over exec.
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) return errno;
        // Root gets with exec what it may have at most.
        for (unsigned long number = 0; number < 64; number++) {
            int is_kept = is->capabilities[number / 32] >> (number % 32) & 1;
            if (!is_kept && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0 && errno != EINVAL) return errno;
        }
    }
    // In a user namespace it is that user already.
    if (geteuid() == 0 && !identity.is_mapped && (is->user != SLUICE_NOBODY || is->group != SLUICE_NOBODY || launch->groups[0])) {
        if (set_groups(launch->groups) != 0) return errno;
    }
    if (is->group != SLUICE_NOBODY && is->group != getegid() && setresgid(is->group, is->group, is->group) != 0) return errno;
    if (is->user != SLUICE_NOBODY && is->user != geteuid() && setresuid(is->user, is->user, is->user) != 0) return errno;
    if (has(launch, SLUICE_NO_NEW_PRIVILEGES) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    return 0;
}

// MARK: - Mounts

static int make_place(const char *path, int is_directory) {
    if (is_directory) return mkdir(path, 0755) != 0 && errno != EEXIST ? -1 : 0;
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0) return -1;
    close(file);
    return 0;
}

// Folders of our own that stand in the place of others, to be made read-only like these.
static struct {
    char *paths[256];
    dev_t devices[256];
    size_t count;
} shadows;

// Puts a folder of our own with the same content in the place of `path`, so that something can be added to it.
static int shadow(const char *path) {
    if (shadows.count == sizeof shadows.paths / sizeof *shadows.paths) return errno = E2BIG, -1;
    struct stat own;
    if (!(shadows.paths[shadows.count] = strdup(path))) return -1;
    if (mount("sluice", stage, "tmpfs", 0, "mode=755") != 0 || stat(stage, &own) != 0) return -1;
    shadows.devices[shadows.count++] = own.st_dev;
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
    // Later ones have it in them, when they stand above it.
    if (mount(NULL, stage, NULL, MS_PRIVATE, NULL) != 0) return -1;
    if (path[1]) return mount(stage, path, NULL, MS_MOVE, NULL);
    // The root cannot be moved onto.
    if (chdir(stage) != 0) return -1;
    if (syscall(SYS_pivot_root, ".", ".") == 0) return umount2(".", MNT_DETACH) != 0 ? -1 : chdir("/");
    return chroot(".") != 0 ? -1 : chdir("/");
}

// Whether `path` is at or below a place that is ours: what is made there is not made on the host.
static int is_ours(const char *path, const struct launch *launch, size_t count, const char *shadowed) {
    if (is_below(path, shadowed)) return 1;
    if (has(launch, SLUICE_OWN_FILES) && is_below(path, "/dev")) return 1;
    // In a folder of our own that an earlier mount has made: no second one is put over it.
    struct stat information;
    for (size_t index = 0; index < shadows.count && stat(path, &information) == 0; index++) {
        if (shadows.devices[index] == information.st_dev) return 1;
    }
    for (size_t index = 0; index < count; index++) {
        if (is_below(path, launch->mounts[index * 3 + 1])) return 1;
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
            if (!is_ours(above, launch, done, shadowed)) {
                char real[PATH_MAX];
                // Links on the way lead to where it is to be added.
                if (!realpath(above, real)) return -1;
                if (shadow(real) != 0) return -1;
                memcpy(shadowed, above, sizeof shadowed);
            }
            if (make_place(partial, *next || is_directory) != 0) return -1;
        }
        memcpy(above, partial, sizeof above);
    }
    return 0;
}

// What is seen at `path` now, to be mounted elsewhere; the descriptor of a tree, or -1.
static int take_tree(const char *path) {
    return (int)syscall(open_tree_call, AT_FDCWD, path, clone_tree | whole_tree | O_CLOEXEC);
}

static int open_below(int folder, const char *path) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = stay_below};
    return (int)syscall(open_call, folder, path, &how, sizeof how);
}

// Opens part of a volume, in which a container may have put links to anywhere: they lead to what is in the volume, or nowhere. The first
// `trusted` bytes of the path are the volume. What is missing is made, for who may use the volume.
static int open_part(const char *path, size_t trusted) {
    char text[PATH_MAX];
    size_t length = strlen(path);
    struct stat volume;
    if (length >= sizeof text || trusted >= length || path[trusted] != '/') return errno = EINVAL, -1;
    memcpy(text, path, length + 1);
    text[trusted] = 0;
    int folder = open(text, O_PATH | O_DIRECTORY | O_CLOEXEC), found = -1;
    if (folder < 0 || fstat(folder, &volume) != 0) return -1;
    char *part = text + trusted + 1;
    for (char *end = part; end; ) {
        if ((end = strchr(end, '/'))) *end = 0;
        if (found >= 0) close(found);
        found = open_below(folder, part);
        if (found < 0 && errno == ENOENT) {
            char *last = strrchr(part, '/');
            if (last) *last = 0;
            int above = last ? open_below(folder, part) : folder;
            if (last) *last = '/';
            if (above >= 0) {
                int made = mkdirat(above, last ? last + 1 : part, 0700);
                if (made == 0 || errno == EEXIST) found = open_below(folder, part);
                char own[64];
                snprintf(own, sizeof own, "/proc/self/fd/%d", found);
                if (made == 0 && found >= 0 && chmod(own, volume.st_mode & 07777) != 0) found = (close(found), -1);
                if (last) close(above);
            }
        }
        if (found < 0) break;
        if (end) *end++ = '/';
    }
    int problem = errno;
    close(folder);
    errno = problem;
    return found;
}

// What is at `path` with a layer for changes, which is kept in `folder`.
static int take_layered(const char *path, const char *folder) {
    char options[3 * PATH_MAX + 64];
    // Parts of the options are told apart by these.
    if (strpbrk(path, ":,\\") || strpbrk(folder, ":,\\")) return errno = EINVAL, -1;
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work%s", path, folder, folder,
        identity.is_mapped ? ",userxattr" : "");
    if (mount("sluice", stage, "overlay", MS_NOSUID | MS_NODEV, options) != 0) return -1;
    int tree = take_tree(stage), problem = errno;
    umount2(stage, MNT_DETACH);
    errno = problem;
    return tree;
}

static int make_read_only(const char *path) {
    struct statvfs kept;
    if (statvfs(path, &kept) != 0) return -1;
    unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY;
    // In a user namespace these may not be taken away.
    if (kept.f_flag & ST_NOSUID) flags |= MS_NOSUID;
    if (kept.f_flag & ST_NODEV) flags |= MS_NODEV;
    if (kept.f_flag & ST_NOEXEC) flags |= MS_NOEXEC;
    // Whether times of access are kept stays as it is where nothing is said of it.
    return mount(NULL, path, NULL, flags, NULL);
}

// An empty folder in the place of one that is there.
static int hide(const char *path) {
    struct stat information;
    if (stat(path, &information) != 0) return errno == ENOENT ? 0 : -1;
    if (!S_ISDIR(information.st_mode)) return mount("/dev/null", path, NULL, MS_BIND, NULL);
    return mount("sluice", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m");
}

// One mount of the list, of a tree that was taken before, or of what is at its source where that is -1.
static int mount_one(size_t index, int tree, const struct launch *launch) {
    const char *source = launch->mounts[index * 3], *target = launch->mounts[index * 3 + 1], *kind = launch->mounts[index * 3 + 2];
    if (strcmp(kind, "hide") == 0) return hide(target);
    struct stat information;
    if (tree >= 0 ? fstat(tree, &information) != 0 : stat(source, &information) != 0) return -1;
    if (make_mountpoint(target, S_ISDIR(information.st_mode), launch, index) != 0) return -1;
    if (tree >= 0) {
        if (syscall(move_mount_call, tree, "", AT_FDCWD, target, empty_path | follow_target) != 0) return -1;
    } else if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) != 0) {
        return -1;
    }
    return strncmp(kind, "ro", 2) == 0 ? make_read_only(target) : 0;
}

// MARK: - /dev and /proc

// The control group of the container, and what is below it, in the place of all: programs read their limits there. Where that cannot be
// they read those of the machine.
static int show_own_cgroup(void) {
    if (unshare(CLONE_NEWCGROUP) != 0) return 0;
    // Neither read-only at once, since the file system is the machine's, nor at once on a mount of the same file system.
    if (mount("cgroup2", stage, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) return 0;
    if (mount(stage, "/sys/fs/cgroup", NULL, MS_MOVE, NULL) != 0) return -1;
    return make_read_only("/sys/fs/cgroup");
}

// A /dev with what every program may expect.
static int make_devices(void) {
    static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
    static const char *const links[][2] = {
        {"/proc/self/fd", "fd"}, {"fd/0", "stdin"}, {"fd/1", "stdout"}, {"fd/2", "stderr"}, {"pts/ptmx", "ptmx"}};
    char from[PATH_MAX], to[PATH_MAX];
    if (mount("sluice", stage, "tmpfs", MS_NOSUID, "mode=755,size=1m") != 0) return -1;
    for (size_t index = 0; index < sizeof nodes / sizeof *nodes; index++) {
        snprintf(from, sizeof from, "/dev/%s", nodes[index]);
        if (snprintf(to, sizeof to, "%s/%s", stage, nodes[index]) >= (int)sizeof to) return errno = ENAMETOOLONG, -1;
        if (access(from, F_OK) != 0) continue;
        if (make_place(to, 0) != 0 || mount(from, to, NULL, MS_BIND, NULL) != 0) return -1;
    }
    for (size_t index = 0; index < sizeof links / sizeof *links; index++) {
        snprintf(to, sizeof to, "%s/%s", stage, links[index][1]);
        if (symlink(links[index][0], to) != 0) return -1;
    }
    // As large as container runtimes make it: who needs more mounts an emptyDir there.
    snprintf(to, sizeof to, "%s/shm", stage);
    if (mkdir(to, 01777) != 0 || mount("sluice", to, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m") != 0) return -1;
    snprintf(to, sizeof to, "%s/pts", stage);
    if (mkdir(to, 0755) != 0 || mount("devpts", to, "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620") != 0) return -1;
    return mount(stage, "/dev", NULL, MS_MOVE, NULL);
}

// The processes of this namespace, and no more, in /proc.
static int show_own_processes(const struct launch *launch) {
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) return -1;
    // Root could change the machine by these.
    static const char *const settings[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"};
    if (identity.is_mapped || !has(launch, SLUICE_FEWER_CAPABILITIES)) return 0;
    for (size_t index = 0; index < sizeof settings / sizeof *settings; index++) {
        if (access(settings[index], F_OK) != 0) continue;
        if (mount(settings[index], settings[index], NULL, MS_BIND | MS_REC, NULL) != 0 || make_read_only(settings[index]) != 0) return -1;
    }
    return 0;
}

// MARK: - All of it

// An errno of step 0, which is the sandbox, or of mount number step - 1.
static int problem_of(size_t step) { return SLUICE_MOUNT_FAILED * (1 + (int)step) + errno; }

static int build(const struct launch *launch) {
    size_t count = launch->is.mounts;
    int is_own = has(launch, SLUICE_OWN_FILES);
    stage = launch->stage;
    // What is mounted here is not seen outside. Where the host is not to be written to, what is mounted there later is not seen here.
    if (mount(NULL, "/", NULL, MS_REC | (is_own ? MS_PRIVATE : MS_SLAVE), NULL) != 0) return problem_of(0);
    int *trees = calloc(count + 1, sizeof *trees);
    if (!trees) return problem_of(0);
    // What will be covered is taken before, and before it is read-only.
    for (size_t index = 0; index < count; index++) {
        char **one = launch->mounts + index * 3;
        trees[index] = -1;
        char *trusted = strchr(one[2], ':');
        if (trusted) {
            static char parts[32];
            int part = open_part(one[0], strtoul(trusted + 1, NULL, 10));
            if (part < 0) return problem_of(index + 1);
            snprintf(parts, sizeof parts, "/proc/self/fd/%d", part);
            // As the same file, whatever has its name now. It stays open till exec.
            if (!(one[0] = strdup(parts))) return problem_of(index + 1);
        }
        if ((!is_own && !trusted) || strcmp(one[2], "hide") == 0) continue;
        trees[index] = strcmp(one[2], "layer") == 0 ? take_layered(one[1], one[0]) : take_tree(one[0]);
        if (trees[index] < 0) return problem_of(index + 1);
    }
    struct mount_attributes read_only = {.set = read_only_attribute};
    if (is_own && syscall(set_mount_call, AT_FDCWD, "/", whole_tree, &read_only, sizeof read_only) != 0) return problem_of(0);
    if (has(launch, SLUICE_OWN_PROCESSES) && show_own_processes(launch) != 0) return problem_of(0);
    if (is_own && launch->cgroup[0] && show_own_cgroup() != 0) return problem_of(0);
    if (is_own) {
        if ((has(launch, SLUICE_ALL_DEVICES) ? shadow("/dev") : make_devices()) != 0) return problem_of(0);
        if (mkdir(own_stage, 0700) != 0) return problem_of(0);
        stage = own_stage;
    }
    int has_stage = is_own;
    for (size_t index = 0; index < count; index++) {
        // What is mounted over /dev comes last, but for what is in it: there are no more mounts to build.
        if (has_stage && strcmp(launch->mounts[index * 3 + 1], "/dev") == 0) {
            if (rmdir(own_stage) != 0) return problem_of(0);
            has_stage = 0;
        }
        if (mount_one(index, trees[index], launch) != 0) return problem_of(index + 1);
        if (trees[index] >= 0) close(trees[index]);
    }
    for (size_t index = 0; index < count; index++) {
        if (strcmp(launch->mounts[index * 3 + 2], "seal") != 0) continue;
        const char *target = launch->mounts[index * 3 + 1];
        // What another mount covers is not seen.
        int is_covered = 0;
        for (size_t later = index + 1; later < count; later++) is_covered |= strcmp(launch->mounts[later * 3 + 1], target) == 0;
        if (!is_covered && make_read_only(target) != 0) return problem_of(index + 1);
    }
    free(trees);
    if (has_stage && rmdir(own_stage) != 0) return problem_of(0);
    for (size_t index = 0; is_own && index < shadows.count; index++) {
        if (strcmp(shadows.paths[index], "/dev") == 0) continue;
        if (syscall(set_mount_call, AT_FDCWD, shadows.paths[index], 0, &read_only, sizeof read_only) != 0) return problem_of(0);
    }
    return 0;
}

// The first process of a container with processes of its own: the reaper of all orphans, which tells the program the signals that it gets
// and ends with it. The kernel ends all others then.
static _Noreturn void be_first_process(pid_t program, const struct launch *launch) {
    prctl(PR_SET_NAME, "sluice-init");
    // Hooks may tell process 1 signals, as whom the container runs. It is nobody else's for that: who looks into it must be who it is effectively.
    if (launch->is.user != SLUICE_NOBODY) setresuid(launch->is.user, (uid_t)-1, (uid_t)-1);
    sluice_close_from(0);
    sigset_t all;
    sigfillset(&all);
    for (;;) {
        int number = sigwaitinfo(&all, NULL), status;
        if (number > 0 && number != SIGCHLD) kill(program, number);
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (pid == program) _exit(sluice_exit_code(status));
        }
    }
}

// Enters the namespaces of the container that is joined, but for its mounts and control groups, which the program's process enters.
static int join(const struct launch *launch) {
    static const struct {
        const char *name;
        int kind;
    } namespaces[] = {{"user", CLONE_NEWUSER}, {"pid", CLONE_NEWPID}, {"ipc", CLONE_NEWIPC}, {"mnt", CLONE_NEWNS}, {"cgroup", CLONE_NEWCGROUP}};
    pid_t process = (pid_t)launch->is.joined_process;
    enum { count = sizeof namespaces / sizeof *namespaces };
    int files[count];
    char path[64];
    for (int index = 0; index < count; index++) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", namespaces[index].name);
        files[index] = -1;
        // Not every kernel has all of them.
        if (access(path, F_OK) != 0) continue;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", process, namespaces[index].name);
        files[index] = open(path, O_RDONLY | O_CLOEXEC);
        if (files[index] < 0) return errno == ENOENT ? ESRCH : errno;
    }
    // Its number has not passed on to another: the shim has no other child of that number.
    if (sluice_parent_of(process) != launch->joined_shim) return ESRCH;
    for (int index = 0; index < count; index++) {
        struct stat theirs, ours;
        if (files[index] < 0) continue;
        snprintf(path, sizeof path, "/proc/self/ns/%s", namespaces[index].name);
        if (fstat(files[index], &theirs) != 0 || stat(path, &ours) != 0) return errno;
        if (theirs.st_ino == ours.st_ino) continue;
        if (namespaces[index].kind == CLONE_NEWNS) {
            identity.mounts = files[index];
        } else if (namespaces[index].kind == CLONE_NEWCGROUP) {
            identity.cgroups = files[index];
        } else if (setns(files[index], namespaces[index].kind) != 0) {
            return errno;
        } else if (index == 0) {
            identity.is_mapped = 1;
        }
    }
    return 0;
}

pid_t sluice_start_program(const struct launch *launch, int problem, int (*run)(const struct launch *)) {
    identity.user = geteuid();
    identity.group = getegid();
    int is_joined = launch->is.joined != 0;
    int flags = launch->is.mounts || has(launch, SLUICE_OWN_FILES) ? CLONE_NEWNS : 0;
    int is_first = has(launch, SLUICE_OWN_PROCESSES) && !is_joined;
    if (is_first) flags |= CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC;
    if (is_joined) {
        int error = join(launch);
        if (error) return -error;
        flags = 0;
    }
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    // Root may do this as it is; others in a user namespace, where they are root for that.
    pid_t pid = (pid_t)syscall(SYS_clone, (unsigned long)(flags | SIGCHLD), 0, 0, 0, 0);
    if (pid < 0 && errno == EPERM && flags) {
        identity.is_mapped = 1;
        pid = (pid_t)syscall(SYS_clone, (unsigned long)(flags | CLONE_NEWUSER | SIGCHLD), 0, 0, 0, 0);
        if (pid < 0) return -problem_of(0);
    }
    // A machine may have no such namespaces (EINVAL, ENOSYS), or none left (ENOSPC).
    if (pid != 0) return pid > 0 ? pid : flags ? -problem_of(0) : -errno;
    // Who kills the starter and the shim at once leaves nothing: the first process goes with the shim, and all others with it.
    if (is_first) prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Before anything else, so that all of the container counts, and while the path is seen.
    int error = sluice_enter_cgroup(launch);
    if (error) {
        error += SLUICE_CGROUP_FAILED;
    } else if (is_joined) {
        // The one of control groups last: in it the group could not be entered from outside.
        if (identity.cgroups >= 0 && setns(identity.cgroups, CLONE_NEWCGROUP) != 0) error = errno;
        if (!error && identity.mounts >= 0 && setns(identity.mounts, CLONE_NEWNS) != 0) error = errno;
    } else if (flags) {
        if (identity.is_mapped && map_user(launch) != 0) error = problem_of(0);
        if (!error) error = build(launch);
    }
    if (!error && is_first) {
        pid_t program = fork();
        if (program > 0) be_first_process(program, launch);
        if (program < 0) error = errno;
    }
    if (!error) error = run(launch);
    while (write(problem, &error, sizeof error) < 0 && errno == EINTR) {}
    _exit(127);
}
