#ifndef SLUICE_CTHREAD_SHIM_H
#define SLUICE_CTHREAD_SHIM_H

// A thread whose start function has the same type on every platform.

#include <pthread.h>
#include <signal.h>

// Starts a detached thread with a megabyte of stack; 0 or an errno. It takes no signals but those of its own faults: the
// process's are for the threads that expect them, and SIGPIPE becomes EPIPE (with CURLOPT_NOSIGNAL curl leaves it alone).
static inline int cthread_start_detached(void *(*body)(void *), void *argument) {
    pthread_attr_t attributes;
    int failure = pthread_attr_init(&attributes);
    if (failure) return failure;
    pthread_t thread;
    failure = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (!failure) failure = pthread_attr_setstacksize(&attributes, 1 << 20);
    sigset_t quiet, before;
    sigfillset(&quiet);
    const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&quiet, faults[i]);
    pthread_sigmask(SIG_SETMASK, &quiet, &before);
    if (!failure) failure = pthread_create(&thread, &attributes, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failure;
}

#endif
