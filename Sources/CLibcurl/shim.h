#ifndef SLUICE_CLIBCURL_SHIM_H
#define SLUICE_CLIBCURL_SHIM_H

// What Swift cannot call: curl's variadic functions, one wrapper for each type of argument.

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline CURLcode clibcurl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode clibcurl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}

// A string, a list, a private pointer, the context of a callback; NULL takes the option back.
static inline CURLcode clibcurl_set_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode clibcurl_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

// curl keeps a copy of the bytes.
static inline CURLcode clibcurl_set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
    return curl_easy_setopt(easy, option, &blob);
}

// For CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION.
static inline CURLcode clibcurl_set_receiver(
    CURL *easy, CURLoption option, size_t (*receive)(char *bytes, size_t size, size_t count, void *context)) {
    return curl_easy_setopt(easy, option, receive);
}

// For CURLOPT_PREREQFUNCTION.
static inline CURLcode clibcurl_set_prerequest(
    CURL *easy, int (*prepare)(void *context, char *address, char *localAddress, int port, int localPort)) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, prepare);
}

// For CURLOPT_DEBUGFUNCTION.
static inline CURLcode clibcurl_set_debug(
    CURL *easy, int (*tell)(CURL *easy, curl_infotype kind, char *bytes, size_t count, void *context)) {
    return curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, tell);
}

static inline CURLcode clibcurl_get_pointer(CURL *easy, CURLINFO info, void **value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode clibcurl_get_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLMcode clibcurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

// A peer that has gone without a word is noticed after half a minute, not after TCP's quarter of an hour: bytes that were
// sent on a connection shared by many requests would otherwise hold up all that come after.
static inline int clibcurl_tune_socket(void *context, curl_socket_t socket, curlsocktype purpose) {
    (void)context;
    (void)purpose;
#ifdef TCP_USER_TIMEOUT
    unsigned int milliseconds = 30000;
    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
#else
    (void)socket;
#endif
    return CURL_SOCKOPT_OK;
}

static inline CURLcode clibcurl_set_socket_tuning(CURL *easy) {
    return curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, clibcurl_tune_socket);
}

// A pipe with both ends closed on exec: in one step where the system has it, since between two steps another thread may
// start a child.
#ifdef __linux__
extern int pipe2(int ends[2], int flags);
#endif

static inline int clibcurl_pipe(int ends[2]) {
#ifdef __linux__
    return pipe2(ends, O_CLOEXEC);
#else
    if (pipe(ends) != 0) return -1;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return 0;
#endif
}

#endif
