"""Where tasks run. Today: the threads of this process."""
