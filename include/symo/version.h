#ifndef SYMO_VERSION_H
#define SYMO_VERSION_H

/* The version of these headers. */
#define SYMO_VERSION_MAJOR 0
#define SYMO_VERSION_MINOR 1
#define SYMO_VERSION_PATCH 0
#define SYMO_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is loaded; compare it with SYMO_VERSION_STRING of the headers. */
const char *symo_version(void);

/* One line about the build: compiler, BLAS and its configuration, with the kernels that BLAS chose
 * for this processor.  Both texts are constant; any thread may ask for them at any time. */
const char *symo_build_info(void);

#ifdef __cplusplus
}
#endif
#endif
