"""Where inputs come from, and which of them are chosen."""
