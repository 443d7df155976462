/*
 * Two flags under two locks, in one run of bit fields: each assignment reads and writes the other flag too. This is a data race, and
 * the write of one flag can undo that of the other. A ":0" between them, or two whole members, would do.
 */
#include <linux/spinlock.h>

static struct device {
	spinlock_t rx_lock, tx_lock;
	unsigned int rx_stopped : 1;
	unsigned int tx_stopped : 1;
} dev;

static void stop_rx(struct device *d)
{
	spin_lock(&d->rx_lock);
	d->rx_stopped = 1;
	spin_unlock(&d->rx_lock);
}

static void stop_tx(struct device *d)
{
	spin_lock(&d->tx_lock);
	d->tx_stopped = 1;
	spin_unlock(&d->tx_lock);
}

SMPCHECK_THREAD(receiver) { stop_rx(&dev); }
SMPCHECK_THREAD(sender) { stop_tx(&dev); }
SMPCHECK_FINALLY() { SMPCHECK_ASSERT(dev.rx_stopped && dev.tx_stopped); }
SMPCHECK_EXPECT_FAILURE("data-race", "dev.rx_stopped && dev.tx_stopped")
