"""What training will find on this machine, how fast it will be, and what to repair: the work of `nextword doctor`."""
