#define _GNU_SOURCE
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int sluice_make_log_file(const char *path) {
    if (unlink(path) != 0 && errno != ENOENT) return -1;
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0644);
}

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
    int file = sluice_make_log_file(path);
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

int sluice_begin_log(const char *path, int output, int errors) {
    container_log.path = path;
    container_log.file = sluice_make_log_file(path);
    if (container_log.file < 0) return errno;
    streams[0].pipe = output;
    streams[1].pipe = errors;
    // Of this end only: the container's waits.
    for (int index = 0; index < 2; index++) fcntl(streams[index].pipe, F_SETFL, O_NONBLOCK);
    return 0;
}

int sluice_log_pipe(int index) { return streams[index].pipe; }

void sluice_read_log(int index) { read_stream(&streams[index]); }

void sluice_finish_log(void) {
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
