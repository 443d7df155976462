/* Memory of a user is memory: an access to it is a marked one, and finds its page. */
#ifndef SMPCHECK_ASM_UACCESS_H
#define SMPCHECK_ASM_UACCESS_H
#include_next <asm/uaccess.h>
#undef get_user
#undef put_user
#undef __get_user
#undef __put_user
#define get_user(x, p) ({ (x) = *(const volatile typeof(*(p)) *)(p); 0; })
#define put_user(x, p) ({ *(volatile typeof(*(p)) *)(p) = (x); 0; })
#define __get_user(x, p) get_user(x, p)
#define __put_user(x, p) put_user(x, p)
#endif
