/* As on a machine that has no header of its own. */
#include <asm-generic/qrwlock_types.h>
