/* What the C programs of tests/c use of a Unix system, for Windows: dlopen and dlsym (dlfcn.h), and
 * alarm, which is left out: whoever runs the program ends it in time. */
#ifndef WARDCARD_TEST_DLFCN_H
#define WARDCARD_TEST_DLFCN_H

#include <windows.h>

/* Names that both the system's headers and the programs have. */
#undef interface
#undef TEXT

#define RTLD_NOW 0
#define RTLD_LOCAL 0

static inline void *dlopen(const char *path, int how)
{
    (void)how;
    return LoadLibraryA(path);
}

static inline void *dlsym(void *library, const char *name)
{
    return (void *)GetProcAddress(library, name);
}

static inline unsigned alarm(unsigned seconds)
{
    (void)seconds;
    return 0;
}

#endif
