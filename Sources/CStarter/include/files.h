#ifndef SLUICE_FILES_H
#define SLUICE_FILES_H

#include <sys/types.h>

// Work on folders in which containers may have put anything, and may be doing so now.

// Removes a file or folder with all that is in it, however deep that is. No link is followed. Returns 0 or errno.
int sluice_remove(const char *path);
// Gives a volume to a group, with these bits of the mode for files; folders get search and set-group-ID as well. Links are not followed,
// and what is gone meanwhile is passed over.
void sluice_give(const char *path, gid_t group, mode_t bits);

#endif
