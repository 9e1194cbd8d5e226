"""Before the first step: settings, seconds, memory."""
