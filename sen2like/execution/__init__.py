"""Where tasks run and in which order: graph, runner, executors; locks, retries, and what the machine allows."""
