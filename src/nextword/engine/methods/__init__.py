"""Methods after training, a file each, and the chain that applies them."""
