"""Many tests at once: which files a PATH means, and worker processes that answer them within limits."""
