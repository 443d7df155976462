/* What must hold is an assertion. */
#ifndef SMPCHECK_ASM_BUG_H
#define SMPCHECK_ASM_BUG_H
#include_next <asm/bug.h>
#undef BUG
#undef BUG_ON
#undef WARN
#undef WARN_ON
#undef WARN_ONCE
#undef WARN_ON_ONCE
#undef WARN_TAINT
#undef WARN_TAINT_ONCE
#define BUG() __smpcheck_bug(1)
#define BUG_ON(c) __smpcheck_bug(!!(c))
#define WARN_ON(c) ({ _Bool __warn = !!(c); __smpcheck_warn(__warn); __warn; })
#define WARN(c, ...) WARN_ON(c)
#define WARN_ONCE(c, ...) WARN_ON(c)
#define WARN_ON_ONCE(c) WARN_ON(c)
#define WARN_TAINT(c, ...) WARN_ON(c)
#define WARN_TAINT_ONCE(c, ...) WARN_ON(c)
#endif
