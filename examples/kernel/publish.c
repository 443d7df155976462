/*
 * A configuration is replaced while readers use it: rcu_assign_pointer() against rcu_dereference(), with the error path of a
 * function that may fail. The old one is changed again only after a grace period.
 */
#include <linux/rcupdate.h>
#include <linux/mutex.h>

struct config {
	int limit;
	unsigned int enabled : 1, level : 3;
	struct rcu_head rcu;
};

static struct config first = { .limit = 1, .enabled = 1 }, second;
static struct config __rcu *current_config = &first;
static DEFINE_MUTEX(config_lock);

static int replace_config(struct config *new, int limit)
{
	struct config *old;
	int err = -EINVAL;

	if (limit <= 0)
		goto out;
	*new = (struct config){ .limit = limit, .enabled = 1, .level = 2 };

	mutex_lock(&config_lock);
	old = rcu_dereference_protected(current_config, lockdep_is_held(&config_lock));
	rcu_assign_pointer(current_config, new);
	mutex_unlock(&config_lock);

	synchronize_rcu();
	old->limit = 0;
	err = 0;
out:
	return err;
}

static int read_limit(void)
{
	struct config *config;
	int limit;

	rcu_read_lock();
	config = rcu_dereference(current_config);
	limit = config->limit;
	WARN_ON(!config->enabled);
	rcu_read_unlock();
	return limit;
}

SMPCHECK_THREAD(writer)
{
	WARN_ON(replace_config(&second, 5));
}

SMPCHECK_THREAD(reader)
{
	int limit = read_limit();

	SMPCHECK_ASSERT(limit == 1 || limit == 5);
}
